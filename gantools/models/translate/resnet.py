"""A translator of residual blocks (Johnson et al., "Perceptual Losses for Real-Time Style Transfer", ECCV 2016).

As CycleGAN trains it (Zhu et al., ICCV 2017, appendix 7.2): reflected edges, two halvings, residual blocks at a quarter
of the size, two doublings. Not as published is how it doubles: it copies pixels and convolves, which leaves no
checkerboard (Odena et al., "Deconvolution and Checkerboard Artifacts", 2016) and is exactly one transposed convolution
where that is faster, as ``optimize`` finds out.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.initialization import dcgan_normal
from gantools.models.model import Architecture, Model
from gantools.models.translate.beside import Beside, with_beside
from gantools.models.translate.graphs import translation_model
from gantools.models.translate.norm import NormName, norm_layer

_HALVINGS = 2
STEP = 2**_HALVINGS
"""Heights and widths are multiples of it."""


class ResNetConfig(Frozen):
    """Options of ``resnet``.

    Attributes:
        channels: 1 for grey, 3 for RGB.
        width: Channels at the full size; twice as many at half of it, four times at a quarter. Published: 64.
        blocks: Residual blocks at a quarter of the size; published: 6 for images of 128 pixels, 9 for 256.
        norm: See ``gantools.models.translate.norm``.
        beside: What is trained beside it: ``inverse``, a second translator that goes back, for the objective
            ``cyclegan``; ``projection``, for ``cut``; see ``gantools.models.translate.beside``.
    """

    channels: Literal[1, 3] = 3
    width: int = Field(default=64, ge=4)
    blocks: int = Field(default=9, ge=1)
    norm: NormName = "instance"
    beside: Beside = "nothing"


class Block(nn.Module):
    """features (batch, channels, height, width) -> the same, plus what two convolutions make of them."""

    def __init__(self, channels: int, norm: NormName) -> None:
        super().__init__()
        self.path = nn.Sequential(
            *_convolved(channels, channels, norm, size=3, reflected=True),
            *_convolved(channels, channels, norm, size=3, reflected=True)[:-1],
        )

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        changed: Tensor = features + self.path(features)
        return changed


class Doubled(nn.Module):
    """(batch, channels, height, width) -> (batch, channels, 2 height, 2 width): each pixel four times."""

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        return F.interpolate(features, scale_factor=2.0, mode="nearest")


class ResNet(nn.Module):
    """image (batch, channels, height, width) float32 in [-1, 1], NCHW -> image of the same shape and range.

    With instance norm it does not see how bright an image is: adding a colour to all its pixels changes nothing after
    the first norm, which reflected edges do not spoil. So the colour of the first pixel is taken away, which leaves the
    function as it is and makes it sound: an image of one colour becomes zeros, where every norm would else enlarge the
    rounding errors of the layer before it, three hundred times each, to a pattern that differs with every runtime.

    Attributes:
        feature_widths: Channels of what ``features`` returns.
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        widths = [config.width * 2**level for level in range(_HALVINGS + 1)]
        self.stem = nn.Sequential(*_convolved(config.channels, widths[0], config.norm, size=7, reflected=True))
        self.downs = nn.ModuleList(
            nn.Sequential(*_convolved(widths[level], widths[level + 1], config.norm, size=3, stride=2))
            for level in range(_HALVINGS)
        )
        self.blocks = nn.ModuleList(Block(widths[-1], config.norm) for _ in range(config.blocks))
        self.ups = nn.ModuleList(
            nn.Sequential(Doubled(), *_convolved(widths[level + 1], widths[level], config.norm, size=3))
            for level in reversed(range(_HALVINGS))
        )
        self.to_image = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(widths[0], config.channels, kernel_size=7))
        self._shifts = config.norm == "instance"
        self._looked_at = sorted({0, config.blocks // 2})
        self.feature_widths = (config.channels, *widths[1:], *[widths[-1]] * len(self._looked_at))
        self.apply(dcgan_normal)

    def forward(self, image: Tensor) -> Tensor:
        """See the class."""
        here = self._begun(image)
        for layer in (*self.downs, *self.blocks, *self.ups):
            here = layer(here)
        made: Tensor = torch.tanh(self.to_image(here))
        return made

    def _begun(self, image: Tensor) -> Tensor:
        begun: Tensor = self.stem(image - image[:, :, :1, :1] if self._shifts else image)
        return begun

    def features(self, image: Tensor) -> list[Tensor]:
        """The image, its maps after each halving, after the first block and after the middle one.

        The layers of CUT (Park et al. 2020, appendix C.2).
        """
        maps = [image]
        here = self._begun(image)
        for down in self.downs:
            here = down(here)
            maps.append(here)
        for number, block in enumerate(list(self.blocks)[: self._looked_at[-1] + 1]):
            here = block(here)
            if number in self._looked_at:
                maps.append(here)
        return maps


def _convolved(
    inner: int, outer: int, norm: NormName, *, size: int, stride: int = 1, reflected: bool = False
) -> list[nn.Module]:
    """Padding, convolution, norm, ReLU."""
    edge = size // 2
    layers: list[nn.Module] = [nn.ReflectionPad2d(edge)] if reflected else []
    layers.append(nn.Conv2d(inner, outer, size, stride=stride, padding=0 if reflected else edge, bias=False))
    return [*layers, norm_layer(norm, outer), nn.ReLU()]


def _plain(config: ResNetConfig) -> tuple[ResNet, Model]:
    net = ResNet(config)
    return net, translation_model(net, channels=config.channels, step=STEP)


def _build(config: ResNetConfig) -> Model:
    net, model = _plain(config)
    return with_beside(model, config.beside, net, lambda: _plain(config)[1])


resnet = Architecture(
    ResNetConfig,
    _build,
    defaults={"discriminator": {"name": "patch", "norm": "instance"}, "objective": {"name": "cut"}},
)
