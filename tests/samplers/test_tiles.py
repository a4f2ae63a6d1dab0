from itertools import pairwise

import pytest

from gantools.samplers.tiles import Tiling, cuts


@pytest.mark.parametrize("length", [16, 64, 65, 100, 101, 256])
@pytest.mark.parametrize(("size", "halo", "align"), [(16, 0, 1), (32, 5, 1), (48, 8, 8), (64, 31, 1)])
def test_every_pixel_is_kept_once_and_has_its_halo(length: int, size: int, halo: int, align: int) -> None:
    length = -(-length // align) * align
    parts = cuts(length, size, halo, align)
    assert [part.first for part in parts] == [0, *(part.last for part in parts[:-1])]
    assert parts[-1].last == length
    for part in parts:
        size_here = min(size, length)
        assert part.start % align == 0
        assert 0 <= part.start <= part.first < part.last <= part.start + size_here <= length
        assert part.first == 0 or part.first - part.start >= halo
        assert part.last == length or part.start + size_here - part.last >= halo
    assert all(one.start < other.start for one, other in pairwise(parts))


def test_parts_of_nothing_but_halo_are_refused() -> None:
    with pytest.raises(ValueError, match="parts of 16 pixels are nothing but halos of 8"):
        cuts(100, 16, 8)


def test_an_image_is_cut_in_both_directions() -> None:
    found = list(Tiling((32, 32), 4).cuts(64, 32))
    assert [(row.start, column.start) for row, column in found] == [(0, 0), (24, 0), (32, 0)]
