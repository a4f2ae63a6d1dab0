from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gantools.core.artifact import load_artifact
from gantools.core.errors import BackendError, InputMismatchError, UnknownNameError
from gantools.runtime.session import Session, Where

MakeArtifact = Callable[..., Path]
Z = np.zeros((2, 8), np.float32)


@pytest.fixture(params=["onnxruntime", "openvino"])
def session(request: pytest.FixtureRequest, make_artifact: MakeArtifact) -> Session:
    return Session.of(load_artifact(make_artifact(request.param)), where=Where(threads=1))


def test_a_session_runs_any_batch_within_its_limits(session: Session) -> None:
    for batch in (1, 3, 16):
        image = session.run({"latent": np.zeros((batch, 8), np.float32)})["image"]
        assert image.shape == (batch, 4, 4, 1)
        assert image.dtype == np.uint8


def test_outputs_survive_the_next_run(session: Session) -> None:
    first = session.run({"latent": Z})["image"]
    before = first.copy()
    session.run({"latent": Z + 1})
    np.testing.assert_array_equal(first, before)


def test_inputs_are_not_changed(session: Session) -> None:
    given = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
    before = given.copy()
    session.run({"latent": given})
    np.testing.assert_array_equal(given, before)


def test_a_non_contiguous_input_gives_the_same_as_its_copy(session: Session) -> None:
    wide = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    np.testing.assert_array_equal(
        session.run({"latent": wide.T})["image"], session.run({"latent": np.ascontiguousarray(wide.T)})["image"]
    )


@pytest.mark.parametrize(
    ("inputs", "match"),
    [
        ({}, "input 'latent' is missing"),
        ({"latent": Z.astype(np.float64)}, "input 'latent' is float64, the graph takes float32"),
        ({"latent": Z[:, :7]}, r"input 'latent' has shape \(2, 7\), the graph takes \('batch', 8\)"),
        ({"latent": Z[0]}, r"input 'latent' has shape \(8,\), the graph takes \('batch', 8\)"),
        ({"latent": np.zeros((17, 8), np.float32)}, r"axis 'batch' is 17, outside \[1, 16\]"),
        ({"latent": Z[:0]}, r"axis 'batch' is 0, outside \[1, 16\]"),
        ({"latent": Z, "label": Z}, "the graph has no input 'label'"),
        ({"latent": Z.tolist()}, "input 'latent' is a list, the graph takes a numpy array"),
    ],
)
def test_what_does_not_fit_is_named(session: Session, inputs: dict[str, np.ndarray], match: str) -> None:
    with pytest.raises(InputMismatchError, match=match) as caught:
        session.run(inputs)
    assert "gantools inspect" in str(caught.value.hint)


def test_all_that_does_not_fit_is_named_at_once(session: Session) -> None:
    with pytest.raises(InputMismatchError) as caught:
        session.run({"latent": np.zeros((17, 8), np.float64), "lable": Z})
    assert len(caught.value.message.splitlines()) == 3


def test_a_closed_session_says_so_and_closes_twice(session: Session) -> None:
    session.close()
    session.close()
    with pytest.raises(BackendError, match="this session is closed"):
        session.run({"latent": Z})
    with pytest.raises(BackendError, match="this session is closed"):
        session.layers()


def test_layers_are_read_from_the_runtime(session: Session) -> None:
    arithmetic = [layer for layer in session.layers() if layer.is_arithmetic]
    assert len(arithmetic) == 1
    assert arithmetic[0].precision == "fp32"


@pytest.mark.parametrize(
    ("where", "error", "match"),
    [
        (
            Where(backend="onnxruntime", device="cuda"),
            BackendError,
            "asked for device 'cuda', and this ONNX Runtime has only",
        ),
        (Where(backend="onnxruntime", device="abacus"), BackendError, "ONNX Runtime has no device 'abacus'"),
        (Where(backend="openvino", device="cuda"), BackendError, "OpenVINO graphs run on device 'cpu'"),
        (Where(backend="onnxruntim"), UnknownNameError, "did you mean 'onnxruntime'"),
        (Where(backend="tensorrt-rtx"), BackendError, "opens tensorrt-rtx, and 'generator.onnx' is onnx"),
    ],
)
def test_a_device_or_backend_that_is_not_there_is_refused(
    make_artifact: MakeArtifact, where: Where, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        Session.of(load_artifact(make_artifact()), where=where)


@pytest.mark.parametrize(
    ("backend", "match"), [("onnxruntime", "ONNX Runtime cannot open"), ("openvino", "OpenVINO cannot open")]
)
def test_a_graph_that_a_runtime_refuses_is_one_sentence(
    make_artifact: MakeArtifact, tmp_path: Path, backend: str, match: str
) -> None:
    _, entry = load_artifact(make_artifact()).graph()
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x0a\x3a\x02\x0a\x00")
    with pytest.raises(BackendError, match=match):
        Session(tmp_path / "broken.onnx", entry, Where(backend=backend))
