from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from gantools.core.artifact import MANIFEST, Artifact, GraphFile, Requires, load_artifact, seal
from gantools.core.atomic import staged_folder
from gantools.core.errors import ArtifactError, ParityError, PrecisionError
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.runtime.session import Where
from gantools.verify import verify
from tests.zoo import make_artifact, make_conditional, needs_bf16


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_artifact(tmp_path_factory.mktemp("zoo") / "art")


def test_an_artifact_passes_against_itself(parent: Artifact) -> None:
    report = verify(parent, parent)
    assert (report.ok, report.verdict, report.is_parent) == (True, "passed", False)
    assert [graph.graph for graph in report.graphs] == ["generator", "generator_float"]
    main, floats = report.graphs
    assert main.parity is not None
    assert main.parity.batch_sizes == (1, 3, 4, 8)
    assert len(main.oracles) == len(floats.oracles) == 4
    assert main.goldens is not None
    assert main.goldens.max_abs == 0
    assert floats.goldens is None
    report.raise_if_failed()
    assert '"verdict":"passed"' in report.model_dump_json()


def test_without_a_reference_everything_else_is_tried(parent: Artifact) -> None:
    report = verify(parent)
    assert report.ok
    assert all(graph.parity is None and graph.attestation and graph.oracles for graph in report.graphs)


def changed(parent: Artifact, out: Path, *, weights: bool = False, goldens: bool = False) -> Artifact:
    """A copy with a fault, sealed anew so that its digests are right."""
    with staged_folder(out, marker=MANIFEST) as folder:
        for entry in parent.manifest.graphs.values():
            model = onnx.load(parent.folder / entry.file)
            del model.metadata_props[:]
            if weights:
                tensor = model.graph.initializer[3]
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.5), tensor.name))
            onnx.save(model, folder / entry.file)
        stored = np.load(parent.folder / "goldens.npy")
        np.save(folder / "goldens.npy", 255 - stored if goldens else stored)
        seal(folder, parent.manifest)
    return load_artifact(out)


def test_changed_weights_fail_parity_and_goldens_in_one_report(parent: Artifact, tmp_path: Path) -> None:
    report = verify(changed(parent, tmp_path / "bad", weights=True), parent)
    assert (report.ok, report.verdict) == (False, "failed")
    assert [len(graph.failures) for graph in report.graphs] == [2, 1]
    with pytest.raises(ParityError, match=r"graph 'generator' differs from 'zoo-deconv'") as caught:
        report.raise_if_failed()
    assert "golden samples" in caught.value.message
    assert "graph 'generator_float'" in caught.value.message


def test_wrong_golden_samples_fail_the_main_graph_alone(parent: Artifact, tmp_path: Path) -> None:
    report = verify(changed(parent, tmp_path / "bad", goldens=True), parent)
    assert [graph.verdict for graph in report.graphs] == ["failed", "passed"]


def test_goldens_that_are_no_array_are_named(parent: Artifact, tmp_path: Path) -> None:
    artifact = changed(parent, tmp_path / "bad")
    (artifact.folder / "goldens.npy").write_bytes(b"no array")
    with pytest.raises(ArtifactError, match=r"golden samples 'goldens.npy' are no array"):
        verify(artifact)


@needs_bf16
def test_a_runtime_that_computes_otherwise_fails_by_precision(parent: Artifact) -> None:
    """The deconvolutions of this graph stay fp32 under any hint, so the promise is changed instead of the runtime."""
    graphs = {name: entry.model_copy(update={"precision": "bf16"}) for name, entry in parent.manifest.graphs.items()}
    promising = Artifact(parent.path, parent.manifest.model_copy(update={"graphs": graphs}), parent.digest)
    report = verify(promising, parent)
    assert {failure.kind for graph in report.graphs for failure in graph.failures} == {"precision"}
    with pytest.raises(PrecisionError, match="asked for bf16, computed 100% fp32"):
        report.raise_if_failed()


def test_an_optimized_artifact_knows_its_parent(parent: Artifact, tmp_path: Path) -> None:
    child = optimize(parent, Plan(target="openvino"), tmp_path / "child")
    report = verify(child, parent, Where(threads=2))
    assert report.ok
    assert report.is_parent


def test_an_engine_without_its_gpu_is_neither_passed_nor_failed(parent: Artifact, tmp_path: Path) -> None:
    child = optimize(parent, Plan(target="tensorrt-rtx", precision="fp16"), tmp_path / "child")
    report = verify(child, parent)
    assert (report.ok, report.verdict) == (False, "built, not run")
    for graph in report.graphs:
        assert graph.not_run is not None
        assert "no NVIDIA driver" in graph.not_run
        assert graph.attestation is not None
        assert (graph.attestation.source, graph.attestation.computed) == ("build", {"fp16": 1.0})
    report.raise_if_failed()


def test_an_engine_whose_record_breaks_the_promise_fails_even_unrun(parent: Artifact, tmp_path: Path) -> None:
    def engine(entry: GraphFile) -> GraphFile:
        requires = Requires(library="tensorrt-rtx", version="0")
        update = {"format": "tensorrt-rtx", "backend": "tensorrt-rtx", "device": "cuda", "requires": requires}
        return entry.model_copy(update={**update, "precision": "fp16", "arithmetic_layers": {"fp32": 2}})

    graphs = {name: engine(entry) for name, entry in parent.manifest.graphs.items()}
    artifact = Artifact(parent.path, parent.manifest.model_copy(update={"graphs": graphs}), parent.digest)
    report = verify(artifact, parent)
    assert report.verdict == "failed"
    with pytest.raises(PrecisionError, match=r"2 layers \(fp32\)"):
        report.raise_if_failed()
    with pytest.raises(ArtifactError, match="cannot serve as a reference here"):
        verify(parent, artifact)


def test_an_artifact_of_another_generator_is_told_by_its_inputs(parent: Artifact, tmp_path: Path) -> None:
    other = make_conditional(tmp_path / "other")
    with pytest.raises(
        ArtifactError, match=r"are not of the same generator: 'generator' of the first takes .*, of the"
    ):
        verify(parent, other)


def test_artifacts_without_a_common_graph_are_refused(parent: Artifact) -> None:
    graphs = {"other": parent.manifest.graphs["generator"]}
    other = Artifact(parent.path, parent.manifest.model_copy(update={"graphs": graphs}), "0")
    with pytest.raises(ArtifactError, match="have no graph in common"):
        verify(parent, other)
