import pytest
import torch

from gantools.losses.diffaugment import FAMILIES, Family, colour, cutout, diffaugment, translate


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 8, channels: int = 3, size: int = 16) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=rng(9)) * 2 - 1


def test_translation_moves_by_whole_pixels_and_brings_in_zeros() -> None:
    given = images(2)
    moved = translate(given, torch.tensor([3, 0]), torch.tensor([-2, 0]))
    assert torch.equal(moved[0, :, 3:, :-2], given[0, :, :-3, 2:])
    assert not moved[0, :, :3].any()
    assert not moved[0, :, :, -2:].any()
    assert torch.equal(moved[1], given[1])


def test_shifts_reach_an_eighth_of_the_edge_and_are_equally_likely() -> None:
    dot = torch.zeros(1, 1, 16, 16)
    dot[..., 8, 8] = 1.0
    moved = diffaugment(dot.expand(5000, -1, -1, -1), rng(), ["translation"]).squeeze(1)
    places = moved.flatten(1).argmax(1)
    for edge in (places // 16, places % 16):
        counts = torch.bincount(edge, minlength=16)
        assert counts.nonzero().flatten().tolist() == [6, 7, 8, 9, 10]
        assert (counts[6:11] / 5000 - 0.2).abs().max() < 0.025


def test_cutout_takes_a_square_of_half_the_edge() -> None:
    ones = torch.ones(1, 1, 16, 16)
    assert (cutout(ones, torch.tensor([0.5]), torch.tensor([0.5])) == 0).sum() == 8 * 8
    assert (cutout(ones, torch.tensor([0.0]), torch.tensor([0.0])) == 0).sum() == 4 * 4
    assert (cutout(ones, torch.tensor([0.999]), torch.tensor([0.5])) == 0).sum() == 4 * 8
    odd = cutout(torch.ones(1, 1, 6, 6), torch.tensor([0.0]), torch.tensor([0.999]))
    assert (odd == 0).nonzero()[:, 2:].tolist() == [[0, 4], [0, 5], [1, 4], [1, 5]], "around a corner pixel"


def test_the_middle_of_every_draw_leaves_colours_as_they_are() -> None:
    given, middle = images(), torch.full((8,), 0.5)
    assert torch.allclose(colour(given, middle, middle, middle), given, atol=1e-6)


def test_each_colour_draw_has_its_own_effect() -> None:
    given, middle, high = images(), torch.full((8,), 0.5), torch.full((8,), 0.75)
    assert torch.allclose(colour(given, high, middle, middle), given + 0.25, atol=1e-6)
    grey, mean = given.mean(1, keepdim=True), given.mean((1, 2, 3), keepdim=True)
    assert torch.allclose(colour(given, middle, high, middle), grey + 1.5 * (given - grey), atol=1e-6)
    assert torch.allclose(colour(given, middle, middle, high), mean + 1.25 * (given - mean), atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_policy_applies_what_it_names_and_nothing_else(family: Family) -> None:
    given = images()
    zeros = diffaugment(given, rng(), [family]) == 0.0
    assert zeros.any() == (family != "color")
    if family == "cutout":
        kept = diffaugment(given, rng(), [family])
        assert torch.equal(kept[~zeros], given[~zeros])
    assert not torch.equal(diffaugment(given, rng(), [family]), diffaugment(given, rng()))


def test_every_image_is_changed_in_its_own_way() -> None:
    changed = diffaugment(images()[:1].expand(8, -1, -1, -1), rng())
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 8
