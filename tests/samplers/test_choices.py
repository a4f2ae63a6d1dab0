from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gantools
from gantools.core.artifact import Manifest
from gantools.core.errors import GantoolsError, InputMismatchError, UnknownNameError
from gantools.samplers.choices import chosen_inputs, class_name, classes_of
from tests.zoo import make_artifact, make_conditional


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return make_conditional(tmp_path_factory.mktemp("zoo") / "art").manifest


def test_settings_fill_every_row(manifest: Manifest) -> None:
    found = chosen_inputs(manifest, 3, {"truncation": 0.7}, None)
    assert set(found) == {"truncation"}
    np.testing.assert_array_equal(found["truncation"], np.full(3, 0.7, np.float32))
    assert found["truncation"].dtype == np.float32
    assert chosen_inputs(manifest, 3, {}, None) == {}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (2, [2, 2, 2]),
        (np.int64(1), [1, 1, 1]),
        ("boot", [0, 0, 0]),
        ("2", [2, 2, 2]),
        ("10", [1, 1, 1]),  # a name before a number: there is no class number 10
        ("1", [1, 1, 1]),  # a number, for no class is called so
        (["boot", 1, "2"], [0, 1, 2]),
    ],
)
def test_a_class_is_a_name_or_a_number(manifest: Manifest, label: Any, expected: list[int]) -> None:
    found = chosen_inputs(manifest, 3, {}, label)["label"]
    assert found.dtype == np.int64
    assert found.tolist() == expected


def test_classes_are_counted_and_named(manifest: Manifest, tmp_path: Path) -> None:
    assert classes_of(manifest, "each") == 3
    assert [class_name(manifest, number) for number in range(3)] == ["boot", "10", "2"]
    nameless = make_conditional(tmp_path / "art", ()).manifest
    assert [class_name(nameless, number) for number in range(3)] == ["0", "1", "2"]
    assert chosen_inputs(nameless, 1, {}, "2")["label"].tolist() == [2]


@pytest.mark.parametrize(
    ("settings", "label", "kind", "message", "hint"),
    [
        ({"truncation": 1.6}, None, InputMismatchError, "'truncation' is 1.6, and must lie between 0 and 1.5", "is 1"),
        ({"truncation": -0.1}, None, InputMismatchError, "'truncation' is -0.1, and must lie", "default"),
        ({"truncation": float("nan")}, None, InputMismatchError, "'truncation' is nan, and must lie", "default"),
        ({"truncaton": 1.0}, None, UnknownNameError, "did you mean 'truncation'", "known: truncation"),
        ({}, "bot", UnknownNameError, "'bot'; did you mean 'boot'", "known: boot, 10, 2"),
        ({}, 3, InputMismatchError, "label 3 is none of the 3 classes, whose numbers are 0 to 2", "boot, 10, 2"),
        ({}, "7", InputMismatchError, "label 7 is none of the 3 classes", "boot"),
        ({}, -1, InputMismatchError, "label -1 is none of the 3 classes", "boot"),
        ({}, [0, 1], InputMismatchError, "there are 2 labels for 4 samples", "one for each"),
    ],
)
def test_what_cannot_be_chosen_is_one_sentence(
    manifest: Manifest, settings: dict[str, float], label: Any, kind: type[GantoolsError], message: str, hint: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        chosen_inputs(manifest, 4, settings, label)
    assert hint in (caught.value.hint or "")


def test_an_artifact_without_classes_or_settings_says_so(tmp_path: Path) -> None:
    plain = make_artifact(tmp_path / "art").manifest
    with pytest.raises(InputMismatchError, match="'zoo-deconv' has no classes, got label 'boot'"):
        chosen_inputs(plain, 1, {}, "boot")
    with pytest.raises(InputMismatchError, match="'zoo-deconv' has no settings, got 'truncation'"):
        chosen_inputs(plain, 1, {"truncation": 1.0}, None)


def test_choices_reach_the_graph_and_leave_the_rest_to_the_seed(tmp_path: Path) -> None:
    make_conditional(tmp_path / "art")
    with gantools.open_artifact(tmp_path / "art") as generator:
        flat = generator.sample([4, 5], settings={"truncation": 0.0}, label=[0, 1])
        assert (flat[0] == 128).all()
        assert (flat[1] == 188).all()
        by_label = [generator.sample([4], label=number).astype(int) for number in range(3)]
        drawn = generator.sample([4]).astype(int)
        given = generator.sample([4], label=2, inputs={"label": np.array([0])})
    assert (by_label[1] - by_label[0] == 60).all()
    assert any((drawn == one).all() for one in by_label)
    assert (given == by_label[0]).all(), "an input that is given counts"
