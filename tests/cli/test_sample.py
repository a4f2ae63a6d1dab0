"""Choosing settings and classes on the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantools.core.artifact import load_artifact
from tests.bundle.texts import make_texts
from tests.cli.test_app import gantools
from tests.zoo import make_artifact, make_conditional


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_conditional(tmp_path_factory.mktemp("zoo") / "art").path


def test_settings_and_a_class_reach_the_graph_and_the_file(art: Path, tmp_path: Path) -> None:
    chosen = ["--set", "truncation=0", "--label", "boot"]
    done = gantools("sample", art, "--seeds", "0-3", *chosen, "--out", tmp_path / "a.npy", "--json")
    assert done.returncode == 0, done.stderr
    assert (np.load(tmp_path / "a.npy") == 128).all()
    result = json.loads(done.stdout)
    assert (result["gantools.label"], result["gantools.settings"]) == ("boot", "truncation=0")


def test_each_class_stands_in_the_row_of_its_seed(art: Path, tmp_path: Path) -> None:
    arguments = ["--seeds", "5,6", "--label", "each", "--set", "truncation=0"]
    assert gantools("sample", art, *arguments, "--out", tmp_path / "a.npy").returncode == 0
    levels = np.load(tmp_path / "a.npy")[:, 0, 0, 0]
    assert levels.tolist() == [128, 188, 248] * 2
    assert gantools("sample", art, *arguments, "--out", tmp_path / "g.png").returncode == 0
    with Image.open(tmp_path / "g.png") as grid:
        assert grid.size == (3 * 4 + 2 * 2, 2 * 4 + 2)
    assert gantools("sample", art, *arguments, "--out", tmp_path / "each").returncode == 0
    names = sorted(path.name for path in (tmp_path / "each").iterdir())
    assert names == [f"{seed}-{number}.png" for seed in (5, 6) for number in range(3)], (
        "names of classes are no names of files"
    )
    with Image.open(tmp_path / "each/6-1.png") as one:
        assert one.info["gantools.seeds"] == "6"
        assert one.getpixel((0, 0)) == 188


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--set", "truncation"], 2, "--set takes NAME=VALUE with a number, got 'truncation'"),
        (["--set", "truncaton=1"], 2, "did you mean 'truncation'?"),
        (["--set", "truncation=9"], 1, "setting 'truncation' is 9, and must lie between 0 and 1.5"),
        (["--label", "bot"], 2, "no class of this artifact is called 'bot'; did you mean 'boot'?"),
    ],
)
def test_a_wrong_choice_is_one_sentence_and_nothing_is_written(
    art: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    done = gantools("sample", art, *arguments, "--out", tmp_path / "g.png")
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_each_needs_classes(tmp_path: Path) -> None:
    make_artifact(tmp_path / "plain")
    done = gantools("sample", tmp_path / "plain", "--label", "each", "--out", tmp_path / "g.png")
    assert done.returncode == 1
    assert "'zoo-deconv' has no classes, got label 'each'" in done.stderr
    assert not (tmp_path / "g.png").exists()


def test_artifacts_that_do_not_open_are_passed_over_with_a_warning(
    make_artifact: Callable[..., Path], tmp_path: Path
) -> None:
    first, second = make_artifact("tensorrt", "first"), make_artifact("onnxruntime", "second")
    done = gantools("sample", first, "--or", second, "--seeds", "0-3", "--out", tmp_path / "g.png", "--json")
    assert done.returncode == 0, done.stderr
    warning = f"'{first}' is passed over: backend 'tensorrt' opens tensorrt, and 'generator.onnx' is onnx."
    assert done.stderr == f"warning: {warning}\n"
    result = json.loads(done.stdout)
    assert (result["artifact"], result["passed_over"]) == (str(second), [warning])
    with Image.open(tmp_path / "g.png") as grid:
        assert grid.info["gantools.artifact"] == load_artifact(second).digest
    told = gantools("sample", first, "--or", second, "--seeds", "0-3", "--out", tmp_path / "g.png")
    assert f"g.png: 4 samples of {second}, sha256 " in told.stderr
    none = gantools("sample", first, "--or", first, "--out", tmp_path / "none.png")
    assert none.returncode == 1
    assert none.stderr.count(warning) == 2
    assert not (tmp_path / "none.png").exists()


def test_a_file_of_another_kind_than_is_written_is_refused(art: Path, tmp_path: Path) -> None:
    texts = make_texts(tmp_path / "texts")
    for command, artifact, name in (
        ("sample", art, "a.jpg"),
        ("sample", texts, "a.png"),
        ("interpolate", art, "a.gif"),
    ):
        done = gantools(command, artifact, "--seeds", "0,1", "--out", tmp_path / name)
        assert done.returncode == 2, done.stderr
        assert f"{name}'" in done.stderr
        assert not (tmp_path / name).exists()


def test_options_of_the_other_kind_of_generator_are_refused(art: Path, tmp_path: Path) -> None:
    texts = make_texts(tmp_path / "texts")
    for artifact, options, words in (
        (art, ["--stream"], "--stream does nothing without a generator of texts."),
        (texts, ["--columns", "3"], "--columns does nothing without a generator of images."),
    ):
        done = gantools("sample", artifact, "--seeds", "0,1", *options)
        assert done.returncode == 2, done.stderr
        assert words in done.stderr


def test_more_seeds_than_a_process_holds_are_refused_at_once(art: Path) -> None:
    done = gantools("sample", art, "--seeds", "0-99999999999")
    assert done.returncode == 2
    assert "--seeds '0-99999999999' are more than 10,000,000 numbers." in done.stderr


def test_floats_are_no_pictures(tmp_path: Path) -> None:
    art = make_artifact(tmp_path / "art").path
    floats = ["sample", str(art), "--seeds", "0,1", "--graph", "generator_float", "--out"]
    for out in (["grid.png"], ["folder", "--ray", "local"]):
        done = gantools(*floats, *out, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "graph 'generator_float' gives float32, which no picture holds." in done.stderr
    assert gantools(*floats, "a.npy", cwd=tmp_path).returncode == 0
    assert np.load(tmp_path / "a.npy").dtype == np.float32
