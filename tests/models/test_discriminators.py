"""What sets one discriminator apart from another."""

import pytest
import torch
from torch import nn

from gantools.core.errors import RecipeError
from gantools.models.discriminators.patch import PatchDiscriminator, PatchDiscriminatorConfig
from gantools.models.discriminators.recurrent import GRU, LSTM
from gantools.models.discriminators.resnet import ResNetDiscriminator, ResNetDiscriminatorConfig
from gantools.models.discriminators.scorer import scorer_graphs
from gantools.models.discriminators.spectral import normalize
from gantools.models.model import ImageShape


@pytest.mark.parametrize(("cell", "reference"), [(LSTM, nn.LSTM), (GRU, nn.GRU)])
def test_the_cells_are_those_of_torch(cell: type[LSTM] | type[GRU], reference: type[nn.LSTM] | type[nn.GRU]) -> None:
    torch.manual_seed(0)
    mine, theirs = cell(5, 4), reference(5, 4, batch_first=True)
    gates = 4 if cell is LSTM else 3
    state_bias = mine.of_state.bias if mine.of_state.bias is not None else torch.zeros(4 * gates)
    # torch orders the gates input, forget, cell, output; here the output comes before the cell.
    order = torch.arange(4 * gates).reshape(gates, 4)
    order = (order[[0, 1, 3, 2]] if cell is LSTM else order).flatten()
    with torch.no_grad():
        for own, name in (
            (mine.of_input.weight, "weight_ih_l0"),
            (mine.of_state.weight, "weight_hh_l0"),
            (mine.of_input.bias, "bias_ih_l0"),
            (state_bias, "bias_hh_l0"),
        ):
            getattr(theirs, name).copy_(own[order])
    sequence = torch.randn(3, 7, 5)
    assert torch.allclose(mine(sequence), theirs(sequence)[0][:, -1], atol=1e-6)


@pytest.mark.parametrize(("layers", "patch"), [(1, 10), (2, 22), (3, 46), (4, 94)])
def test_a_logit_sees_its_patch_and_nothing_else(layers: int, patch: int) -> None:
    config = PatchDiscriminatorConfig(width=4, layers=layers, norm="none")
    net = PatchDiscriminator(config, ImageShape(256, 1))
    image = torch.randn(1, 1, 256, 256, requires_grad=True)
    logits = net(image)
    edge = round(logits.shape[1] ** 0.5)
    assert logits.shape == (1, edge * edge)
    (gradient,) = torch.autograd.grad(logits[0, (edge // 2) * edge + edge // 2], image)
    rows = gradient[0, 0].abs().sum(1).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == patch


def test_spectral_norm_holds_every_layer_at_one() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(72, 5))
    normalize(net)
    for _ in range(30):
        net(torch.randn(2, 3, 5, 5))
    for layer in (net[0], net[2]):
        assert isinstance(layer.weight, torch.Tensor)
        assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item() == pytest.approx(1, abs=0.02)


def test_a_resolution_without_a_plan_is_refused() -> None:
    with pytest.raises(RecipeError, match="judges images of 32, 64 or 128 pixels, got 48"):
        ResNetDiscriminator(ResNetDiscriminatorConfig(), ImageShape(48, 3))


def test_a_conditional_one_judges_two_images_together() -> None:
    torch.manual_seed(0)
    config = PatchDiscriminatorConfig(width=4, layers=1, norm="none", conditional=True)
    net = PatchDiscriminator(config, ImageShape(16, 1, given=1))
    image, given = torch.rand(2, 2, 1, 16, 16).unbind(0)
    assert not torch.allclose(net(image, given=given), net(image, given=given.flip(0)))
    (graph,) = scorer_graphs(net, ImageShape(16, 1, given=1)).values()
    assert [tensor.name for tensor in graph.spec.inputs] == ["image", "given"]
    pixels = [(one * 255).to(torch.uint8).permute(0, 2, 3, 1) for one in (image, given)]
    scaled = [one.permute(0, 3, 1, 2).float() / 127.5 - 1 for one in pixels]
    assert torch.allclose(graph.module(*pixels), net(scaled[0], given=scaled[1]).mean(1), atol=1e-5)


def test_a_conditional_one_needs_a_model_that_is_given_images() -> None:
    config = PatchDiscriminatorConfig(width=4, conditional=True)
    with pytest.raises(RecipeError, match=r"discriminator\.conditional: the model makes images of no others"):
        PatchDiscriminator(config, ImageShape(64, 3))
