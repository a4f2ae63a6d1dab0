import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gantools.core.events import Event, Note
from gantools.metrics import reference
from gantools.metrics.features import Extractor, Images, load_extractor
from gantools.metrics.reference import chosen, reference_rows


@dataclass(frozen=True)
class Real:
    images: Images
    digest: str = "d" * 64
    name: str = "real"


@pytest.fixture
def real() -> Real:
    return Real(np.random.default_rng(0).integers(0, 256, (60, 32, 32, 1), dtype=np.uint8))


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load_extractor("digits-cnn")


def files(cache: Path) -> list[Path]:
    return sorted((cache / "features").glob("*.npz"))


def test_references_are_looked_at_once(real: Real, extractor: Extractor, user_cache: Path) -> None:
    seen: list[Event] = []
    first = reference_rows(real, extractor, on_event=seen.append)
    assert seen
    seen.clear()
    again = reference_rows(real, extractor, on_event=seen.append)
    assert seen == []
    np.testing.assert_array_equal(again.features, first.features)
    np.testing.assert_array_equal(again.probabilities, extractor.probabilities(real.images))
    assert len(files(user_cache)) == 1


def test_other_data_or_fewer_images_are_looked_at_anew(real: Real, extractor: Extractor, user_cache: Path) -> None:
    reference_rows(real, extractor)
    reference_rows(replace(real, digest="e" * 64), extractor)
    few = reference_rows(real, extractor, limit=40)
    np.testing.assert_allclose(few.features, extractor.features(real.images[chosen(60, 40)]), rtol=1e-6)
    assert len(files(user_cache)) == 3


@pytest.mark.parametrize("damage", ["cut", "flipped", "replaced", "other shape"])
def test_a_damaged_file_is_made_again(real: Real, extractor: Extractor, user_cache: Path, damage: str) -> None:
    first = reference_rows(real, extractor)
    (file,) = files(user_cache)
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 3] ^= 1
        file.write_bytes(content)
    elif damage == "replaced":
        file.write_bytes(b"something else")
    else:
        np.savez(file, features=first.features[:-1], probabilities=first.probabilities[:-1])
    again = reference_rows(real, extractor)
    np.testing.assert_array_equal(again.features, first.features)
    assert len(file.read_bytes()) == len(content)


def test_the_cache_has_a_bound_and_the_longest_unused_goes_first(
    real: Real, extractor: Extractor, user_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference_rows(real, extractor)
    (oldest,) = files(user_cache)
    size = oldest.stat().st_size
    monkeypatch.setattr(reference, "BOUND_BYTES", 2.5 * size)
    reference_rows(replace(real, digest="e" * 64), extractor)
    (second,) = set(files(user_cache)) - {oldest}
    for age, file in enumerate((second, oldest), start=1):
        seconds = file.stat().st_mtime - 100.0 / age
        os.utime(file, (seconds, seconds))
    reference_rows(real, extractor)  # used: now the newest
    reference_rows(replace(real, digest="f" * 64), extractor)
    assert oldest in files(user_cache)
    assert second not in files(user_cache)
    assert len(files(user_cache)) == 2


def test_a_cache_that_cannot_be_written_costs_a_warning_and_nothing_else(
    real: Real, extractor: Extractor, user_cache: Path
) -> None:
    user_cache.parent.mkdir(parents=True)
    user_cache.write_text("a file where the folder should be")
    seen: list[Event] = []
    rows = reference_rows(real, extractor, on_event=seen.append)
    assert rows.features.shape == (60, 64)
    (note,) = [event for event in seen if isinstance(event, Note)]
    assert note.level == "warning"
    assert "not kept for the next time" in note.text


def test_the_chosen_images_are_always_the_same_and_in_order() -> None:
    rows: npt.NDArray[np.int64] = chosen(1000, 100)
    assert len(set(rows.tolist())) == 100
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, chosen(1000, 100))
    np.testing.assert_array_equal(chosen(50, 100), np.arange(50))
    others = chosen(1000, 300, after=100)
    assert len(others) == 300
    assert not set(others.tolist()) & set(rows.tolist())
