"""Every discriminator of images of the table: grey and colour, with and without classes, at two resolutions."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from gantools.core.artifact import GraphFile
from gantools.core.sampler import Sampler
from gantools.export.onnx import write_onnx
from gantools.losses.penalties import r1
from gantools.models import DISCRIMINATORS
from gantools.models.discriminators.scorer import scorer_graphs
from gantools.models.model import ImageShape
from gantools.optimize.plan import Plan
from gantools.optimize.targets import TARGETS
from gantools.runtime.session import Session
from gantools.verify.parity import compare_arrays
from gantools.verify.tolerances import TOLERANCES
from gantools.verify.trials import trial_inputs
from tests.conformance.tiny import DISCRIMINATORS_SMALL, Options, change_weights

SHAPES = [ImageShape(size, channels, classes) for size, channels, classes in product((32, 64), (1, 3), (0, 5))]
VARIANTS = [(name, options) for name, several in DISCRIMINATORS_SMALL.items() for options in several]
CASES = [(*variant, shape) for variant in VARIANTS for shape in SHAPES]
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
    of_images = {name for name in DISCRIMINATORS if DISCRIMINATORS.load(name).modality == "image"}
    assert set(DISCRIMINATORS_SMALL) == of_images
    assert len(CASES) >= len(SHAPES) * len(of_images)


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
def test_a_penalty_can_be_differentiated_again(name: str, options: Options, shape: ImageShape) -> None:
    net, (image, *label) = build(name, options, shape), given(shape)
    penalty = r1(lambda x: net(x, *label), image)
    weights = [weight for key, weight in net.named_parameters() if "bias" not in key]
    gradients = torch.autograd.grad(penalty, weights, allow_unused=True)
    assert any(gradient is not None and gradient.any() for gradient in gradients)


@pytest.mark.parametrize("name", list(DISCRIMINATORS_SMALL))
def test_a_discriminator_ships(name: str, tmp_path: Path) -> None:
    """It exports, equals its network at sizes nobody traced, keeps its rows apart, and compiles for TensorRT."""
    shape = ImageShape(32, 3, 4)
    net = build(name, DISCRIMINATORS_SMALL[name][-1], shape)
    change_weights(net, gain=1)
    for _ in range(5):  # settles running statistics and power iterations
        net(*given(shape, 16))
    (graph,) = scorer_graphs(net.eval(), shape).values()
    path, sampler = tmp_path / "d.onnx", Sampler(kind="feedforward", graph="generator")
    graph.module.eval()
    write_onnx(graph, graph.spec, path)
    entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=graph.spec)
    with Session(path, entry) as session:
        for size in (1, 3, 16):
            tried = trial_inputs(graph.spec, sampler, range(size)) | {"label": np.arange(size) % 4}
            with torch.inference_mode():
                expected = graph.module(*(torch.from_numpy(tried[name]) for name in ("image", "label"))).numpy()
            difference = compare_arrays(
                graph.spec.outputs[0], session.run(tried)["score"], expected, TOLERANCES["fp32"]
            )
            assert difference.ok, str(difference)
        assert expected.std() > 1e-4, "a constant score would equal anything"
    operations = [node.op_type for node in onnx.load(path).graph.node]
    assert "ReduceL2" not in operations, "the power iteration of spectral norm is folded away"
    compiled = TARGETS.load("tensorrt-rtx").compile(path, entry, Plan(target="tensorrt-rtx"))
    assert (tmp_path / compiled.file).stat().st_size > 10_000


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
