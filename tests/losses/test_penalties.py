import pytest
import torch
from torch import nn

from gantools.losses.penalties import r1


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
