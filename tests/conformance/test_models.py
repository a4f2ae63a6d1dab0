"""Every model of the table, at every resolution it offers, with every objective that can train it."""

from itertools import product
from typing import Any, get_args

import pytest
import torch

from gantools.losses import OBJECTIVES
from gantools.losses.objectives.objective import Batch
from gantools.models import MODELS
from gantools.models.model import Model

BATCH = 3


def resolutions(name: str) -> tuple[int, ...]:
    return get_args(MODELS.load(name).Config.model_fields["resolution"].annotation)


CASES = [(name, size, channels) for name in MODELS for size, channels in product(resolutions(name), (1, 3))]
TRAINED = [(*case, objective) for case in CASES for objective in OBJECTIVES]


def tiny(name: str, resolution: int, channels: int) -> Model:
    architecture = MODELS.load(name)
    torch.manual_seed(0)
    model: Model = architecture.build(architecture.Config(resolution=resolution, channels=channels, latent=8, width=4))
    return model


def noise(model: Model, batch: int = BATCH) -> dict[str, torch.Tensor]:
    inputs = model.graphs[model.sampler.graph].spec.inputs
    return {tensor.name: torch.randn(tensor.concrete({"batch": batch})) for tensor in inputs}


def test_no_model_is_left_out() -> None:
    assert {name for name, *_ in CASES} == set(MODELS)
    assert len(CASES) >= 4 * len(MODELS), "two resolutions at least, grey and colour"
    assert len(TRAINED) >= len(CASES) * len(OBJECTIVES)


@pytest.mark.parametrize(("name", "resolution", "channels"), CASES)
def test_graphs_return_what_their_spec_says(name: str, resolution: int, channels: int) -> None:
    model = tiny(name, resolution, channels).eval()
    assert set(model.graphs) == {"generator", "generator_float"}
    assert model.shipped
    inputs = noise(model)
    for graph in model.graphs.values():
        result = graph.module(*(inputs[tensor.name] for tensor in graph.spec.inputs))
        (output,) = graph.spec.outputs
        assert tuple(result.shape) == output.concrete({"batch": BATCH})
        assert result.dtype == getattr(torch, output.dtype)
    floats, pixels = (model.graphs[graph].module(*inputs.values()) for graph in ("generator_float", "generator"))
    assert floats.abs().max() <= 1
    assert tuple(pixels.shape[1:]) == (resolution, resolution, channels)
    assert (model.output.height, model.output.width, model.output.channels) == (resolution, resolution, channels)
    expected = (floats.permute(0, 2, 3, 1) * 127.5 + 127.5).round()
    assert torch.equal(pixels.float(), expected), "both graphs are one generator"


@pytest.mark.parametrize(("name", "resolution", "channels"), CASES)
def test_an_image_does_not_depend_on_its_batch(name: str, resolution: int, channels: int) -> None:
    model = tiny(name, resolution, channels).eval()
    graph = model.graphs["generator_float"].module
    inputs = noise(model, 5)
    together = graph(*inputs.values())
    for k in range(5):
        alone = graph(*(value[k : k + 1] for value in inputs.values()))
        assert torch.allclose(alone[0], together[k], atol=1e-5)


@pytest.mark.parametrize(("name", "resolution", "channels", "objective"), TRAINED)
def test_every_parameter_gets_a_gradient(name: str, resolution: int, channels: int, objective: str) -> None:
    model, row = tiny(name, resolution, channels), OBJECTIVES.load(objective)
    if not set(row.nets) <= set(model.nets):
        pytest.skip(f"{objective} trains {row.nets}")
    game = row.build(row.Config())
    batch = Batch(torch.rand(BATCH, channels, resolution, resolution) * 2 - 1, noise(model))
    reached: dict[str, Any] = {}
    for phase in game.phases:
        loss = game.loss(phase, model.nets, batch, torch.Generator().manual_seed(0))
        named = [(f"{net}.{key}", p) for net in phase.updates for key, p in model.nets[net].named_parameters()]
        gradients = torch.autograd.grad(loss.value, [p for _, p in named])
        reached |= {key: gradient for (key, _), gradient in zip(named, gradients, strict=True)}
    wanted = {f"{net}.{key}" for net in row.nets for key, _ in model.nets[net].named_parameters()}
    assert reached.keys() == wanted
    assert len(wanted) > 5
    assert [key for key, gradient in reached.items() if not gradient.isfinite().all() or not gradient.any()] == []


@pytest.mark.parametrize("name", list(MODELS))
def test_the_same_seed_builds_the_same_weights(name: str) -> None:
    size = resolutions(name)[0]
    one, other = tiny(name, size, 1), tiny(name, size, 1)
    for net in one.nets:
        pairs = zip(one.nets[net].state_dict().values(), other.nets[net].state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
