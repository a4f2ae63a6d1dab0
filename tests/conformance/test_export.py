"""Every architecture exports as pure graphs, equal to the network at sizes nobody traced, and compiles for TensorRT."""

from pathlib import Path
from typing import Any

import numpy as np
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
from gantools.samplers.feedforward import noise
from gantools.verify.oracles import check_oracles, run_oracles
from gantools.verify.tolerances import TOLERANCES

TINY: dict[str, list[dict[str, Any]]] = {
    "dcgan": [
        {"resolution": 32, "channels": 1, "latent": 8, "width": 4},
        {"resolution": 64, "channels": 3, "latent": 8, "width": 4},
    ],
}
CASES = [(name, options) for name, several in TINY.items() for options in several]
UNTRACED = (1, 3, 16)


def test_every_model_has_a_case() -> None:
    assert set(TINY) == set(MODELS)
    assert len(CASES) >= len(MODELS)


def build(name: str, options: dict[str, Any]) -> Model:
    """A model whose weights and running statistics are not the initial ones, as after a training."""
    architecture = MODELS.load(name)
    torch.manual_seed(0)
    model: Model = architecture.build(architecture.Config(**options))
    main = model.graphs[model.sampler.graph]
    for weight in main.module.parameters():
        if weight.ndim > 1:
            torch.nn.init.xavier_normal_(weight, gain=3)
    for module in main.module.modules():
        module.train()
    for _ in range(3):
        with torch.no_grad():
            main.module(*(torch.from_numpy(array) for array in drawn(model, range(16)).values()))
    return model.eval()


def drawn(model: Model, seeds: range) -> dict[str, Any]:
    main = model.graphs[model.sampler.graph]
    return noise(main.spec.inputs, model.sampler, seeds)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_an_exported_model_equals_its_network(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    model = build(name, options)
    assert len(model.graphs) >= 2
    for graph_name, graph in model.graphs.items():
        path = tmp_path / f"{graph_name}.onnx"
        write_onnx(graph, graph.spec, path)
        operations = {node.op_type for node in onnx.load(path).graph.node}
        assert not {kind for kind in operations if kind.startswith(("Random", "Dropout", "Bernoulli", "Multinomial"))}
        entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=graph.spec)
        output = graph.spec.outputs[0]
        with Session(path, entry) as session:
            for size in UNTRACED:
                given = drawn(model, range(100, 100 + size))
                with torch.inference_mode():
                    expected = graph.module(*(torch.from_numpy(array) for array in given.values())).numpy()
                got = session.run(given)[output.name]
                assert got.shape == output.concrete({"batch": size})
                limit = TOLERANCES["fp32"].limit(output.dtype)
                assert np.abs(got.astype(np.float64) - expected).max() <= limit
            assert expected.std() > 0.01, "a constant output would equal anything"
            check_oracles(run_oracles(session, model.sampler, TOLERANCES["fp32"]), graph_name)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_graph_of_a_model_compiles_for_tensorrt_rtx(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    model = build(name, options)
    target = TARGETS.load("tensorrt-rtx")
    for graph_name, graph in model.graphs.items():
        path = tmp_path / f"{graph_name}.onnx"
        write_onnx(graph, graph.spec, path)
        entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=graph.spec)
        compiled = target.compile(path, entry, Plan(target="tensorrt-rtx"))
        assert compiled.format == "tensorrt-rtx"
        assert (tmp_path / compiled.file).stat().st_size > 10_000
        assert compiled.arithmetic_layers
