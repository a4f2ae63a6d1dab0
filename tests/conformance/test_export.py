"""Every architecture of images exports as pure graphs, equal to it at sizes nobody traced, and builds for TensorRT."""

from pathlib import Path

import onnx
import pytest
import torch

from gantools.core.artifact import GraphFile
from gantools.export.onnx import write_onnx
from gantools.models import MODELS
from gantools.models.model import Model
from gantools.optimize.plan import Plan
from gantools.optimize.targets import TARGETS
from gantools.runtime.session import Session
from gantools.verify.oracles import check_oracles, run_oracles
from gantools.verify.parity import compare_arrays
from gantools.verify.tolerances import TOLERANCES
from tests.conformance.tiny import MODEL_CASES, Options, output_shape, small_inputs, small_model, trained_looking
from tests.conformance.tiny_texts import TEXTS_SMALL

UNTRACED = (1, 3, 16)


def test_every_model_has_a_case() -> None:
    assert {name for name, _ in MODEL_CASES} == set(MODELS) - set(TEXTS_SMALL)


def build(name: str, options: Options) -> Model:
    return trained_looking(small_model(name, options)[0])


@pytest.fixture(scope="module", params=MODEL_CASES, ids=lambda case: case[0])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """A model and the folder of its graphs. Tracing is what takes time here, so every case is traced once."""
    model, folder = build(*request.param), tmp_path_factory.mktemp("exported")
    assert len(model.graphs) >= 2
    for name, graph in model.graphs.items():
        write_onnx(graph, graph.spec, folder / f"{name}.onnx")
    return model, folder


def test_an_exported_model_equals_its_network(exported: tuple[Model, Path]) -> None:
    model, folder = exported
    for graph_name, graph in model.graphs.items():
        path = folder / f"{graph_name}.onnx"
        operations = {node.op_type for node in onnx.load(path).graph.node}
        assert not {kind for kind in operations if kind.startswith(("Random", "Dropout", "Bernoulli", "Multinomial"))}
        entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=graph.spec)
        with Session(path, entry) as session:
            for size in UNTRACED:
                given = small_inputs(graph.spec, model.sampler, range(100, 100 + size))
                with torch.inference_mode():
                    found = graph.module(*(torch.from_numpy(given[tensor.name]) for tensor in graph.spec.inputs))
                expected = [one.numpy() for one in (found if isinstance(found, tuple) else (found,))]
                got = session.run(given)
                for tensor, wanted in zip(graph.spec.outputs, expected, strict=True):
                    assert got[tensor.name].shape == output_shape(graph.spec, tensor, size)
                    difference = compare_arrays(tensor, got[tensor.name], wanted, TOLERANCES["fp32"])
                    assert difference.ok, f"{graph_name}: {difference}"
            assert all(wanted.std() > 0.01 for wanted in expected), "a constant output would equal anything"
            check_oracles(run_oracles(session, model.sampler, TOLERANCES["fp32"]), graph_name)


def test_every_graph_of_a_model_compiles_for_tensorrt_rtx(exported: tuple[Model, Path]) -> None:
    model, folder = exported
    target = TARGETS.load("tensorrt-rtx")
    for graph_name, graph in model.graphs.items():
        path = folder / f"{graph_name}.onnx"
        entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=graph.spec)
        compiled = target.compile(path, entry, Plan(target="tensorrt-rtx"))
        assert compiled.format == "tensorrt-rtx"
        assert (folder / compiled.file).stat().st_size > 10_000
        assert compiled.arithmetic_layers
