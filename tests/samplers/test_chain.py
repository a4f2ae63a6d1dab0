"""Several artifacts of one generator: which one is used is decided by what opens, and told."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gantools.core.artifact import seal
from gantools.core.errors import ArtifactError, BackendError, MissingDependencyError, UnknownNameError
from gantools.core.proof import Step
from gantools.samplers import open_artifact
from tests import zoo

MakeArtifact = Callable[..., Path]
NO_ENGINE = "backend 'tensorrt' opens tensorrt, and 'generator.onnx' is onnx."


def test_the_first_that_opens_is_used_and_nothing_is_passed_over(make_artifact: MakeArtifact) -> None:
    paths = [make_artifact("openvino", "a"), make_artifact("onnxruntime", "b")]
    with open_artifact(paths) as generator:
        assert generator.artifact.path == paths[0]
        assert generator.session.backend == "openvino"
        assert generator.passed_over == ()


def test_what_does_not_open_is_passed_over_with_its_reason(make_artifact: MakeArtifact) -> None:
    paths = [make_artifact("tensorrt", "a"), make_artifact("tensorrt", "b"), make_artifact("onnxruntime", "c")]
    with open_artifact([*paths, make_artifact("openvino", "d")]) as generator, open_artifact(paths[2]) as alone:
        assert generator.artifact.path == paths[2]
        assert generator.passed_over == tuple(f"'{path}' is passed over: {NO_ENGINE}" for path in paths[:2])
        np.testing.assert_array_equal(generator.sample(range(5)), alone.sample(range(5)))
        assert alone.passed_over == ()


def test_a_runtime_that_is_not_installed_is_a_reason(
    make_artifact: MakeArtifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with open_artifact([make_artifact("onnxruntime", "a"), make_artifact("openvino", "b")]) as generator:
        assert generator.session.backend == "openvino"
        (reason,) = generator.passed_over
        assert "'onnxruntime' is needed to run graphs with ONNX Runtime, and is not installed." in reason


def test_where_none_opens_every_reason_is_told(make_artifact: MakeArtifact) -> None:
    paths = [make_artifact("tensorrt", "a"), make_artifact("tensorrt", "b")]
    with pytest.raises(BackendError) as caught:
        open_artifact(paths)
    assert caught.value.message.splitlines() == [
        "none of the 2 artifacts opens here:",
        *(f"  '{path}' is passed over: {NO_ENGINE}" for path in paths),
    ]
    assert caught.value.hint == "'gantools doctor' says what this machine can run"


def test_one_alone_raises_its_own_error(make_artifact: MakeArtifact, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackendError) as caught:
        open_artifact([make_artifact("tensorrt")])
    assert caught.value.message == NO_ENGINE
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError):
        open_artifact([make_artifact("onnxruntime", "b")])


@pytest.mark.parametrize("damaged", [0, 1])
def test_nothing_hides_damage(make_artifact: MakeArtifact, damaged: int) -> None:
    paths = [make_artifact("onnxruntime", "a"), make_artifact("onnxruntime", "b")]
    with (paths[damaged] / "generator.onnx").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ArtifactError, match="it was changed or damaged"):
        open_artifact(paths)


def test_a_name_that_is_none_is_no_reason_to_go_on(make_artifact: MakeArtifact) -> None:
    paths = [make_artifact("onnxruntime", "a"), make_artifact("onnxruntime", "b")]
    with pytest.raises(UnknownNameError, match="'onnxruntim'"):
        open_artifact(paths, backend="onnxruntim")
    with pytest.raises(UnknownNameError, match="'generator_flot'"):
        open_artifact(paths, graph="generator_flot")


def test_unlike_generators_are_refused_before_any_is_opened(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    tiny = make_artifact("tensorrt", "tiny")
    others = {
        "samples, inputs, outputs": zoo.make_artifact(tmp_path / "deconv"),
        "how seeds become inputs, samples, inputs": zoo.make_conditional(tmp_path / "conditional"),
    }
    for different, other in others.items():
        with pytest.raises(ArtifactError) as caught:
            open_artifact([tiny, other.path])
        assert caught.value.message == f"'{other.path}' is not the same generator as '{tiny}': {different} differ."
        assert caught.value.hint == "give artifacts that 'gantools optimize' made of one parent"


def test_another_training_of_the_same_network_is_another_generator(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    first, second = zoo.make_artifact(tmp_path / "a"), zoo.make_artifact(tmp_path / "b")
    (tmp_path / "c").mkdir()
    for file in second.path.iterdir():
        (tmp_path / "c" / file.name).write_bytes(file.read_bytes())
    trained = second.manifest.model_copy(update={"steps": (Step(stage="export", options={"step": 7}),)})
    seal(tmp_path / "c", trained)
    with open_artifact([first.path, second.path]) as generator:
        assert generator.artifact.path == first.path
    with pytest.raises(ArtifactError, match=r"is not the same generator as '.*': origins differ\."):
        open_artifact([first.path, tmp_path / "c"])


def test_a_lone_file_and_its_artifact_are_one_generator(make_artifact: MakeArtifact) -> None:
    first, second = make_artifact("tensorrt", "a"), make_artifact("onnxruntime", "b")
    with open_artifact([first, second / "generator.onnx"]) as generator:
        assert generator.artifact.path == second / "generator.onnx"


def test_a_choice_of_none_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"there are no artifacts to choose from\."):
        open_artifact([])
