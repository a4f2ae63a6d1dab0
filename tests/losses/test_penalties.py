import pytest
import torch
from torch import nn

from gantools.core.errors import RecipeError
from gantools.losses.penalties import check_independent, gradient_penalty, r1


def test_r1_of_a_linear_discriminator_is_the_square_of_its_weights() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    weight, _ = net.parameters()
    penalty = r1(net, torch.randn(5, 3, 2, 2))
    assert penalty.item() == pytest.approx(weight.square().sum().item())
    (gradient,) = torch.autograd.grad(penalty, [weight])
    assert torch.allclose(gradient, 2 * weight)


def test_r1_is_computed_in_float32_under_autocast() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(16, 1), nn.Flatten(0))
    images = torch.randn(3, 1, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert net(images).dtype == torch.bfloat16, "autocast is on here"
        inside = r1(net, images)
    assert torch.equal(inside, r1(net, images))


def test_the_gradient_penalty_of_a_linear_critic_is_known_exactly() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    weight, _ = net.parameters()
    rng = torch.Generator().manual_seed(0)
    penalty = gradient_penalty(net, torch.randn(5, 3, 2, 2), torch.randn(5, 3, 2, 2), rng)
    assert penalty.item() == pytest.approx((weight.norm().item() - 1) ** 2, rel=1e-5)


def test_the_gradient_penalty_looks_between_the_images() -> None:
    seen = []

    def critic(images: torch.Tensor) -> torch.Tensor:
        seen.append(images.detach())
        return images.square().sum((1, 2, 3))

    gradient_penalty(critic, torch.ones(64, 1, 2, 2), torch.zeros(64, 1, 2, 2), torch.Generator().manual_seed(0))
    points = seen[0][:, 0, 0, 0]
    assert 0 <= points.min() < 0.1 < 0.9 < points.max() <= 1
    assert torch.equal(seen[0], points[:, None, None, None].expand(64, 1, 2, 2)), "one share for a whole image"


def test_batch_norm_under_a_penalty_is_refused_by_the_name_of_the_option() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    with pytest.raises(RecipeError, match=r"objective.gp_weight needs a discriminator without batch norm"):
        check_independent(net, "gp_weight")
    check_independent(net.eval(), "gp_weight")


def test_patches_are_penalized_through_their_mean() -> None:
    """So that a weight means the same for any number of patches."""
    torch.manual_seed(0)
    critic, images = nn.Conv2d(1, 1, 3), torch.randn(5, 1, 6, 6)
    by_patches = r1(lambda x: critic(x).flatten(1), images)
    assert by_patches.item() == pytest.approx(r1(lambda x: critic(x).mean((1, 2, 3)), images).item())


def test_second_derivatives_pass_through_convolutions_in_any_memory_layout() -> None:
    """The gradient of the penalty is the same in both, and what a small step changes."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.Softplus(), nn.Conv2d(4, 1, 2), nn.Flatten(0))
    images, results = torch.randn(3, 2, 4, 4), []
    for layout in (torch.contiguous_format, torch.channels_last):
        for module in net:
            module.to(memory_format=layout)  # type: ignore[call-overload]  # missing in torch's stubs
        penalty = r1(net, images.contiguous(memory_format=layout))
        results.append(torch.autograd.grad(penalty, list(net.parameters()), allow_unused=True))
    assert len(results[0]) == 4
    for one, other in zip(*results, strict=True):
        assert (one is None) == (other is None)
        assert one is None or torch.allclose(one, other, rtol=1e-4, atol=1e-7)
    first, step = next(net.parameters()), 1e-3
    direction = torch.randn_like(first)
    with torch.no_grad():
        first.add_(direction, alpha=step)
    above = r1(net, images)
    with torch.no_grad():
        first.sub_(direction, alpha=2 * step)
    slope = (above - r1(net, images)) / (2 * step)
    assert slope.item() == pytest.approx((results[0][0] * direction).sum().item(), rel=1e-2)
