"""Every backend, on graphs whose answers are known. What cannot be opened here must say why."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from gantools.core.artifact import GraphFile
from gantools.core.errors import BackendError, GantoolsError, MissingDependencyError
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.runtime.backends import BACKENDS
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session, Where

OPEN_ONNX = [name for name in ("onnxruntime", "openvino") if name in BACKENDS]
# Opened where their packages are installed and take the device; tests/runtime has a stand-in for the rest.
PLUGINS = {"onnxruntime-openvino": "cpu", "onnxruntime-tensorrt-rtx": "cuda"}
# Engines are compiled, and checkpoints trained, before they can be opened: tests/runtime and tests/export do that.
OPEN_OTHERS = ["tensorrt", "tensorrt-rtx", "torch"]
BATCHES = (1, 3, 8)


def identity(given: Arrays) -> Arrays:
    return {"y": given["x"]}


def tanh(given: Arrays) -> Arrays:
    return {"y": np.tanh(given["x"])}


def two(given: Arrays) -> Arrays:
    return {"y": given["x"] + given["z"], "difference": given["x"] - given["z"]}


GRAPHS: dict[str, tuple[list[tuple[str, list[str], list[str]]], Any]] = {
    "identity": ([("Identity", ["x"], ["y"])], identity),
    "tanh": ([("Tanh", ["x"], ["y"])], tanh),
    "two inputs and outputs": ([("Add", ["x", "z"], ["y"]), ("Sub", ["x", "z"], ["difference"])], two),
}


def write(folder: Path, name: str) -> tuple[Path, GraphFile]:
    nodes, _ = GRAPHS[name]
    inputs = sorted({tensor for _, given, _ in nodes for tensor in given})
    outputs = [tensor for _, _, made in nodes for tensor in made]
    spec = GraphSpec(
        inputs=tuple(TensorSpec(name=tensor, dtype="float32", shape=("batch", 5)) for tensor in inputs),
        outputs=tuple(TensorSpec(name=tensor, dtype="float32", shape=("batch", 5)) for tensor in outputs),
        axes={"batch": AxisRange(min=1, opt=3, max=8)},
    )
    x, y = (
        [helper.make_tensor_value_info(t, TensorProto.FLOAT, ["batch", 5]) for t in part] for part in (inputs, outputs)
    )
    graph = helper.make_graph([helper.make_node(kind, given, made) for kind, given, made in nodes], "g", x, y)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10), folder / "g.onnx")
    return folder / "g.onnx", GraphFile(file="g.onnx", format="onnx", precision="fp32", spec=spec)


def test_every_backend_is_in_one_of_the_lists() -> None:
    assert sorted([*OPEN_ONNX, *PLUGINS, *OPEN_OTHERS]) == sorted(BACKENDS)
    assert len(OPEN_ONNX) == 2
    assert {name for name in BACKENDS if "onnx" in BACKENDS.load(name).formats} == {*OPEN_ONNX, *PLUGINS}


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("backend", [*OPEN_ONNX, *PLUGINS])
def test_a_backend_computes_any_batch_and_its_outputs_survive(backend: str, graph: str, tmp_path: Path) -> None:
    device = PLUGINS.get(backend, "cpu")
    found = BACKENDS.load(backend).probe(device)
    if backend in PLUGINS and not (found.ok and device == "cpu"):  # in fp32, the other one refuses every graph
        pytest.skip(found.reason)
    path, entry = write(tmp_path, graph)
    rng, kept = np.random.default_rng(0), []
    with Session(path, entry, Where(backend=backend, threads=1)) as session:
        for batch in BATCHES:
            given = {t.name: rng.normal(size=(batch, 5)).astype(np.float32) for t in entry.spec.inputs}
            kept.append((session.run(given), GRAPHS[graph][1](given)))
        session.close()
    assert len(kept) == len(BATCHES)
    for outputs, expected in kept:
        assert set(outputs) == set(expected)
        for name, array in expected.items():
            np.testing.assert_allclose(outputs[name], array, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_a_device_that_no_machine_has_is_refused_by_every_backend(backend: str, tmp_path: Path) -> None:
    _, entry = write(tmp_path, "identity")
    formats = BACKENDS.load(backend).formats
    assert not BACKENDS.load(backend).probe("cuda:99").ok
    with pytest.raises((BackendError, MissingDependencyError)) as caught:
        Session(tmp_path / "g.onnx", entry.model_copy(update={"format": formats[0]}), Where(backend, "cuda:99"))
    assert isinstance(caught.value, GantoolsError)
    assert caught.value.message.endswith((".", "?"))
