"""Every target takes every net of the zoo as far as this machine can."""

from pathlib import Path

import pytest

from gantools.core.artifact import Artifact
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan, PlanPrecision
from gantools.optimize.targets import TARGETS
from gantools.verify import verify
from tests.zoo import NETS, make_artifact, needs_bf16

# What can be built on a machine without a GPU, and how far it can be proved there.
BUILT: dict[str, dict[PlanPrecision, str]] = {
    "onnxruntime": {"fp32": "passed"},
    "openvino": {"fp32": "passed", "bf16": "passed"},
    "tensorrt-rtx": {"fp32": "built, not run", "fp16": "built, not run"},
}
CASES = [
    pytest.param(target, precision, kind, marks=[needs_bf16] if precision == "bf16" else [])
    for target, precisions in BUILT.items()
    for precision in precisions
    for kind in NETS
]


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    return {kind: make_artifact(tmp_path_factory.mktemp("zoo") / kind, kind) for kind in NETS}


def test_every_target_is_tried_or_named_as_untried() -> None:
    assert set(TARGETS) - set(BUILT) == {"tensorrt"}
    assert len(CASES) == 5 * len(NETS) >= 10


@pytest.mark.parametrize(("target", "precision", "kind"), CASES)
def test_a_target_builds_every_graph_in_the_asked_precision(
    tmp_path: Path, parents: dict[str, Artifact], target: str, precision: PlanPrecision, kind: str
) -> None:
    child = optimize(parents[kind], Plan(target=target, precision=precision, threads=2), tmp_path / "child")
    graphs = child.manifest.graphs
    assert list(graphs) == ["generator", "generator_float"]
    assert {entry.precision for entry in graphs.values()} == {precision}
    assert {entry.backend for entry in graphs.values()} == {target}
    assert len(child.manifest.steps[-1].parity) == 2
    report = verify(child, parents[kind])
    assert report.verdict == BUILT[target][precision]
    for graph in report.graphs:
        assert graph.attestation is not None
        assert graph.attestation.computed == {precision: 1.0}
        assert graph.attestation.layers >= 3  # more where the form of a layer that was fastest has several


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_named_after_its_backend(name: str) -> None:
    target = TARGETS.load(name)
    assert target.refusal(Plan(target=name)) is None
    assert target.device in ("cpu", "cuda")
    assert target.native_precision("cuda:0" if target.device == "cuda" else "cpu") in ("fp32", "fp16", "bf16")
