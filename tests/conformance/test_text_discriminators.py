"""Every discriminator of text of the table: tokens and shares of them, with and without classes."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gantools.core.artifact import GraphFile
from gantools.core.sampler import NoiseInput, Sampler
from gantools.export.onnx import write_onnx
from gantools.losses.penalties import r1
from gantools.models import DISCRIMINATORS
from gantools.models.discriminators.text_scorer import text_scorer_graphs
from gantools.models.model import TextShape
from gantools.optimize.plan import Plan
from gantools.optimize.targets import TARGETS
from gantools.runtime.session import Session
from gantools.verify.parity import compare_arrays
from gantools.verify.tolerances import TOLERANCES
from gantools.verify.trials import trial_inputs
from tests.conformance.tiny import change_weights
from tests.conformance.tiny_texts import TEXT_DISCRIMINATORS_SMALL, Options

SHAPES = [TextShape(30, 9), TextShape(30, 9, classes=4)]
CASES = [
    (name, options, shape)
    for name, several in TEXT_DISCRIMINATORS_SMALL.items()
    for options in several
    for shape in SHAPES
]
BATCH = 5


def build(name: str, options: Options, shape: TextShape) -> nn.Module:
    row = DISCRIMINATORS.load(name)
    torch.manual_seed(0)
    net: nn.Module = row.build(row.Config(**options), shape)
    return net


def given(shape: TextShape, batch: int = BATCH) -> tuple[torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(1)
    tokens = torch.randint(1, shape.vocabulary, (batch, shape.steps))
    for row in range(batch):
        tokens[row, row % shape.steps + 2 :] = 0
    return tokens, [torch.arange(batch) % shape.classes] if shape.classes else []


def test_no_discriminator_of_text_is_left_out() -> None:
    of_text = {name for name in DISCRIMINATORS if DISCRIMINATORS.load(name).modality == "text"}
    assert set(TEXT_DISCRIMINATORS_SMALL) == of_text
    assert len(CASES) >= 2 * len(SHAPES) * 4


@pytest.mark.parametrize(("name", "options", "shape"), CASES)
def test_logits_have_a_gradient_in_every_parameter_and_in_shares(name: str, options: Options, shape: TextShape) -> None:
    net, (tokens, label) = build(name, options, shape), given(shape)
    shares = (F.one_hot(tokens, shape.vocabulary).float() * 4).softmax(2).requires_grad_(True)
    logits = net(shares, *label)
    assert logits.shape == ((BATCH, shape.steps) if options.get("every_place") else (BATCH,))
    weights = dict(net.named_parameters())
    gradients = torch.autograd.grad(logits.square().sum(), [*weights.values(), shares])
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert [key for key, gradient in zip(weights, gradients, strict=False) if not gradient.any()] == []
    assert gradients[-1].any()


@pytest.mark.parametrize(("name", "options", "shape"), CASES)
def test_tokens_and_their_one_hot_rows_are_judged_alike(name: str, options: Options, shape: TextShape) -> None:
    net, (tokens, label) = build(name, options, shape).eval(), given(shape)
    hard, soft = net(tokens, *label), net(F.one_hot(tokens, shape.vocabulary).float(), *label)
    torch.testing.assert_close(hard, soft, atol=1e-5, rtol=1e-4)
    assert hard.std() > 1e-4
    if shape.classes:
        assert not torch.allclose(hard, net(tokens, (label[0] + 1) % shape.classes))


@pytest.mark.parametrize(("name", "options", "shape"), CASES)
def test_a_penalty_can_be_differentiated_again(name: str, options: Options, shape: TextShape) -> None:
    net, (tokens, label) = build(name, options, shape), given(shape)
    shares = (F.one_hot(tokens, shape.vocabulary).float() * 4).softmax(2)
    penalty = r1(lambda x: net(x, *label), shares)
    weights = [weight for key, weight in net.named_parameters() if "bias" not in key]
    gradients = torch.autograd.grad(penalty, weights, allow_unused=True)
    assert any(gradient is not None and gradient.any() for gradient in gradients)


@pytest.mark.parametrize("name", ["text_lstm", "text_gru"])
def test_what_is_behind_the_end_does_not_count(name: str) -> None:
    shape = SHAPES[0]
    net, (tokens, _) = build(name, TEXT_DISCRIMINATORS_SMALL[name][0], shape).eval(), given(shape)
    other = tokens.clone()
    other[:, -1] = 7
    assert torch.equal(net(tokens)[:4], net(other)[:4])
    other[:, 0] = 7
    assert not torch.allclose(net(tokens), net(other))


@pytest.mark.parametrize("name", ["text_lstm", "text_gru"])
def test_a_place_is_judged_by_what_stands_up_to_it(name: str) -> None:
    shape = SHAPES[1]
    net = build(name, {"embedding": 6, "hidden": 8, "every_place": True}, shape).eval()
    tokens, label = given(shape)
    other = tokens.clone()
    other[:, 4] = (other[:, 4] + 1) % shape.vocabulary
    one, changed = net(tokens, *label), net(other, *label)
    assert torch.equal(one[:, :4], changed[:, :4])
    assert bool((one[:, 4] != changed[:, 4]).all())
    here = (tokens == 0).long().cumsum(1) == (tokens == 0).long()
    (graph,) = text_scorer_graphs(net, shape).values()
    mean = torch.stack([row[inside].mean() for row, inside in zip(one, here, strict=True)])
    torch.testing.assert_close(graph.module(tokens.int(), *label), mean)


@pytest.mark.parametrize("name", list(TEXT_DISCRIMINATORS_SMALL))
def test_a_discriminator_of_text_ships(name: str, tmp_path: Path) -> None:
    """It exports, equals its network at sizes nobody traced, and compiles for TensorRT."""
    shape = SHAPES[1]
    net = build(name, TEXT_DISCRIMINATORS_SMALL[name][-1], shape)
    change_weights(net, gain=1)
    tokens, label = given(shape, 16)
    for _ in range(5):  # settles power iterations
        net(tokens, *label)
    (graph,) = text_scorer_graphs(net.eval(), shape).values()
    graph.module.eval()
    path = tmp_path / "d.onnx"
    write_onnx(graph, graph.spec, path)
    entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=graph.spec)
    noise = {"tokens": NoiseInput(distribution="category", stream=0, categories=shape.vocabulary)}
    sampler = Sampler(kind="sequence", graph="generator", noise=noise)
    with Session(path, entry) as session:
        for size in (1, 3, 16):
            tried = trial_inputs(graph.spec, sampler, range(size)) | {"label": np.arange(size) % 4}
            with torch.inference_mode():
                expected = graph.module(*(torch.from_numpy(tried[name]) for name in ("tokens", "label"))).numpy()
            difference = compare_arrays(
                graph.spec.outputs[0], session.run(tried)["score"], expected, TOLERANCES["fp32"]
            )
            assert difference.ok, str(difference)
        assert expected.std() > 1e-4, "a constant score would equal anything"
    compiled = TARGETS.load("tensorrt-rtx").compile(path, entry, Plan(target="tensorrt-rtx"))
    assert (tmp_path / compiled.file).stat().st_size > 10_000
