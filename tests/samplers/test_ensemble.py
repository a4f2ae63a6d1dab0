import numpy as np
import numpy.typing as npt
import pytest

from gantools.samplers.ensemble import VIEWS, averaged, seen, unseen

Pixels = npt.NDArray[np.uint8]


def picture(height: int = 5, width: int = 7) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (2, height, width, 3), np.uint8)


def test_the_views_are_eight_and_each_comes_back() -> None:
    images = picture(6, 6)
    views = [seen(images, view) for view in range(VIEWS)]
    assert len({view.tobytes() for view in views}) == 8
    for number, view in enumerate(views):
        np.testing.assert_array_equal(unseen(view, number), images)
    np.testing.assert_array_equal(views[0], images)


def test_what_turns_along_is_unchanged_and_what_does_not_is_averaged() -> None:
    images = picture()

    def enlarged(view: Pixels) -> Pixels:
        return view.repeat(2, axis=1).repeat(2, axis=2)

    made = averaged(enlarged, images)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, enlarged(images))
    sizes = set()

    def first_corner(view: Pixels) -> Pixels:
        """Marks the pixel at the upper left, which in the eight views is each corner twice."""
        sizes.add(view.shape[1:3])
        marked = np.zeros_like(view)
        marked[:, 0, 0] = 200
        return marked

    corners = averaged(first_corner, images)
    assert sizes == {(5, 7), (7, 5)}
    assert [int(corners[0, row, column, 0]) for row in (0, -1) for column in (0, -1)] == [50, 50, 50, 50]
    assert int(corners.astype(int).sum()) == 4 * 50 * 2 * 3


@pytest.mark.parametrize(("values", "mean"), [([1] * 4 + [2] * 4, 2), ([1] * 5 + [2] * 3, 1), ([65535] * 8, 65535)])
def test_means_are_rounded_half_up_and_hold_sixteen_bits(values: list[int], mean: int) -> None:
    left = iter(values)
    made = averaged(lambda view: np.full_like(view, next(left)), np.zeros((1, 2, 2, 1), np.uint16))
    assert made.dtype == np.uint16
    assert (made == mean).all()
