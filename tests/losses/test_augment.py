import pytest
import torch

from gantools.losses.augment import Augment, cutout, diffaugment, translate
from gantools.losses.augment_warp import colour_warp, geometric_warp


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 8, channels: int = 3, size: int = 16) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=rng(9)) * 2 - 1


@pytest.mark.parametrize("channels", [1, 3])
def test_without_a_chance_nothing_changes_bit_for_bit(channels: int) -> None:
    given, never = images(channels=channels), torch.zeros(())
    assert torch.equal(geometric_warp(given, never, rng()), given)
    assert torch.equal(colour_warp(given, never, rng()), given)
    assert Augment("none").apply(given, rng()) is given
    assert torch.equal(Augment("ada").apply(given, rng()), given), "it begins with nothing"


@pytest.mark.parametrize("name", ["diffaugment", "ada"])
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_pass_and_chance_comes_from_the_generator_alone(name: str, channels: int) -> None:
    augment = Augment(name)  # type: ignore[arg-type]
    if name == "ada":
        augment.state["ada.p"].fill_(0.8)
    given = images(channels=channels).requires_grad_(True)
    once, again, other = (augment.apply(given, rng(seed)) for seed in (1, 1, 2))
    assert once.shape == given.shape
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    (gradient,) = torch.autograd.grad(once.square().sum(), [given])
    assert gradient.isfinite().all()
    assert gradient.any()


def test_translation_moves_by_whole_pixels_and_brings_in_zeros() -> None:
    given = images(2)
    moved = translate(given, torch.tensor([3, 0]), torch.tensor([-2, 0]))
    assert torch.equal(moved[0, :, 3:, :-2], given[0, :, :-3, 2:])
    assert not moved[0, :, :3].any()
    assert not moved[0, :, :, -2:].any()
    assert torch.equal(moved[1], given[1])


def test_cutout_takes_a_square_of_half_the_edge() -> None:
    cut = cutout(torch.ones(1, 1, 16, 16), torch.tensor([0.5]), torch.tensor([0.5]))
    assert (cut == 0).sum() == 8 * 8
    corner = cutout(torch.ones(1, 1, 16, 16), torch.tensor([0.0]), torch.tensor([0.0]))
    assert (corner == 0).sum() == 4 * 4


def test_diffaugment_changes_every_image_in_its_own_way() -> None:
    changed = diffaugment(images()[:1].expand(8, -1, -1, -1), rng())
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 8


def test_each_transformation_happens_as_often_as_it_should() -> None:
    """Of eight transformations with chance p, two turns sharing one, none happens to (1 - p)**7 of the images."""
    count, p = 4000, 0.1
    given = images(1, 1, 4).expand(count, -1, -1, -1)
    changed = geometric_warp(given, torch.tensor(p), rng())
    untouched = (changed == given).flatten(1).all(1).float().mean().item()
    # A flip, a quarter turn or a shift can also leave an image as it is; here shifts round to 0 or 1.
    assert (1 - p) ** 7 - 0.03 < untouched < (1 - p) ** 7 + 0.15
    coloured = colour_warp(given, torch.tensor(p), rng())
    untouched = (coloured == given).flatten(1).all(1).float().mean().item()
    assert (1 - p) ** 3 - 0.03 < untouched < (1 - p) ** 3 + 0.08, "inversion is a coin toss within its chance"


def test_colours_turn_about_the_axis_of_greys() -> None:
    grey = torch.full((64, 3, 2, 2), 0.25)
    changed = colour_warp(grey, torch.tensor(0.8), rng())
    assert torch.allclose(changed[:, 0], changed[:, 1], atol=1e-5)
    assert torch.allclose(changed[:, 0], changed[:, 2], atol=1e-5)
    assert changed.std() > 0.05


@pytest.mark.parametrize(("sign", "grows"), [(1.0, True), (-1.0, False)])
def test_ada_grows_while_real_images_are_known_by_heart(sign: float, grows: bool) -> None:
    augment = Augment("ada", target=0.6, ramp_images=640)
    augment.state["ada.p"].fill_(0.4)
    for call in range(8):
        terms = augment.observe(torch.full((32,), sign))
        assert terms["ADA.rt"] == sign
        steps = (call + 1) // 4
        expected = 0.4 + (0.2 if grows else -0.2) * steps
        assert terms["ADA.p"].item() == pytest.approx(expected, abs=1e-6)
    assert augment.state["ada.count"] == 0


def test_ada_stays_within_its_limits() -> None:
    augment = Augment("ada", ramp_images=10)
    for _ in range(40):
        augment.observe(torch.ones(32))
    assert augment.state["ada.p"].item() == pytest.approx(0.8), "beyond this, augmentations leak"
    for _ in range(40):
        augment.observe(-torch.ones(32))
    assert augment.state["ada.p"] == 0
