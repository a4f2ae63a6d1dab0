import numpy as np
import pytest

from gantools.core.errors import DataError
from gantools.metrics.video.frame import Frame, change_along
from tests.metrics.video.moving import SIZE, frames, give, sliding

INNER = np.s_[12:-12, 12:-12]


def test_a_flow_leads_back_to_where_things_were() -> None:
    _, frame = frames(sliding(2, x=3, y=-2))
    assert np.abs(frame.flow[INNER].mean((0, 1)) - (-3, 2)).max() < 0.1
    assert np.abs(frame.farneback[INNER].mean((0, 1)) - (3, -2)).max() < 0.3, "and this one leads on from there"


def test_what_came_into_the_picture_was_not_visible() -> None:
    _, frame = frames(sliding(2, x=6, y=0))
    assert frame.visible[INNER].mean() > 0.95
    assert frame.visible[:, :5].mean() < 0.1


def test_what_moves_along_does_not_change() -> None:
    before, frame = frames(sliding(2))
    change = np.abs(change_along(frame.flow, frame.luma, before.luma))[INNER]
    assert change.mean() < 0.5
    assert np.abs(frame.luma - before.luma)[INNER].mean() > 5 * change.mean()


def test_brightness_is_that_of_bt_601() -> None:
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]]], np.uint8)
    assert Frame(give(primaries)).luma[0] == pytest.approx([81.481, 144.553, 40.966, 235, 16])


def test_brightness_as_stored_is_refused_where_there_is_none() -> None:
    frame = Frame(give(np.zeros((8, 8, 3), np.uint8)))
    with pytest.raises(DataError, match="brightness as it is stored is measured between two videos of 8 bits"):
        _ = frame.stored
    assert frame.brightness[1] == "bt601"
    stored = np.full((8, 8), 7, np.uint8)
    assert Frame(give(np.zeros((8, 8, 3), np.uint8)), stored).brightness == (stored, "stored")


def test_a_frame_holds_one_frame_before_it_and_not_more() -> None:
    first, last = Frame(give(sliding(1)[0])), None
    frame = first
    for picture in sliding(4):
        last, frame = frame, Frame(give(picture), before=frame)
    assert frame.before is last
    assert last is not None
    assert last.before is None


def test_pictures_too_small_to_move_are_refused() -> None:
    pictures = [np.full((4, 4, 3), value, np.uint8) for value in (10, 20)]
    with pytest.raises(DataError, match="pictures of 4x4 pixels are too small to see how they move"):
        _ = frames(pictures)[1].flow
    assert frames(sliding(2))[1].flow.shape == (SIZE, SIZE, 2)
