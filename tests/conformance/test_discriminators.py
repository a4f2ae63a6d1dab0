"""Every discriminator of the table: grey and colour, with and without classes, at two resolutions."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

from gantools.models import DISCRIMINATORS
from gantools.models.discriminators.scorer import scorer_graphs
from gantools.models.model import ImageShape
from tests.conformance.tiny import DISCRIMINATORS_SMALL, Options

SHAPES = [ImageShape(size, channels, classes) for size, channels, classes in product((32, 64), (1, 3), (0, 5))]
CASES = [(name, o, shape) for name, several in DISCRIMINATORS_SMALL.items() for o in several for shape in SHAPES]
BATCH = 3


def build(name: str, options: Options, shape: ImageShape) -> nn.Module:
    row = DISCRIMINATORS.load(name)
    torch.manual_seed(0)
    net: nn.Module = row.build(row.Config(**options), shape)
    return net


def given(shape: ImageShape, batch: int = BATCH) -> list[torch.Tensor]:
    torch.manual_seed(1)
    image = torch.rand(batch, shape.channels, shape.resolution, shape.resolution) * 2 - 1
    return [image, torch.arange(batch) % shape.classes] if shape.classes else [image]


def test_no_discriminator_is_left_out() -> None:
    assert set(DISCRIMINATORS_SMALL) == set(DISCRIMINATORS)
    assert len(CASES) >= len(SHAPES) * len(DISCRIMINATORS)


@pytest.mark.parametrize(("name", "options", "shape"), CASES)
def test_logits_have_a_gradient_in_every_parameter_and_in_the_image(
    name: str, options: Options, shape: ImageShape
) -> None:
    net, (image, *label) = build(name, options, shape), given(shape)
    logits = net(image.requires_grad_(True), *label)
    assert logits.shape[0] == BATCH
    assert logits.ndim in (1, 2)
    weights = dict(net.named_parameters())
    # Squares, because a sum would give nothing to what batch norm takes away.
    gradients = torch.autograd.grad(logits.square().sum(), [*weights.values(), image])
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert [key for key, gradient in zip(weights, gradients, strict=False) if not gradient.any()] == []
    assert gradients[-1].any()


@pytest.mark.parametrize(("name", "options", "shape"), CASES)
def test_a_label_matters_where_there_are_classes(name: str, options: Options, shape: ImageShape) -> None:
    net, inputs = build(name, options, shape).eval(), given(shape)
    if shape.classes:
        other = [inputs[0], (inputs[1] + 1) % shape.classes]
        assert not torch.allclose(net(*inputs), net(*other))
    else:
        with pytest.raises(TypeError):
            net(*inputs, None, None)


@pytest.mark.parametrize(("name", "options", "shape"), CASES)
def test_the_shipped_graph_scores_pixels(name: str, options: Options, shape: ImageShape) -> None:
    net: Any = build(name, options, shape).eval()
    (graph,) = scorer_graphs(net, shape).values()
    image, *label = given(shape)
    pixels = (image * 127.5 + 127.5).round().to(torch.uint8)
    score = graph.module(pixels.permute(0, 2, 3, 1).contiguous(), *label)
    expected = net(pixels.float() / 127.5 - 1, *label)
    assert score.shape == (BATCH,)
    assert torch.allclose(score, expected.reshape(BATCH, -1).mean(1), atol=1e-5)
