from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantools.core.events import Event, Note, Progress
from gantools.data import ImageSet, note_duplicates
from gantools.data.statistics import statistics


def test_the_figures_are_those_of_numpy(noise: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gantools.data.statistics.PIECE_BYTES", 2000)  # several pieces, the last one smaller
    pixels = noise(7)
    pixels[..., 1] //= 3
    found = statistics(ImageSet("noise", pixels, "", ()))
    flat = pixels.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(found.mean, flat.mean(0), rtol=1e-13)
    np.testing.assert_allclose(found.std, flat.std(0), rtol=1e-12)
    assert (found.low, found.high) == (tuple(flat.min(0)), tuple(flat.max(0)))
    assert (found.count, found.repeated) == (7, 0)


def test_the_figures_of_one_colour_have_no_spread() -> None:
    found = statistics(ImageSet("white", np.full((3, 8, 8, 1), 255, np.uint8), "", ()))
    assert (found.mean, found.std, found.low, found.high, found.repeated) == ((255.0,), (0.0,), (255,), (255,), 2)


def test_the_sums_of_a_large_set_do_not_overflow() -> None:
    one = np.zeros((32, 32, 1), np.uint8)
    one[:16] = 255
    found = statistics(ImageSet("large", np.broadcast_to(one, (40_000, 32, 32, 1)), "", ()))
    assert (found.mean, found.std) == ((127.5,), (127.5,))
    assert found.repeated == 39_999


def test_they_are_computed_once_and_follow_the_content(noise: Any, opened: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", noise(5))
    events: list[Event] = []
    first = statistics(opened(tmp_path / "a.npy"), on_event=events.append)
    assert [event.stage for event in events if isinstance(event, Progress)] == ["measure images"]
    assert statistics(opened(tmp_path / "a.npy"), on_event=events.append) == first
    assert len(events) == 1, "the second time they are read"
    (kept,) = (tmp_path / "cache" / "images").glob("*.statistics.json")
    kept.write_text("damaged")
    assert statistics(opened(tmp_path / "a.npy")) == first
    np.save(tmp_path / "a.npy", noise(5, seed=1))
    assert statistics(opened(tmp_path / "a.npy")) != first


def test_repeated_images_are_noted_in_one_sentence(noise: Any) -> None:
    pixels = noise(10)
    events: list[Event] = []
    note_duplicates(ImageSet("noise", pixels, "", ()), on_event=events.append)
    assert not [event for event in events if isinstance(event, Note)]
    pixels[4] = pixels[7] = pixels[0]
    note_duplicates(ImageSet("noise", pixels, "", ()), on_event=events.append)
    (note,) = [event for event in events if isinstance(event, Note)]
    assert "2 of 10 images in 'noise' (20.0%) are equal to an earlier one" in note.text
    assert note.level == "warning"
