from collections.abc import Sequence
from typing import Any

import pytest
import torch

from gantools.losses.augment import Augment, AugmentName


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 8, channels: int = 3, size: int = 16) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=rng(9)) * 2 - 1


def strong(name: AugmentName, **options: Any) -> Augment:
    """An augmentation that is likely to do something."""
    augment = Augment(name, **options)
    for p in ("ada.p",) if name == "ada" else ():
        augment.state[p].fill_(0.8)
    return augment


def average(augments: Sequence[Augment]) -> None:
    """What a training does to the states of its processes after each phase."""
    for key in augments[0].state:
        mean = torch.stack([augment.state[key] for augment in augments]).mean()
        for augment in augments:
            augment.state[key].copy_(mean)


def test_nothing_is_the_beginning_of_ada_bit_for_bit() -> None:
    given = images()
    assert Augment("none").apply(given, rng()) is given
    assert torch.equal(Augment("ada").apply(given, rng()), given)
    assert set(Augment("diffaugment").state) == set(), "nothing to remember"


@pytest.mark.parametrize("name", ["diffaugment", "ada"])
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_reach_the_images_and_chance_comes_from_the_generator_alone(name: AugmentName, channels: int) -> None:
    augment = strong(name)
    given = images(channels=channels).requires_grad_(True)
    once, again, other = (augment.apply(given, rng(seed)) for seed in (1, 1, 2))
    assert once.shape == given.shape
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    (gradient,) = torch.autograd.grad(once.square().sum(), [given])
    assert gradient.isfinite().all()
    assert gradient.flatten(1).any(1).all(), "of every image"


@pytest.mark.parametrize("name", ["diffaugment", "ada"])
def test_the_gradient_is_the_derivative(name: AugmentName) -> None:
    """Both kinds are affine in the image once their chances are drawn: the slope is the difference of two points."""
    augment = strong(name)
    given = images(4).requires_grad_(True)
    direction, weight = torch.randn(given.shape, generator=rng(3)), torch.randn(given.shape, generator=rng(4))
    (gradient,) = torch.autograd.grad((augment.apply(given, rng()) * weight).sum(), [given])
    difference = augment.apply(given + direction, rng()) - augment.apply(given, rng())
    assert (gradient * direction).sum().item() == pytest.approx((difference * weight).sum().item(), rel=1e-3)


@pytest.mark.parametrize("name", ["diffaugment", "ada"])
def test_autocast_does_not_make_the_coordinates_coarse(name: AugmentName) -> None:
    given = images(size=64)
    outside = strong(name).apply(given, rng())
    with torch.autocast("cpu", torch.bfloat16):
        assert (given[0, 0] @ given[0, 0]).dtype == torch.bfloat16, "autocast is on here"
        inside = strong(name).apply(given, rng())
    assert torch.equal(inside, outside)


@pytest.mark.parametrize("name", ["diffaugment", "ada"])
def test_generated_images_in_bfloat16_are_augmented_in_float32(name: AugmentName) -> None:
    assert strong(name).apply(images().bfloat16(), rng()).dtype == torch.float32


@pytest.mark.parametrize(("sign", "step"), [(1.0, 0.2), (-1.0, -0.2)])
def test_ada_moves_once_in_four_updates_up_where_real_images_are_known_by_heart(sign: float, step: float) -> None:
    augment = Augment("ada", target=0.6, ramp_images=640)
    augment.state["ada.p"].fill_(0.4)
    seen = []
    for _ in range(9):
        terms = augment.observe(torch.full((32,), sign))
        assert terms["ADA.rt"] == sign
        seen.append(terms["ADA.p"].item())
    assert seen == pytest.approx([0.4] * 4 + [0.4 + step] * 4 + [0.4 + 2 * step], abs=1e-6)


def test_ada_needs_half_a_million_images_from_nothing_to_everything() -> None:
    augment, batch = Augment("ada", limit=1.0), 1000
    for _ in range(500 + 1):
        augment.observe(torch.ones(batch))
    assert augment.state["ada.p"].item() == pytest.approx(1.0, abs=1e-4)


def test_the_mean_sign_is_of_four_updates_and_not_of_the_last() -> None:
    augment = Augment("ada", target=0.6, ramp_images=128)
    for share in (1.0, 1.0, 1.0, -1.0):
        terms = augment.observe(torch.full((32,), share))
    assert terms["ADA.rt"] == 0.5
    augment.state["ada.p"].fill_(0.5)
    assert augment.observe(torch.ones(32))["ADA.p"] == 0.0, "0.5 is below the target"


def test_patches_are_counted_as_one_image() -> None:
    single, patches = (Augment("ada", ramp_images=1000) for _ in range(2))
    for _ in range(5):
        single.observe(torch.ones(8))
        patches.observe(torch.ones(8, 9))
    assert single.state["ada.p"] == patches.state["ada.p"] > 0


def test_ada_stays_within_its_limits() -> None:
    augment = Augment("ada", ramp_images=10)
    for _ in range(40):
        augment.observe(torch.ones(32))
    assert augment.state["ada.p"].item() == pytest.approx(0.8), "beyond this, augmentations leak"
    for _ in range(40):
        augment.observe(-torch.ones(32))
    assert augment.state["ada.p"] == 0


def test_two_processes_agree_with_one_that_sees_both_their_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them alone would see too few positive logits to grow."""
    batches = [torch.randn(16, generator=rng(seed)) + 1.3 for seed in range(12)]
    batches = [torch.cat([batch, batch.abs()]) for batch in batches]
    alone = Augment("ada", ramp_images=1280)
    for batch in batches:
        alone.observe(batch)
    monkeypatch.setattr("gantools.losses.augment._processes", lambda: 2)
    two = [Augment("ada", ramp_images=1280) for _ in range(2)]
    for batch in batches:
        for augment, half in zip(two, torch.split(batch, 16), strict=True):
            augment.observe(half)
        average(two)
    for key, value in alone.state.items():
        assert two[0].state[key] == two[1].state[key]
        assert two[0].state[key].item() == pytest.approx(value.item())
    assert alone.state["ada.p"] > 0
