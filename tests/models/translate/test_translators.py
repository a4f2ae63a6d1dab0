"""What translators promise: any size, nothing random when they ship, and what is trained beside them."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from gantools.models.translate.beside import INVERSE, Projection
from gantools.models.translate.resnet import ResNet, ResNetConfig, resnet
from gantools.models.translate.unet import UNet, UNetConfig, unet

ROWS: list[tuple[Any, dict[str, Any]]] = [(unet, {"width": 4, "depth": 3}), (resnet, {"width": 4, "blocks": 3})]


def image(height: int = 16, width: int = 24, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(("row", "options"), ROWS)
def test_an_image_of_any_size_becomes_one_of_the_same(row: Any, options: dict[str, Any]) -> None:
    model = row.build(row.Config(**options)).eval()
    side = model.graphs["generator"].spec.axes["height"]
    assert side.min % side.step == 0
    for height, width in ((side.min, side.min), (side.min + side.step, side.min + 3 * side.step)):
        made = model.nets["G"](image(height, width))
        assert made.shape == (2, 3, height, width)
        assert made.abs().max() <= 1


@pytest.mark.parametrize(("row", "options"), ROWS)
def test_features_are_those_that_are_announced(row: Any, options: dict[str, Any]) -> None:
    net = row.build(row.Config(**options)).nets["G"]
    given = image()
    maps = net.features(given)
    assert torch.equal(maps[0], given)
    assert tuple(one.shape[1] for one in maps) == net.feature_widths
    assert len(maps) >= 3


@pytest.mark.parametrize("kind", ["instance", "batch"])
def test_what_the_norm_looks_at(kind: Any) -> None:
    """Instance norm looks at each image, always; batch norm at the batch in training, and at none when it ships."""
    torch.manual_seed(0)
    net = UNet(UNetConfig(width=4, depth=3, norm=kind))
    given = image(batch=3)
    with torch.no_grad():
        together, alone = net(given), net(given[:1])
        assert torch.allclose(together[:1], alone, atol=1e-5) == (kind == "instance")
        net.eval()
        assert torch.allclose(net(given)[:1], net(given[:1]), atol=1e-5)
        assert torch.allclose(net(given), together, atol=1e-5) == (kind == "instance")


def test_colours_are_made_and_brightness_is_kept() -> None:
    torch.manual_seed(0)
    net = UNet(UNetConfig(width=4, depth=3, keeps_luma=True)).eval()
    given = image()
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    with torch.no_grad():
        made = net(given)
        net.keeps_luma = False
        free = net(given)
    assert torch.allclose((made * weights).sum(1), (given * weights).sum(1), atol=1e-5)
    assert torch.allclose(made[:, 0] - made[:, 1], free[:, 0] - free[:, 1], atol=1e-5)
    assert not torch.allclose((free * weights).sum(1), (given * weights).sum(1), atol=1e-2)
    with pytest.raises(ValidationError, match="keeps_luma: a grey image is luma alone; set channels=3"):
        UNetConfig(channels=1, keeps_luma=True)


def test_dropout_is_for_the_training_alone() -> None:
    net = UNet(UNetConfig(width=4, depth=5, dropout=0.5))
    assert sum(isinstance(module, nn.Dropout) for module in net.modules()) == 3, "the innermost ones"
    given = image(32, 32)
    assert not torch.equal(net(given), net(given))
    net.eval()
    assert torch.equal(net(given), net(given))


def test_the_smallest_map_may_be_a_single_pixel() -> None:
    net = UNet(UNetConfig(width=4, depth=4))
    assert net.train()(image(16, 16)).isfinite().all(), "norm of one value would be an error"


def test_a_residual_translator_does_not_see_how_bright_an_image_is() -> None:
    torch.manual_seed(0)
    net = ResNet(ResNetConfig(width=4, blocks=2)).eval()
    for weight in net.parameters():
        if weight.ndim > 1:
            nn.init.xavier_normal_(weight, 2)
    dark = image() / 4 - 0.5
    brighter = dark + torch.tensor([0.5, 0.2, 0.1]).reshape(1, 3, 1, 1)
    assert net(dark).std() > 0.05
    assert torch.allclose(net(dark), net(brighter), atol=1e-3)


@pytest.mark.parametrize("level", [0, 7, 215, 255])
def test_an_image_of_one_colour_becomes_one_of_one_colour(level: int) -> None:
    """Else every norm would enlarge the rounding of the layer before it, to noise that no two runtimes share."""
    torch.manual_seed(0)
    net = ResNet(ResNetConfig(width=4, blocks=4)).eval()
    made = net(torch.full((1, 3, 32, 32), level / 127.5 - 1))
    assert torch.equal(made, made[:, :, :1, :1].expand_as(made))


@pytest.mark.parametrize(("row", "options"), ROWS)
def test_what_is_trained_beside_it(row: Any, options: dict[str, Any]) -> None:
    alone = row.build(row.Config(**options))
    assert (set(alone.nets), alone.averaged, alone.judges) == ({"G"}, ("G",), ("D",))
    there_and_back = row.build(row.Config(**options, beside="inverse"))
    assert set(there_and_back.nets) == {"G", "F"}
    assert there_and_back.averaged == ("G", "F")
    assert there_and_back.judges == ("D", "D_A")
    assert there_and_back.graphs[INVERSE].spec == there_and_back.graphs["generator"].spec
    weights = [next(there_and_back.nets[name].parameters()) for name in ("G", "F")]
    assert not torch.equal(*weights)
    head = row.build(row.Config(**options, beside="projection"))
    assert set(head.nets) == {"G", "H"}
    assert head.averaged == ("G",)
    assert isinstance(head.nets["H"], Projection)
    assert len(head.nets["H"].heads) == len(head.nets["G"].feature_widths)


def test_a_projection_has_unit_length() -> None:
    found = Projection((3, 8), width=16)([torch.randn(2, 5, 3), torch.randn(2, 7, 8)])
    assert [tuple(one.shape) for one in found] == [(2, 5, 16), (2, 7, 16)]
    assert all(torch.allclose(one.norm(dim=2), torch.ones(one.shape[:2])) for one in found)
