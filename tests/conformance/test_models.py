"""Every model of images of the table, with the discriminator and the objective it is usually trained with."""

from typing import Any

import pytest
import torch

from gantools.losses import OBJECTIVES
from gantools.models import MODELS
from gantools.models.model import ExportGraph, Model
from tests.conformance.tiny import (
    MODEL_CASES,
    MODELS_SMALL,
    Options,
    output_shape,
    small_batch,
    small_inputs,
    small_model,
)
from tests.conformance.tiny_texts import TEXTS_SMALL

BATCH = 3


def drawn(model: Model, graph: ExportGraph, batch: int = BATCH) -> list[torch.Tensor]:
    arrays = small_inputs(graph.spec, model.sampler, range(batch))
    return [torch.from_numpy(arrays[tensor.name]) for tensor in graph.spec.inputs]


def test_no_model_is_left_out() -> None:
    assert {*MODELS_SMALL, *TEXTS_SMALL} == set(MODELS)
    assert not MODELS_SMALL.keys() & TEXTS_SMALL.keys()
    assert len(MODEL_CASES) >= len(MODELS_SMALL)


@pytest.mark.parametrize(("name", "options"), MODEL_CASES)
def test_graphs_return_what_their_spec_says(name: str, options: Options) -> None:
    model = small_model(name, options)[0].eval()
    assert {"generator", "generator_float"} <= set(model.graphs)
    assert model.sampler.graph == "generator"
    assert model.averaged
    assert set(model.averaged) <= set(model.nets)
    for graph in model.graphs.values():
        results = graph.module(*drawn(model, graph))
        tensors = results if isinstance(results, tuple) else (results,)
        for result, output in zip(tensors, graph.spec.outputs, strict=True):
            assert tuple(result.shape) == output_shape(graph.spec, output, BATCH)
            assert result.dtype == getattr(torch, output.dtype)
            assert result.isfinite().all()
    both = (model.graphs[graph] for graph in ("generator_float", "generator"))
    results = [graph.module(*drawn(model, graph)) for graph in both]
    floats, pixels = (one[0] if isinstance(one, tuple) else one for one in results)
    if model.sampler.image is None:
        assert tuple(pixels.shape[1:]) == (model.image.height, model.image.width, model.image.channels)
    expected = (floats.permute(0, 2, 3, 1) * 127.5 + 127.5).round().clamp(0, 255)
    assert torch.equal(pixels.float(), expected), "both graphs are one generator"


@pytest.mark.parametrize(("name", "options"), MODEL_CASES)
def test_a_row_does_not_depend_on_its_batch(name: str, options: Options) -> None:
    model = small_model(name, options)[0].eval()
    compared = 0
    for graph in model.graphs.values():
        inputs = drawn(model, graph, 5)
        together = graph.module(*inputs)
        for k in range(5):
            alone = graph.module(*(value[k : k + 1] for value in inputs))
            pairs = zip(alone, together, strict=True) if isinstance(alone, tuple) else [(alone, together)]
            for one, several in pairs:
                slack = 1.0 if one.dtype == torch.uint8 else 1e-5
                assert torch.allclose(one[0].float(), several[k].float(), atol=slack, rtol=1e-4)
                compared += 1
    assert compared >= 10


@pytest.mark.parametrize(("name", "options"), MODEL_CASES)
def test_every_parameter_gets_a_gradient(name: str, options: Options) -> None:
    model, recipe = small_model(name, options)
    row = OBJECTIVES.load(recipe.objective.name)
    objective = row.build(row.Config(**recipe.objective.options))
    batch = small_batch(model, due=tuple(phase.name for phase in objective.phases))
    reached: dict[str, Any] = {}
    for phase in objective.phases:
        loss = objective.loss(phase, model.nets, batch, torch.Generator().manual_seed(0))
        if loss.value is None:
            continue
        named = [(f"{net}.{key}", p) for net in phase.updates for key, p in model.nets[net].named_parameters()]
        gradients = torch.autograd.grad(loss.value, [p for _, p in named], allow_unused=True)
        found = {key: gradient for (key, _), gradient in zip(named, gradients, strict=True) if gradient is not None}
        # A bias may find its gradients cancelled: the hinge pushes real logits up as hard as it pushes fakes down.
        reached |= {key: gradient for key, gradient in found.items() if gradient.any() or gradient.ndim < 2}
        assert all(gradient.isfinite().all() for gradient in found.values())
    wanted = {f"{net}.{key}" for net in row.nets for key, _ in model.nets[net].named_parameters()}
    assert wanted - reached.keys() == set()


@pytest.mark.parametrize(("name", "options"), MODEL_CASES)
def test_the_same_seed_builds_the_same_weights(name: str, options: Options) -> None:
    one, other = (small_model(name, options)[0] for _ in range(2))
    for net in one.nets:
        pairs = zip(one.nets[net].state_dict().values(), other.nets[net].state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
