"""Every generator of text: gradients, steps equal to the whole, and graphs equal to it in every runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F

from gantools.core.artifact import GraphFile
from gantools.core.tokens import BEGIN
from gantools.export.onnx import write_onnx
from gantools.models import MODELS
from gantools.models.model import ExportGraph, Model
from gantools.models.text.generator import TextConfig
from gantools.optimize.plan import Plan
from gantools.optimize.targets import TARGETS
from gantools.runtime.session import Session, Where
from gantools.verify.oracles import check_oracles, run_oracles
from gantools.verify.parity import compare_arrays
from gantools.verify.tolerances import TOLERANCES
from gantools.verify.trials import trial_inputs
from tests.conformance.tiny_texts import (
    STEPS,
    TEXT_CASES,
    TEXTS_SMALL,
    VOCABULARY,
    Options,
    sharpened,
    small_text_model,
)

BATCH = 3
SIZES = ({"batch": 1, "steps": 9}, {"batch": 5, "steps": 4}, {"batch": 16, "steps": 1}, {"batch": 3, "steps": 7})


def drawn(model: Model, graph: ExportGraph, batch: int = BATCH) -> list[torch.Tensor]:
    arrays = trial_inputs(graph.spec, model.sampler, range(batch))
    return [torch.from_numpy(arrays[tensor.name]) for tensor in graph.spec.inputs]


def results_of(graph: ExportGraph, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    with torch.inference_mode():
        found: Any = graph.module(*inputs)
    return found if isinstance(found, tuple) else (found,)


def texts(count: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Tokens that end at different places, and everything a model can be told of a text."""
    torch.manual_seed(2)
    tokens = torch.randint(3, VOCABULARY, (count, STEPS))
    for row in range(count):
        tokens[row, row + 2 :] = 0
    return tokens, {"latent": torch.randn(count, 5), "label": torch.arange(count) % 4}


def told(model: Model, known: dict[str, torch.Tensor]) -> list[torch.Tensor | None]:
    config: Any = model.nets["G"].config
    latent = known["latent"][:, : config.latent] if config.latent else None
    return [latent, known["label"] if config.classes else None]


def test_every_generator_of_text_has_a_case() -> None:
    assert set(TEXTS_SMALL) == {name for name in MODELS if issubclass(MODELS.load(name).Config, TextConfig)}
    assert len(TEXT_CASES) >= len(TEXTS_SMALL) >= 4


@pytest.mark.parametrize(("name", "options"), TEXT_CASES)
def test_graphs_return_what_their_spec_says(name: str, options: Options) -> None:
    model = small_text_model(name, options).eval()
    assert {"generator", "step", "score"} <= set(model.graphs)
    assert ("begin" in model.graphs) == bool(options.get("latent") or options.get("classes"))
    assert (model.sampler.kind, model.sampler.graph, model.modality) == ("sequence", "generator", "text")
    assert set(model.averaged) <= set(model.nets)
    assert (model.text.steps, model.text.vocabulary) == (STEPS, VOCABULARY)
    for graph in model.graphs.values():
        for result, output in zip(results_of(graph, drawn(model, graph)), graph.spec.outputs, strict=True):
            assert tuple(result.shape) == output.concrete({"batch": BATCH, "steps": STEPS})
            assert result.dtype == getattr(torch, output.dtype)
            assert result.isfinite().all()
    step = model.graphs["step"].spec
    fed = [tensor.state_of for tensor in step.inputs if tensor.state_of]
    assert fed == [tensor.name for tensor in step.outputs if tensor.name != "log_probability"]


@pytest.mark.parametrize(("name", "options"), TEXT_CASES)
def test_a_row_does_not_depend_on_its_batch(name: str, options: Options) -> None:
    model = sharpened(small_text_model(name, options))
    compared = 0
    for graph in model.graphs.values():
        inputs = drawn(model, graph, 5)
        together = results_of(graph, inputs)
        for k in range(5):
            for one, several in zip(results_of(graph, [value[k : k + 1] for value in inputs]), together, strict=True):
                assert torch.allclose(one[0].float(), several[k].float(), atol=1e-5, rtol=1e-4)
                compared += 1
    assert compared >= 15


@pytest.mark.parametrize(("name", "options"), TEXT_CASES)
def test_teacher_forcing_equals_steps(name: str, options: Options) -> None:
    model = sharpened(small_text_model(name, options))
    net: Any = model.nets["G"]
    tokens, known = texts(5)
    given = told(model, known)
    with torch.inference_mode():
        whole = net(tokens, *given)
        state, last = net.begin(*given, 5), torch.full((5,), BEGIN)
        for place in range(STEPS):
            logits, state = net.step(last, state)
            torch.testing.assert_close(logits, whole[:, place], atol=1e-4, rtol=1e-4)
            last = tokens[:, place]
    assert whole.dtype == torch.float32
    assert whole.std() > 0.1


@pytest.mark.parametrize(("name", "options"), TEXT_CASES)
def test_every_parameter_gets_a_gradient(name: str, options: Options) -> None:
    model = small_text_model(name, options).nets
    tokens, known = texts(5)
    config: Any = model["G"].config
    latent = known["latent"][:, : config.latent] if config.latent else None
    value = torch.zeros(())
    if "E" in model:
        mean, log_variance = model["E"](tokens)
        latent = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        value = value + mean.square().mean()
    logits = model["G"](tokens, latent, known["label"] if config.classes else None)
    value = value + F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
    weights = {f"{net}.{key}": one for net, module in model.items() for key, one in module.named_parameters()}
    gradients = torch.autograd.grad(value, list(weights.values()), allow_unused=True)
    found = dict(zip(weights, gradients, strict=True))
    assert [key for key, gradient in found.items() if gradient is None or not gradient.any()] == []
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)


@pytest.mark.parametrize(("name", "options"), TEXT_CASES)
def test_the_same_seed_builds_the_same_weights(name: str, options: Options) -> None:
    one, other = (small_text_model(name, options) for _ in range(2))
    for net in one.nets:
        pairs = zip(one.nets[net].state_dict().values(), other.nets[net].state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module", params=TEXT_CASES, ids=lambda case: case[0])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """A model and the folder of its graphs. Tracing is what takes time here, so every case is traced once."""
    model, folder = sharpened(small_text_model(*request.param)), tmp_path_factory.mktemp("exported")
    for name, graph in model.graphs.items():
        write_onnx(graph, graph.spec, folder / f"{name}.onnx")
    return model, folder


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_an_exported_model_equals_its_network(exported: tuple[Model, Path], backend: str) -> None:
    """At batch sizes and numbers of steps that were not traced, each given to the runtime once."""
    model, folder = exported
    for graph_name, graph in model.graphs.items():
        path = folder / f"{graph_name}.onnx"
        entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=graph.spec)
        with Session(path, entry, Where(backend=backend, threads=1)) as session:
            for sizes in SIZES:
                seeds = range(100, 100 + sizes["batch"])
                given = trial_inputs(graph.spec, model.sampler, seeds, sizes=sizes)
                expected = results_of(graph, [torch.from_numpy(given[one.name]) for one in graph.spec.inputs])
                got = session.run(given)
                for tensor, wanted in zip(graph.spec.outputs, expected, strict=True):
                    assert got[tensor.name].shape == tensor.concrete(sizes)
                    difference = compare_arrays(tensor, got[tensor.name], wanted.numpy(), TOLERANCES["fp32"])
                    assert difference.ok, f"{graph_name}: {difference}"
            assert any(wanted.float().std() > 0.01 for wanted in expected), "a constant would equal anything"
            check_oracles(run_oracles(session, model.sampler, TOLERANCES["fp32"]), graph_name)


def test_the_whole_loop_is_one_pure_scan(exported: tuple[Model, Path]) -> None:
    model, folder = exported
    for name in model.graphs:
        found = [node.op_type for node in _all_nodes(onnx.load(folder / f"{name}.onnx").graph)]
        assert not {kind for kind in found if kind.startswith(("Random", "Dropout", "Bernoulli", "Multinomial"))}
        assert "If" not in found, "OpenVINO computes it wrongly in a loop"
        if name == "generator":
            assert found.count("Scan") == 1


def test_every_graph_of_a_model_compiles_for_tensorrt_rtx(exported: tuple[Model, Path], tmp_path: Path) -> None:
    model, folder = exported
    target = TARGETS.load("tensorrt-rtx")
    for name, graph in model.graphs.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes((folder / path.name).read_bytes())
        entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=graph.spec)
        compiled = target.compile(path, entry, Plan(target="tensorrt-rtx"))
        assert compiled.format == "tensorrt-rtx"
        assert (tmp_path / compiled.file).stat().st_size > 10_000
        assert compiled.arithmetic_layers or name == "begin"


def _all_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    nodes = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            nodes += _all_nodes(attribute.g) if attribute.HasField("g") else []
    return nodes


def test_seeds_say_the_same_whatever_the_number_of_steps() -> None:
    model = sharpened(small_text_model(*TEXT_CASES[0]))
    graph = model.graphs["generator"]
    long, short = (trial_inputs(graph.spec, model.sampler, range(20), sizes={"steps": steps}) for steps in (STEPS, 4))
    assert long["uniforms"].shape == (20, STEPS, 2)
    assert np.array_equal(long["uniforms"][:, :4], short["uniforms"])
    one, other = (
        results_of(graph, [torch.from_numpy(given[tensor.name]) for tensor in graph.spec.inputs])[0]
        for given in (long, short)
    )
    assert torch.equal(one[:, :4], other)
