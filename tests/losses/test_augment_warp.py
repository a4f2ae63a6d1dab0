"""What adaptive augmentation does to images, and how often: every share below is known in closed form."""

from math import log, sqrt

import pytest
import torch

from gantools.losses.augment_warp import colour_warp, geometric_warp

COUNT, SIZE, P = 8000, 16, 0.1
# Chances that a transformation leaves an image where it is.
NO_FLIP, NO_QUARTER, NO_SHIFT = 1 - P / 2, 1 - P * 3 / 4, 1 - P + P / 16
NO_REST = (1 - P) ** 4  # scale, turns, stretch, fractional shift


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(1, 1, SIZE, SIZE, generator=rng(9)) * 2 - 1


@pytest.fixture(scope="module")
def warped(image: torch.Tensor) -> torch.Tensor:
    return geometric_warp(image.expand(COUNT, -1, -1, -1), torch.tensor(P), rng())


def share(warped: torch.Tensor, expected: torch.Tensor, border: int = 0) -> float:
    inside = slice(border, SIZE - border)
    near = (warped - expected).abs()[..., inside, inside] < 1e-4
    return near.flatten(1).all(1).float().mean().item()


def assert_is(found: float, expected: float) -> None:
    assert abs(found - expected) < 4 * sqrt(expected * (1 - expected) / COUNT)


@pytest.mark.parametrize("channels", [1, 3])
def test_without_a_chance_nothing_changes_bit_for_bit(channels: int) -> None:
    given, never = torch.rand(8, channels, SIZE, SIZE, generator=rng()) * 2 - 1, torch.zeros(())
    assert torch.equal(geometric_warp(given, never, rng()), given)
    assert torch.equal(colour_warp(given, never, rng()), given)


def test_as_many_images_stay_and_are_flipped_as_should(image: torch.Tensor, warped: torch.Tensor) -> None:
    others = NO_QUARTER * NO_SHIFT * NO_REST
    assert_is(share(warped, image), NO_FLIP * others)
    assert_is(share(warped, image.flip(3)), P / 2 * others)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_equally_likely(image: torch.Tensor, warped: torch.Tensor, quarters: int) -> None:
    expected = NO_FLIP * P / 4 * NO_SHIFT * NO_REST
    assert_is(share(warped, image.rot90(quarters, (2, 3))), expected)


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, -1), (-1, 1)])
def test_whole_shifts_move_the_content_by_whole_pixels(
    image: torch.Tensor, warped: torch.Tensor, right: int, down: int
) -> None:
    """Up to an eighth of the edge, two pixels: rounding leaves 0 and each of -1 and 1 a quarter of the chances."""
    moved = image.roll((down, right), (2, 3))
    assert_is(share(warped, moved, border=1), NO_FLIP * NO_QUARTER * P / 16 * NO_REST)


def test_general_geometry_keeps_the_middle_of_an_even_image_and_reflects_at_its_borders() -> None:
    even = torch.full((64, 3, SIZE, SIZE), 0.3)
    assert torch.allclose(geometric_warp(even, torch.tensor(1.0), rng()), even, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_greys_are_moved_then_stretched_then_inverted_as_in_the_paper(channels: int) -> None:
    """y = s c (x + b): the line through two greys gives b, c and s, whose distributions are published."""
    low, high = (
        colour_warp(torch.full((COUNT, channels, 1, 1), grey), torch.tensor(1.0), rng())[..., 0, 0]
        for grey in (-0.5, 0.5)
    )
    slope, middle = (high - low)[:, 0], ((high + low) / 2)[:, 0]
    assert torch.allclose(high, high.mean(1, keepdim=True), atol=1e-4), "a grey stays grey"
    assert (middle / slope).std().item() == pytest.approx(0.2, rel=0.05)
    assert slope.abs().log2().std().item() == pytest.approx(0.5, rel=0.05)
    assert_is((slope < 0).float().mean().item(), 0.5)


def test_colours_turn_about_the_greys_and_fade() -> None:
    """The distance from grey is stretched by contrast and saturation: standard deviations 1/2 and 1 in octaves."""
    red = torch.tensor([0.5, -0.25, -0.25]).reshape(1, 3, 1, 1).expand(COUNT, -1, -1, -1)
    zero = torch.zeros_like(red)
    turned = (colour_warp(red, torch.tensor(1.0), rng()) - colour_warp(zero, torch.tensor(1.0), rng()))[..., 0, 0]
    lengths = turned.norm(dim=1) / red[0].norm()
    assert turned.sum(1).abs().max() < 1e-4 * lengths.max()
    assert lengths.log().std().item() == pytest.approx(sqrt(0.5**2 + 1) * log(2), rel=0.05)
    hue = torch.atan2(sqrt(3) * (turned[:, 1] - turned[:, 2]), 2 * turned[:, 0] - turned[:, 1] - turned[:, 2])
    counts = torch.histc(hue, 4, -torch.pi, torch.pi)
    for count in counts:
        assert_is(count.item() / COUNT, 0.25)


def test_colour_transformations_happen_as_often_as_they_should() -> None:
    changed = colour_warp(torch.full((COUNT, 1, 1, 1), 0.3), torch.tensor(P), rng())
    assert_is((changed == 0.3).float().mean().item(), (1 - P) ** 2 * (1 - P / 2))
    coloured = colour_warp(torch.rand(COUNT, 3, 2, 2, generator=rng(1)), torch.tensor(P), rng())
    given = torch.rand(COUNT, 3, 2, 2, generator=rng(1))
    assert_is(
        torch.isclose(coloured, given, atol=1e-6).flatten(1).all(1).float().mean().item(), (1 - P) ** 4 * (1 - P / 2)
    )
