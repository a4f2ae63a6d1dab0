"""A tiny artifact, made without training: what an application has in its hands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gantools.core.artifact import MANIFEST, GraphFile, ImageOutput, Manifest, seal
from gantools.core.atomic import staged_folder
from gantools.core.sampler import NoiseInput, Sampler
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from tests.fakes import FakeClock

SAMPLER = Sampler(kind="feedforward", graph="generator", noise={"latent": NoiseInput(distribution="normal", stream=0)})
TINY_SPEC = GraphSpec(
    inputs=(TensorSpec(name="latent", dtype="float32", shape=("batch", 8), doc="N(0, 1)"),),
    outputs=(TensorSpec(name="image", dtype="uint8", shape=("batch", 4, 4, 1), doc="grey, 0..255"),),
    axes={"batch": AxisRange(min=1, opt=4, max=16)},
)


def tiny_onnx(path: Path) -> None:
    """latent (batch, 8) -> image (batch, 4, 4, 1) uint8: a linear map, tanh, and the conversion to bytes."""
    weights = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    constants = {
        "w": weights,
        "half": np.float32(127.5),
        "low": np.float32(0),
        "high": np.float32(255),
        "shape": np.array([-1, 4, 4, 1]),
    }
    nodes = [
        helper.make_node("MatMul", ["latent", "w"], ["a"], name="linear"),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("Mul", ["b", "half"], ["c"]),
        helper.make_node("Add", ["c", "half"], ["d"]),
        helper.make_node("Round", ["d"], ["e"]),
        helper.make_node("Clip", ["e", "low", "high"], ["f"]),
        helper.make_node("Reshape", ["f", "shape"], ["g"]),
        helper.make_node("Cast", ["g"], ["image"], to=TensorProto.UINT8),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 4, 4, 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10), path)


def tiny_manifest(backend: str = "onnxruntime") -> Manifest:
    entry = GraphFile(file="generator.onnx", format="onnx", precision="fp32", spec=TINY_SPEC, backend=backend)
    output = ImageOutput(height=4, width=4, channels=1)
    return Manifest(
        schema=1, name="tiny", modality="image", sampler=SAMPLER, graphs={"generator": entry}, output=output
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make_artifact(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes the tiny artifact for a backend and returns its folder."""

    def make(backend: str = "onnxruntime", name: str = "art") -> Path:
        with staged_folder(tmp_path / name, marker=MANIFEST) as folder:
            tiny_onnx(folder / "generator.onnx")
            seal(folder, tiny_manifest(backend))
        return tmp_path / name

    return make


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor fill the cache of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
