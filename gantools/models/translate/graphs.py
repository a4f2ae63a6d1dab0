"""The graphs and the sampler of a network that makes an image of an image, of any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from gantools.core.artifact import ImageOutput
from gantools.core.sampler import Sampler
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.models.image.pixels import Pixels, ready
from gantools.models.model import ExportGraph, Model

LARGEST = 4320  # pixels of a side: 8K
TUNED = 256


class OfPixels(nn.Module):
    """A network of images as it ships: it takes (batch, height, width, channels) uint8, 0..255, NHWC.

    Args:
        net: Takes (batch, channels, height, width) float32 in [-1, 1].
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, *state: Tensor) -> Tensor | tuple[Tensor, ...]:
        """See the class; returns what the network does, given the image and its state."""
        made: Tensor | tuple[Tensor, ...] = self.net(image.float().permute(0, 3, 1, 2) / 127.5 - 1.0, *state)
        return made


class StatefulPixels(nn.Module):
    """As ``Pixels``, of a network whose next state comes behind the image."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        made, *rest = self.net(image, *state)
        return ready(made), *rest


def translation_model(
    net: nn.Module,
    *,
    scale: int = 1,
    channels: Literal[1, 3] = 3,
    given: int | None = None,
    between: bool = False,
    step: int = 1,
    least: int = 16,
    states: Mapping[str, int] | None = None,
    nets: Mapping[str, nn.Module] | None = None,
    averaged: tuple[str, ...] = ("G",),
) -> Model:
    """A model whose net ``"G"`` makes an image of an image.

    Args:
        net: (batch, channels, height, width) float32 in [-1, 1], NCHW -> the same, ``scale`` times as large.
        scale: By how much images come out larger.
        channels: 1 for grey, 3 for RGB, in and out.
        given: Channels in; none: as many as out.
        between: Whether it makes the frame between two, which are given one behind the other in channels.
        step: Heights and widths are multiples of it.
        least: The smallest height and width; a multiple of ``step``.
        states: Name -> channels of the state that the network takes behind the image, in order, and returns behind it:
            (batch, channels, height, width) float32 each, which are zero at first.
        nets: What is trained beside it.
        averaged: Which of all nets ship as averages.
    """
    colour = "grey" if channels == 1 else "RGB"
    side = AxisRange(min=least, opt=max(TUNED, least), max=LARGEST // step * step, step=step)
    axes = {"batch": AxisRange(min=1, opt=1, max=16), "height": side, "width": side}
    size = [name if scale == 1 else f"{scale}*{name}" for name in ("height", "width")]
    what = f"{colour}, 0..255, NHWC" + (": the frame before, then the one after" if between else "")
    image = TensorSpec(name="image", dtype="uint8", shape=("batch", "height", "width", given or channels), doc=what)
    pixels = TensorSpec(name="output", dtype="uint8", shape=("batch", *size, channels), doc=f"{colour}, 0..255, NHWC")
    floats = TensorSpec(
        name="output", dtype="float32", shape=("batch", channels, *size), doc=f"{colour} in [-1, 1], NCHW"
    )
    fed = [
        TensorSpec(
            name=name,
            dtype="float32",
            shape=("batch", maps, "height", "width"),
            doc="0 at first",
            state_of=f"next_{name}",
        )
        for name, maps in (states or {}).items()
    ]
    kept = [one.model_copy(update={"name": one.state_of, "state_of": None, "doc": "state"}) for one in fed]
    module = OfPixels(net)
    shown = StatefulPixels(module) if fed else Pixels(module)
    graphs = {
        name: ExportGraph(one, GraphSpec(inputs=(image, *fed), outputs=(made, *kept), axes=axes))
        for name, one, made in (("generator", shown, pixels), ("generator_float", module, floats))
    }
    return Model(
        nets={"G": net, **(nets or {})},
        graphs=graphs,
        sampler=Sampler(kind="feedforward", graph="generator", image="image"),
        modality="image",
        output=ImageOutput(
            height=scale * side.opt, width=scale * side.opt, channels=channels, scale=scale, between=between
        ),
        averaged=averaged,
    )
