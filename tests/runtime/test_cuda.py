"""ONNX Runtime on CUDA. Its recordings are tried on the CPU too, which records nothing but binds as CUDA does."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from gantools.core.artifact import GraphFile
from gantools.runtime.backends import onnxruntime_cuda_graph
from gantools.runtime.backends.base import Arrays
from gantools.runtime.backends.onnxruntime_cuda_graph import MOST_RECORDINGS, Recordings
from gantools.runtime.session import Session, Where
from tests.zoo import AXES, LATENT, write_onnx

SETTINGS = {
    "plain": {},
    "recorded": {"enable_cuda_graph": "1"},
    "channels last": {"prefer_nhwc": "1"},
    "channels last, recorded": {"prefer_nhwc": "1", "enable_cuda_graph": "1"},
}


@pytest.fixture
def graph(tmp_path: Path) -> tuple[Path, GraphFile]:
    spec = write_onnx(tmp_path / "g.onnx")
    return tmp_path / "g.onnx", GraphFile(file="g.onnx", format="onnx", precision="fp32", spec=spec)


def given(batch: int, seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    return {"latent": rng.standard_normal((batch, LATENT)).astype(np.float32)}


def test_every_set_of_shapes_has_buffers_of_its_own_and_new_inputs_count(graph: tuple[Path, GraphFile]) -> None:
    path, entry = graph
    plain = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    recordings = Recordings(ort, plain, [one.name for one in entry.spec.outputs], ("cpu", 0))
    cases = [(batch, seed) for seed in (0, 1) for batch in (1, 3, 8, 1)]
    found = [recordings.run(given(*case))["image"].copy() for case in cases]  # here they are the buffers themselves
    assert len(recordings) == 3
    for case, image in zip(cases, found, strict=True):
        np.testing.assert_array_equal(image, plain.run(None, given(*case))[0])
    assert not np.array_equal(found[0], found[4])


def test_more_sets_of_shapes_than_are_recorded(graph: tuple[Path, GraphFile], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime_cuda_graph, "MOST_RECORDINGS", 2)
    plain = ort.InferenceSession(graph[0], providers=["CPUExecutionProvider"])
    recordings = Recordings(ort, plain, ["image"], ("cpu", 0))
    for batch in (1, 2, 3, 4):
        recordings.on_device(given(batch, 0))()
        np.testing.assert_array_equal(
            recordings.run(given(batch, batch))["image"], plain.run(None, given(batch, batch))[0]
        )
    assert len(recordings) == 2


def test_a_setting_of_cuda_is_none_of_the_cpu(graph: tuple[Path, GraphFile]) -> None:
    """It is an entry that the session does not know, as on any provider."""
    with Session(*graph, Where(settings=SETTINGS["recorded"])) as session:
        assert session.run(given(2, 0))["image"].shape[0] == 2


@pytest.mark.gpu
@pytest.mark.parametrize("how", SETTINGS)
def test_cuda_computes_what_the_cpu_does(graph: tuple[Path, GraphFile], how: str) -> None:
    with Session(*graph) as exact, Session(*graph, Where(device="cuda", settings=SETTINGS[how])) as session:
        cases = [(batch, seed) for seed in (0, 1) for batch in (AXES["batch"].min, 3, AXES["batch"].max)]
        found = [session.run(given(*case))["image"] for case in cases]
        for case, image in zip(cases, found, strict=True):  # no run writes over the outputs of earlier ones
            expected = exact.run(given(*case))["image"]
            assert np.abs(image.astype(int) - expected).max() <= 1
        session.on_device(given(3, 7))()
        np.testing.assert_array_equal(session.run(given(3, 0))["image"], found[1])
        assert any(layer.precision == "fp32" and layer.is_arithmetic for layer in session.layers())
    assert len(found) == 6


@pytest.mark.gpu
def test_cuda_runs_more_sets_of_shapes_than_are_recorded(
    graph: tuple[Path, GraphFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxruntime_cuda_graph, "MOST_RECORDINGS", 2)
    where = Where(device="cuda", settings=SETTINGS["recorded"])
    assert MOST_RECORDINGS > 2
    with Session(*graph) as exact, Session(*graph, where) as session:
        for batch in (1, 2, 3, 4, 1, 4):
            image = session.run(given(batch, batch))["image"]
            assert np.abs(image.astype(int) - exact.run(given(batch, batch))["image"]).max() <= 1
