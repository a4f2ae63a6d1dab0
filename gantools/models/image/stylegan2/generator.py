"""StyleGAN2 (Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020).

Configuration F of the paper: no progressive growing, image by image summed over resolutions (skip connections), one
noise map for each layer. The official networks at 256x256 have ``channel_base = 32768``, or half of it, and
``channel_max = 512``; the defaults here are an eighth of the former, for a CPU.

Weights can be trained for noise that the graph then takes as one input, or without any: a graph for small devices that
is a function of its latent alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from gantools.core.sampler import NoiseInput, Setting
from gantools.core.spec import Frozen, TensorSpec
from gantools.models.equalized import float32_island
from gantools.models.image.graphs import image_model, label_input, latent_input
from gantools.models.image.stylegan2.mapping import Mapping
from gantools.models.image.stylegan2.modulation import StyledLayer, ToImage
from gantools.models.model import Architecture, Model
from gantools.models.resampling import Resample

_SEED_SIZE = 4  # height and width of the first feature map
NOISE_STREAM = 2  # 0 is the latent, 1 the label
# All of the distribution that was learned. Lower values trade variety for quality, and are for the caller to choose:
# what is scored by default shall be what was trained.
TRUNCATION = Setting(default=1.0, low=0.0, high=1.0)


class StyleGAN2Config(Frozen):
    """Options of ``stylegan2``.

    Attributes:
        resolution: Edge of the images, in pixels.
        channels: 1 for grey, 3 for RGB.
        classes: Number of classes; 0: no labels.
        latent: Length of the latents; the paper has 512.
        style: Length of the styles; the paper has 512.
        mapping_layers: Fully connected layers between the two; the paper has 8.
        channel_base: Channels of a feature map times its edge.
        channel_max: Most channels of a feature map.
        noise: ``input``: a graph input ``noise`` (batch, n) float32 N(0, 1), one value for each pixel of each layer,
            from the 4x4 layer to the two of full resolution, each row by row; ``none``: no noise.
    """

    resolution: Literal[8, 16, 32, 64, 128, 256, 512, 1024] = 32
    channels: Literal[1, 3] = 3
    classes: int = Field(default=0, ge=0)
    latent: int = Field(default=128, ge=1)
    style: int = Field(default=128, ge=1)
    mapping_layers: int = Field(default=8, ge=1)
    channel_base: int = Field(default=4096, ge=256)
    channel_max: int = Field(default=128, ge=1)
    noise: Literal["input", "none"] = "input"


def noise_sizes(resolution: int) -> list[int]:
    """Edges of the noise maps, in the order in which they lie in the input ``noise``: 4, 8, 8, 16, 16, ..."""
    edges = [_SEED_SIZE << power for power in range((resolution // _SEED_SIZE).bit_length())]
    return [edge for edge in edges for _ in range(1 if edge == _SEED_SIZE else 2)]


class Generator(nn.Module):
    """latent (batch, latent) float32 N(0, 1) -> image (batch, channels, height, width) float32, NCHW, around [-1, 1].

    Attributes:
        layers: Number of styles that an image is made of, from coarse to fine.
    """

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.mapping = Mapping(config.latent, config.style, config.mapping_layers, config.classes)
        self.noise_sizes = noise_sizes(config.resolution)
        widths = [min(config.channel_base // edge, config.channel_max) for edge in self.noise_sizes]
        self.seed = nn.Parameter(torch.randn(1, widths[0], _SEED_SIZE, _SEED_SIZE))
        noisy = config.noise == "input"
        self.convolutions = nn.ModuleList(
            StyledLayer(inner, outer, config.style, up=depth % 2 == 1, noisy=noisy)
            for depth, (inner, outer) in enumerate(zip([widths[0], *widths], widths, strict=False))
        )
        self.to_image = nn.ModuleList(ToImage(width, config.channels, config.style) for width in widths[::2])
        self.enlarge = Resample(config.channels, up=2, gain=4.0)
        self.layers = len(self.convolutions) + 1

    def styles(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """The style of each latent: (batch, latent) float32 [, (batch,) int64] -> (batch, style) float32."""
        style: Tensor = self.mapping(latent, label)
        return style

    def images(self, styles: Sequence[Tensor], noise: Tensor | None = None) -> Tensor:
        """Images of one style for each layer.

        Args:
            styles: ``layers`` tensors (batch, style). The last convolution of a resolution is followed by the first of
                the next one and by its own step to the image, which share a style.
            noise: (batch, n) float32 N(0, 1); see the config. None: no noise.
        """
        drawn = self._maps_of(noise)
        maps = self.convolutions[0](self.seed, styles[0], drawn[0])
        image: Tensor = self.to_image[0](maps, styles[1])
        for depth, to_image in enumerate(self.to_image):
            if depth > 0:
                for k in (2 * depth - 1, 2 * depth):
                    maps = self.convolutions[k](maps, styles[k], drawn[k])
                with float32_island(image):
                    image = self.enlarge(image)
                image = image + to_image(maps, styles[2 * depth + 1])
        return image

    def forward(
        self,
        latent: Tensor,
        label: Tensor | None = None,
        noise: Tensor | None = None,
        truncation: Tensor | None = None,
    ) -> Tensor:
        """See the class.

        Args:
            latent: (batch, latent) float32 N(0, 1).
            label: (batch,) int64, for a model with classes.
            noise: (batch, n) float32 N(0, 1); none: without noise.
            truncation: (batch,) float32 in [0, 1]; none: 1.
        """
        style = self.styles(latent, label)
        if truncation is not None:
            style = self.mapping.truncated(style, truncation)
        return self.images([style] * self.layers, noise)

    def _maps_of(self, noise: Tensor | None) -> list[Tensor | None]:
        if noise is None:
            return [None] * len(self.noise_sizes)
        parts = torch.split(noise, [edge**2 for edge in self.noise_sizes], dim=1)
        return [part.reshape(-1, 1, edge, edge) for part, edge in zip(parts, self.noise_sizes, strict=True)]


class Shipped(nn.Module):
    """The generator as graphs take it: inputs by position, and images that stay in [-1, 1].

    Training sees the images as they are: a clamped value has no gradient.

    Args:
        generator: What learns.
        names: Its arguments in the order of the graph's inputs.
    """

    def __init__(self, generator: Generator, names: Sequence[str]) -> None:
        super().__init__()
        self.generator, self.names = generator, tuple(names)

    def forward(self, *inputs: Tensor) -> Tensor:
        """The inputs -> (batch, channels, height, width) float32 in [-1, 1], NCHW."""
        image: Tensor = self.generator(**dict(zip(self.names, inputs, strict=True)))
        return image.clamp(-1, 1)


def _build(config: StyleGAN2Config) -> Model:
    generator = Generator(config)
    inputs = [latent_input(config.latent)]
    if config.classes:
        inputs.append(label_input(config.classes))
    if config.noise == "input":
        size = sum(edge**2 for edge in generator.noise_sizes)
        inputs.append(TensorSpec(name="noise", dtype="float32", shape=("batch", size), doc="N(0, 1), coarse to fine"))
    inputs.append(TensorSpec(name="truncation", dtype="float32", shape=("batch",), doc="0: average .. 1: as trained"))
    return image_model(
        Shipped(generator, [tensor.name for tensor in inputs]),
        inputs,
        resolution=config.resolution,
        channels=config.channels,
        classes=config.classes,
        noise={"noise": NoiseInput(distribution="normal", stream=NOISE_STREAM)} if config.noise == "input" else {},
        settings={"truncation": TRUNCATION},
        nets={"G": generator},
    )


stylegan2 = Architecture(StyleGAN2Config, _build, defaults={"discriminator": {"name": "stylegan2"}})
