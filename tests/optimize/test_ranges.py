"""What float16 is too small for is measured on real latents, stays fp32, is named, and nothing else does."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from gantools.core.artifact import MANIFEST, Artifact, GraphFile, ImageOutput, Manifest, load_artifact, seal
from gantools.core.atomic import staged_folder
from gantools.core.events import Event, Note
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.optimize.optimize import optimize
from gantools.optimize.passes import PASSES
from gantools.optimize.plan import Plan
from gantools.optimize.ranges import largest_values, overflowing
from tests.zoo import AXES, LATENT, SAMPLER, Net, open_graph, save

LATENTS = np.random.default_rng(0).standard_normal((4, LATENT)).astype(np.float32)
SPEC = GraphSpec(
    inputs=(TensorSpec(name="latent", dtype="float32", shape=("batch", LATENT)),),
    outputs=(TensorSpec(name="image", dtype="float32", shape=("batch", 4, 4, 1)),),
    axes=AXES,
)


def steep(path: Path) -> onnx.ModelProto:
    """Four products; the second makes values of some ten thousands, the third takes them back."""
    net = Net()
    for gain in (1.0, 3e4, 1 / 3e4, 1.0):
        weight = np.eye(LATENT, dtype=np.float32)[::-1] * np.float32(gain)
        net.then("MatMul", net.constant(np.ascontiguousarray(weight)))
    net.then("Reshape", net.constant(np.array([-1, 4, 4, 1], np.int64)), output="image")
    save(net, SPEC, path)
    return onnx.load(path)


def test_the_largest_values_are_those_of_the_inputs(tmp_path: Path) -> None:
    steep(tmp_path / "g.onnx")
    found = largest_values(ir.load(tmp_path / "g.onnx"), [{"latent": LATENTS[:2]}, {"latent": LATENTS[2:]}])
    most = float(np.abs(LATENTS).max())
    assert found["matmul_0"] == pytest.approx(most)
    assert found["matmul_1"] == pytest.approx(3e4 * most)
    assert found["image"] == pytest.approx(most, rel=1e-5)
    assert len(found) == 5


def test_what_is_not_finite_is_too_large(tmp_path: Path) -> None:
    net = Net()
    net.then("Exp")
    net.then("Mul", net.constant(np.array(1e3, np.float32)), output="image")
    spec = SPEC.model_copy(update={"outputs": (TensorSpec(name="image", dtype="float32", shape=("batch", LATENT)),)})
    save(net, spec, tmp_path / "g.onnx")
    latent = np.full((1, LATENT), 100, np.float32)
    assert largest_values(ir.load(tmp_path / "g.onnx"), [{"latent": latent}])["image"] == np.inf


def test_islands_are_what_makes_takes_or_holds_large_values(tmp_path: Path) -> None:
    steep(tmp_path / "g.onnx")
    model = ir.load(tmp_path / "g.onnx")
    assert overflowing(model, [{"latent": LATENTS}]) == ("node_matmul_1", "node_matmul_2")
    assert overflowing(model, [{"latent": LATENTS / 10}]) == ()
    weight = np.full((LATENT, LATENT), 1e5, np.float32)
    constant = model.graph.initializers["constant_3"]
    constant.const_value = ir.tensor(weight, name="constant_3")
    assert overflowing(model, [{"latent": LATENTS * 0}]) == ("node_matmul_3",)


def test_islands_stay_fp32_and_nothing_else_does(tmp_path: Path) -> None:
    steep(tmp_path / "source.onnx")
    model = ir.load(tmp_path / "source.onnx")
    typed = PASSES.load("fp16")(model, overflowing(model, [{"latent": LATENTS}]))
    types = [node.inputs[0].dtype.name for node in typed.graph if node.op_type == "MatMul"]
    assert types == ["FLOAT16", "FLOAT", "FLOAT", "FLOAT16"]
    ir.save(typed, tmp_path / "typed.onnx")
    onnx.checker.check_model(tmp_path / "typed.onnx", full_check=True)
    with (
        open_graph(tmp_path / "typed.onnx", SPEC, "fp16") as session,
        open_graph(tmp_path / "source.onnx", SPEC) as exact,
    ):
        found, expected = (one.run({"latent": LATENTS})["image"] for one in (session, exact))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-3)


@pytest.fixture
def parent(tmp_path: Path) -> Artifact:
    with staged_folder(tmp_path / "art", marker=MANIFEST) as folder:
        steep(folder / "generator.onnx")
        graphs = {"generator": GraphFile(file="generator.onnx", format="onnx", precision="fp32", spec=SPEC)}
        output = ImageOutput(height=4, width=4, channels=1)
        manifest = Manifest(schema=1, name="steep", modality="image", sampler=SAMPLER, graphs=graphs, output=output)
        seal(folder, manifest)
    return load_artifact(tmp_path / "art")


def test_an_fp16_artifact_names_its_islands(parent: Artifact, tmp_path: Path) -> None:
    seen: list[Event] = []
    made = optimize(parent, Plan(target="tensorrt-rtx", precision="fp16"), tmp_path / "child", seen.append)
    entry = made.manifest.graphs["generator"]
    assert entry.islands == ("node_matmul_1", "node_matmul_2")
    assert entry.arithmetic_layers == {"fp16": 2, "fp32": 2}
    assert "graph 'generator': 2 nodes stay in fp32, see its islands in the manifest" in [
        event.text for event in seen if isinstance(event, Note)
    ]
