"""The bound of a graph, worked out by hand; and every way not to have one, which says why."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from gantools.bench.ceilings import Ceilings, ProductRate, machine_of
from gantools.bench.results import Roofline
from gantools.bench.roofline import Found, of_artifact, of_work, roofline
from gantools.core.artifact import Artifact, load_artifact
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.optimize.passes import PASSES
from gantools.optimize.work import Work
from gantools.timing.environment import Load
from tests.conftest import tiny_manifest, tiny_onnx
from tests.zoo import make_artifact

SPEC = GraphSpec(
    inputs=(TensorSpec(name="x", dtype="float32", shape=("batch", 6)),),
    outputs=(TensorSpec(name="y", dtype="float32", shape=("batch", 5)),),
    axes={"batch": AxisRange(min=1, opt=4, max=64)},
)


def machine(bytes_per_s: float = 1e9, **rates: float) -> Ceilings:
    return Ceilings(
        machine=machine_of("cpu", 1),
        measured_at="2026-01-02T03:04:05+00:00",
        multiply_adds_per_s={name: ProductRate(rate=rate, kernel="k", size=512) for name, rate in rates.items()},
        bytes_per_s={2**20: bytes_per_s},
        load=Load(elapsed_seconds=1.0, load_average=None, other_share=0.0, steal_share=0.0, warnings=()),
    )


def two_layers(path: Path, precision: str = "fp32") -> Path:
    """x (batch, 6) times (6, 7) times (7, 5); the second layer is an island of fp32."""
    weights = {"w": np.ones((6, 7), np.float32), "v": np.ones((7, 5), np.float32)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"], name="first"),
        helper.make_node("Relu", ["m"], ["r"]),
        helper.make_node("MatMul", ["r", "v"], ["y"], name="second"),
    ]
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 5])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    model = ir.from_proto(onnx.shape_inference.infer_shapes(made))
    ir.save(model if precision == "fp32" else PASSES.load(precision)(model, ["second"]), path)
    return path


def found(one: Found) -> Roofline:
    assert one.reason == ""
    assert one.roofline is not None
    return one.roofline


def test_the_larger_of_both_bounds_binds(tmp_path: Path) -> None:
    path = two_layers(tmp_path / "g.onnx")
    products, moved = 3 * (6 * 7 + 7 * 5), 4 * (6 * 7 + 7 * 5 + 3 * (6 + 5))
    slow = found(roofline(path, SPEC, {"batch": 3}, machine(fp32=1e6), 0.5))
    assert (slow.multiply_adds, slow.least_bytes) == ({"fp32": products}, moved)
    assert slow.arithmetic_ms == pytest.approx(products / 1e3)
    assert slow.memory_ms == pytest.approx(moved / 1e6)
    assert (slow.binds, slow.bound_ms) == ("arithmetic", slow.arithmetic_ms)
    assert slow.share == pytest.approx(products / 1e3 / 0.5)
    quick = found(roofline(path, SPEC, {"batch": 3}, machine(fp32=1e12), None))
    assert (quick.binds, quick.bound_ms, quick.share) == ("memory", quick.memory_ms, None)


def test_sizes_that_are_not_named_are_those_it_is_tuned_for(tmp_path: Path) -> None:
    one = found(roofline(two_layers(tmp_path / "g.onnx"), SPEC, {}, machine(fp32=1e9), 1.0))
    assert one.multiply_adds == {"fp32": 4 * (6 * 7 + 7 * 5)}


def test_every_layer_takes_the_time_of_its_own_precision(tmp_path: Path) -> None:
    path = two_layers(tmp_path / "g.onnx", "bf16")
    one = found(roofline(path, SPEC, {"batch": 2}, machine(fp32=1e6, bf16=4e6), 1.0))
    assert one.multiply_adds == {"bf16": 2 * 6 * 7, "fp32": 2 * 7 * 5}
    assert one.arithmetic_ms == pytest.approx((2 * 6 * 7 / 4e6 + 2 * 7 * 5 / 1e6) * 1000)


def test_a_runtime_that_does_not_keep_to_the_types_is_measured_by_what_it_does() -> None:
    work, gpu = Work({"fp32": 1000}, 100), machine(fp32=1e6, tf32=8e6)
    assert found(of_work(work, gpu, 2.0)).arithmetic_ms == pytest.approx(1.0)
    assert found(of_work(work, gpu, 2.0, computed={"fp32": "tf32"})).arithmetic_ms == pytest.approx(0.125)


def test_a_precision_without_a_rate_has_no_roofline() -> None:
    one = of_work(Work({"fp16": 2000, "fp32": 1}, 100), machine(fp32=1e6), 1.0)
    assert one == Found(None, "2,000 of its products are in fp16, of which no rate was measured here.")


def test_a_graph_without_products_waits_for_memory_alone() -> None:
    one = found(of_work(Work({}, 1000), machine(fp32=1e6), 1.0))
    assert (one.arithmetic_ms, one.binds) == (0.0, "memory")


def test_a_graph_that_cannot_be_counted_says_why(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["where"]),
        helper.make_node("Cast", ["where"], ["c"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["c"], ["t"], perm=[1, 0], name="turned"),
        helper.make_node("MatMul", ["t", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones((2, 3), np.float32), "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    onnx.save(made, tmp_path / "g.onnx")
    one = roofline(tmp_path / "g.onnx", SPEC, {}, machine(fp32=1e6), 1.0)
    assert one.roofline is None
    assert one.reason == "the products of 'g.onnx' cannot be counted: the shape of value 'y' is not known."


def test_without_what_reads_graphs_there_is_a_reason_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = two_layers(tmp_path / "g.onnx")
    monkeypatch.setitem(sys.modules, "onnx_ir", None)
    one = roofline(path, SPEC, {}, machine(fp32=1e6), 1.0)
    assert one == Found(None, "'onnx_ir' is needed to count the products of a graph, and is not installed.")


def test_a_graph_of_an_artifact_is_found_by_its_name(tmp_path: Path) -> None:
    artifact = load_artifact(make_artifact(tmp_path / "art").path)
    for name in (None, "generator_float"):
        path, entry = artifact.graph(name)
        one = of_artifact(artifact, name, {"batch": 2}, machine(fp32=1e9), 1.0)
        assert one == roofline(path, entry.spec, {"batch": 2}, machine(fp32=1e9), 1.0)
        assert found(one).multiply_adds["fp32"] > 0


@pytest.mark.parametrize("kind", ["tensorrt", "tensorrt-rtx"])
def test_a_compiled_graph_has_no_roofline(kind: str) -> None:
    manifest = tiny_manifest()
    entry = manifest.graphs["generator"].model_copy(update={"format": kind, "file": "generator.engine"})
    artifact = Artifact(Path("art"), manifest.model_copy(update={"graphs": {"generator": entry}}), "ab" * 32)
    assert of_artifact(artifact, None, {}, machine(fp32=1e6), 1.0) == Found(
        None, f"'generator.engine' is compiled for {kind}, and nobody counted its products."
    )


def test_a_file_that_is_gone_is_a_reason_too(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path, tiny_manifest(), "ab" * 32)
    one = of_artifact(artifact, None, {}, machine(fp32=1e6), 1.0)
    assert one == Found(None, "'generator.onnx' is not there, so its products cannot be counted.")
    tiny_onnx(tmp_path / "generator.onnx")
    one = of_artifact(artifact, None, {"batch": 3}, machine(fp32=1e6), 1.0)
    assert found(one).multiply_adds == {"fp32": 3 * 8 * 16}
    assert found(one).least_bytes >= 4 * 8 * 16 + 3 * (4 * 8 + 16)
