"""Every generator of text in fewer bits: in which type each value is, what runtimes compute, what it costs."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from gantools.core.artifact import Artifact
from gantools.optimize.optimize import optimize
from gantools.optimize.passes.casting import weighs
from gantools.optimize.plan import Plan, PlanPrecision
from gantools.optimize.typed import Draft
from gantools.runtime.backends.base import is_arithmetic
from gantools.samplers import open_artifact
from gantools.verify import verify
from tests.conformance.tiny_texts import TEXT_CASES, make_text_artifact, sharpened, small_text_model
from tests.zoo import needs_bf16

LOW = {"fp16": ir.DataType.FLOAT16, "bf16": ir.DataType.BFLOAT16}
RUN = [
    pytest.param("openvino", "bf16", marks=[needs_bf16]),
    ("openvino", "int8"),
    ("onnxruntime", "int8"),
    ("tensorrt-rtx", "fp16"),
]


@pytest.fixture(scope="module", params=TEXT_CASES, ids=lambda case: case[0])
def parent(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Weights small enough that rounding does not turn texts into others, and large enough that tokens differ."""
    model = sharpened(small_text_model(*request.param), 1.5)
    return make_text_artifact(tmp_path_factory.mktemp("texts") / "art", model)


@pytest.mark.parametrize("precision", LOW)
def test_products_and_tables_get_the_precision_and_what_chooses_tokens_does_not(
    parent: Artifact, tmp_path: Path, precision: PlanPrecision
) -> None:
    plan, kept = Plan(target="tensorrt-rtx", precision=precision), Counter[str]()
    for name, entry in parent.manifest.graphs.items():
        Draft(parent, name, plan, "cuda").write(tmp_path / "typed.onnx")
        model = ir.load(tmp_path / "typed.onnx")
        nodes = list(model.graph.all_nodes())
        low = [node for node in nodes if weighs(node) and node.outputs[0].dtype in (LOW[precision], ir.DataType.FLOAT)]
        assert low
        assert {node.outputs[0].dtype for node in low} == {LOW[precision]}
        tables = {node.inputs[0].dtype for node in low if node.op_type == "Gather" and node.inputs[0] is not None}
        assert tables <= {LOW[precision]}
        for node in nodes:
            if not weighs(node) and node.op_type != "Cast":
                kept[node.op_type] += 1
                assert LOW[precision] not in {value.dtype for value in (*node.inputs, *node.outputs) if value}
        assert [value.dtype and value.dtype.numpy().name for value in model.graph.inputs] == [
            tensor.dtype for tensor in entry.spec.inputs
        ]
        if name == parent.manifest.sampler.graph:
            (scan,) = (node for node in model.graph if node.op_type == "Scan")
            inside = [node for node in scan.attributes["body"].as_graph() if is_arithmetic(node.op_type)]
            assert len(inside) >= 3, "the products of the loop are among them"
    assert {"Exp", "CumSum", "TopK", "LogSoftmax", "Scan"} <= set(kept)


@pytest.mark.parametrize(("target", "precision"), RUN)
def test_texts_in_fewer_bits_are_computed_in_them_and_held_to_budgets(
    parent: Artifact, tmp_path: Path, target: str, precision: PlanPrecision
) -> None:
    child = optimize(parent, Plan(target=target, precision=precision, samples=200, threads=1), tmp_path / "child")
    losses = {loss.metric: loss for loss in child.manifest.steps[-1].losses}
    assert set(losses) == {"nats", "tokens"}
    assert all(loss.ok and loss.samples == 200 for loss in losses.values())
    assert losses["nats"].final != losses["nats"].source, "rounding changes something"
    report = verify(child, parent)
    assert report.verdict == ("built, not run" if target == "tensorrt-rtx" else "passed")
    for graph in report.graphs:
        if graph.attestation is None:
            assert graph.graph == "begin", "of a transformer: a row of a table"
            continue
        computed = graph.attestation.computed
        assert computed[precision] > 0
        # Attention multiplies what it computes with what it computes: int8 has no constant to round there.
        assert set(computed) - {precision} <= ({"fp32", "bf16"} if precision == "int8" else set())
        assert graph.attestation.layers >= (3 if graph.graph != "begin" else 1)
    assert {loss.metric for loss in report.losses} == ({"nats", "tokens"} if report.verdict == "passed" else set())
    if report.verdict == "passed":
        with open_artifact(child.path) as writer:
            texts = writer.sample(range(8))
            assert len(set(texts)) > 2
            assert [writer.sample([seed])[0] for seed in range(8)] == texts or target == "openvino"


def test_a_text_in_int8_does_not_depend_on_its_company(parent: Artifact, tmp_path: Path) -> None:
    plan = Plan(target="onnxruntime", precision="int8", samples=200, threads=1)
    with open_artifact(optimize(parent, plan, tmp_path / "child").path) as writer:
        together = next(iter(writer.stream(range(16))))
        alone = np.concatenate([next(iter(writer.stream([seed]))) for seed in range(16)])
    assert np.array_equal(together, alone)
    assert len(np.unique(together, axis=0)) > 8
