"""NMG, a normal-distribution generative model: a Gaussian fitted to images, and a random walk on it under constraints.

The simplest generator of all, and a baseline for the others: it is fitted in one pass over the data and has no weights
to learn. What it makes is blurred, for images are not normally distributed; but it meets linear constraints, a least
likelihood, or a discriminator's threshold. Not for large images: the covariance has the square of their values.

It can be of the latents of an autoencoder instead, which are few and nearer to a normal distribution. Fitted to the
means that the encoder gives the training images, it is an ex-post density estimate (Ghosh et al., "From Variational to
Deterministic Autoencoders", ICLR 2020): what the decoder gets is what the codes look like, and not what the prior they
were trained with wanted. The linear constraints, which are on pixels, then fall away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from gantools.core.sampler import NoiseInput, Setting
from gantools.core.spec import Frozen, GraphSpec, TensorSpec
from gantools.models.classic.constraints import Constraint
from gantools.models.classic.gaussian import Gaussian, LatentSpace, PixelSpace, Space
from gantools.models.classic.walk import Kernel, ValueRange, Walk, WalkOptions
from gantools.models.image.graphs import AXES, image_model, latent_input
from gantools.models.image.pixels import Pixels
from gantools.models.image.vae import VAEConfig, vae
from gantools.models.model import Architecture, ExportGraph, Model

GRAPH = "walk"
_STEPS, _UNIFORMS, _CHOSEN, _CORRUPTED = 2, 3, 4, 5  # Philox streams
_PIXELS, _LATENTS = 1.0, 8.0  # the largest value of each: of codes, eight deviations of the prior
_MOST_PIXELS = 64  # largest edge whose covariance has a size that can be worked with
_INPUTS = ("latent", "steps_noise", "uniforms", "low", "high", "radius", "threshold")
_OUTPUTS = ("image", "accepted", "mixing", "violation")
_TAKEN = {*_INPUTS, *_OUTPUTS, "corruption", "corruption_noise", "corruption_uniforms"}


class NMGConfig(Frozen):
    """Options of ``nmg``. Settings that a caller can move have the defaults given here.

    Attributes:
        resolution: Edge of the images, in pixels.
        channels: 1 for grey, 3 for RGB.
        autoencoder: Options of ``vae``, whose latents the distribution then is of: the values below are a latent's. Its
            nets come from ``train.start_from``. None: the values are pixels in [-1, 1].
        covariance: ``low_rank``: its ``rank`` leading directions, and what each value varies beside them; or ``full``,
            which is the default for latents.
        rank: Directions of ``low_rank``.
        floor: Least variance of a value.
        steps: Moves of the walk. Where nothing but the range is demanded, one is as good as many.
        kernel: ``elliptical``: no move is refused but for constraints without a closed form; ``pcn``: small moves that
            are refused where a constraint does not hold. See ``gantools.models.classic.walk``.
        step_size: Of ``pcn``: share of the draw in a proposal.
        tries: Of ``elliptical``: angles tried where a move can be refused.
        value_range: ``clip``: values are clipped to [low, high], which is what saturated pixels look like;
            ``truncate``: the distribution is cut off there, the default for latents. That is for a few values. Of a
            thousand pixels so many are near a wall that the truncated distribution is greyer than the data, and the
            walk hardly moves.
        low: Setting: least value, in [-1, 1] for pixels, in [-8, 8] for latents; and by default the least of that.
        high: Setting: largest value, likewise.
        radius: Setting: largest Mahalanobis distance from the mean, as a share of the typical one, which is the root of
            the number of values. This is the least likelihood: log p >= log p(mean) - radius^2 * values / 2. Below 1
            images come nearer to the mean, as with truncated latents of a GAN; 4 demands nothing.
        constraints: Linear ones on pixels; each adds a setting of its name.
        threshold: Setting, where there is a discriminator: least logit of an image.
        corruption: Setting: probability with which each value is replaced by a draw from its own distribution, after
            the walk; none: there is no such setting. ``violation`` then says whether the constraints still hold.
    """

    resolution: int = Field(default=32, ge=4)
    channels: Literal[1, 3] = 3
    autoencoder: VAEConfig | None = None
    covariance: Literal["low_rank", "full"] = "low_rank"
    rank: int = Field(default=64, ge=1)
    floor: float = Field(default=1e-4, gt=0)
    steps: int = Field(default=8, ge=1, le=1000)
    kernel: Kernel = "elliptical"
    step_size: float = Field(default=0.2, gt=0, le=1)
    tries: int = Field(default=3, ge=1, le=16)
    value_range: ValueRange = "clip"
    low: float = -_PIXELS
    high: float = _PIXELS
    radius: float = Field(default=4.0, gt=0, le=4)
    constraints: tuple[Constraint, ...] = ()
    threshold: float = 0.0
    corruption: float | None = Field(default=None, ge=0, le=1)

    @property
    def size(self) -> int:
        """Values of an image, or of its latent."""
        return self.autoencoder.latent if self.autoencoder else self.channels * self.resolution**2

    @property
    def limit(self) -> float:
        """The largest value that ``high`` can have; ``-limit`` is the least of ``low``."""
        return _LATENTS if self.autoencoder else _PIXELS

    @model_validator(mode="before")
    @classmethod
    def _of_latents(cls, given: Any) -> Any:
        """What is usual for latents, where the recipe does not say; and one size for the images of both."""
        if not isinstance(given, dict) or not isinstance(nested := given.get("autoencoder"), dict):
            return given
        usual = {"covariance": "full", "value_range": "truncate", "low": -_LATENTS, "high": _LATENTS}
        shape = {key: given[key] for key in ("resolution", "channels") if key in given}
        inner = {key: nested[key] for key in ("resolution", "channels") if key in nested}
        return usual | inner | given | {"autoencoder": shape | nested}

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.autoencoder:
            for key in ("resolution", "channels"):
                if (own := getattr(self, key)) != (inner := getattr(self.autoencoder, key)):
                    raise ValueError(f"{key} is {own}, and autoencoder.{key} is {inner}; leave out one of them")
            if self.constraints:
                raise ValueError(
                    "constraints are on pixels, and with an autoencoder the walk is on latents; it keeps low, high, "
                    "radius and the threshold of a discriminator"
                )
        elif self.resolution > _MOST_PIXELS:
            raise ValueError(f"resolution must be at most {_MOST_PIXELS} without an autoencoder, got {self.resolution}")
        if max(abs(self.low), abs(self.high)) > self.limit:
            raise ValueError(
                f"low and high must be in [{-self.limit:g}, {self.limit:g}], got {self.low:g} and {self.high:g}"
            )
        if self.low >= self.high:
            raise ValueError(f"low must be below high, got {self.low:g} and {self.high:g}")
        if self.covariance == "low_rank" and self.rank >= self.size:
            of = "a latent" if self.autoencoder else "an image"
            raise ValueError(f"rank must be below the {self.size} values of {of}, got {self.rank}")
        names = [constraint.name for constraint in self.constraints]
        for name in names:
            if names.count(name) > 1 or name in _TAKEN:
                raise ValueError(f"constraints need names of their own, and '{name}' is taken")
        for constraint in self.constraints:
            constraint.check(constraint.row(self.channels, self.resolution), self.low, self.high)
        return self


class OnlyImage(nn.Module):
    """The first output of a walk."""

    def __init__(self, walk: Walk) -> None:
        super().__init__()
        self.walk = walk

    def forward(self, *inputs: Tensor) -> Tensor:
        """(batch, channels, height, width) float32 in [-1, 1], NCHW."""
        image: Tensor = self.walk(*inputs)[0]
        return image


class WithPixels(nn.Module):
    """All outputs of a walk, with the image as bytes."""

    def __init__(self, walk: Walk) -> None:
        super().__init__()
        self.walk = walk

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Image (batch, height, width, channels) uint8, NHWC, and what else ``Walk`` returns."""
        image, accepted, mixing, violation = self.walk(*inputs)
        return Pixels(nn.Identity())(image), accepted, mixing, violation


def _build(config: NMGConfig) -> Model:
    coder = vae.build(config.autoencoder).nets if config.autoencoder else {}
    pixels = PixelSpace(config.resolution, config.channels)
    space: Space = LatentSpace(coder["E"], coder["G"], config.size) if coder else pixels
    rank = config.rank if config.covariance == "low_rank" else config.size
    gaussian = Gaussian(space, rank, config.floor)
    model = _walking(config, gaussian, None)
    nets = {**coder, "N": gaussian}
    return replace(model, nets=nets, averaged=tuple(nets), frozen=tuple(coder))


def _judged(config: NMGConfig, model: Model) -> Model:
    """The same with a discriminator whose threshold the walk keeps. It is averaged too: it is a part of what ships."""
    gaussian, judge = model.nets["N"], model.nets["D"]
    assert isinstance(gaussian, Gaussian)
    walking = _walking(config, gaussian, judge)
    graphs = {**model.graphs, **walking.graphs}
    return replace(model, graphs=graphs, sampler=walking.sampler, averaged=(*model.averaged, "D"))


def _walking(config: NMGConfig, gaussian: Gaussian, judge: nn.Module | None) -> Model:
    settings = _settings(config, judged=judge is not None)
    noise = _noise(config)
    bounds = tuple(constraint.name for constraint in config.constraints)
    inputs = [
        latent_input(config.size),
        *(spec for spec, _ in noise),
        *(
            TensorSpec(name=name, dtype="float32", shape=("batch",), doc=f"{setting.low:g}..{setting.high:g}")
            for name, setting in settings.items()
        ),
    ]
    rows = [constraint.row(config.channels, config.resolution) for constraint in config.constraints]
    walk = Walk(
        gaussian,
        WalkOptions(config.steps, config.tries, config.kernel, config.step_size, config.value_range),
        torch.stack(rows) if rows else torch.zeros(0, config.size),
        torch.tensor([constraint.sign for constraint in config.constraints]),
        tuple(spec.name for spec in inputs),
        bounds,
        judge,
    )
    model = image_model(
        OnlyImage(walk),
        inputs,
        resolution=config.resolution,
        channels=config.channels,
        noise={spec.name: source for spec, source in noise},
        settings=settings,
        nets={"N": gaussian},
    )
    image = model.graphs["generator"].spec.outputs[0]
    figures = (
        ("accepted", "share of the steps that moved"),
        ("mixing", "mean of (1 - cos t) / 2 over the angles of the steps"),
        ("violation", "of the worst constraint, 0: all hold"),
    )
    outputs = (image, *(TensorSpec(name=name, dtype="float32", shape=("batch",), doc=doc) for name, doc in figures))
    spec = GraphSpec(inputs=tuple(inputs), outputs=outputs, axes=dict(AXES))
    return replace(model, graphs={**model.graphs, GRAPH: ExportGraph(WithPixels(walk), spec)})


def _settings(config: NMGConfig, *, judged: bool) -> dict[str, Setting]:
    """By name, in the order of the graph's inputs."""
    middle = (config.low + config.high) / 2
    settings = {
        "low": Setting(default=config.low, low=-config.limit, high=middle),
        "high": Setting(default=config.high, low=middle, high=config.limit),
        "radius": Setting(default=config.radius, low=min(0.25, config.radius), high=4.0),
    }
    for constraint in config.constraints:
        settings[constraint.name] = constraint.setting(constraint.row(config.channels, config.resolution))
    if judged:
        settings["threshold"] = Setting(
            default=config.threshold, low=min(-10.0, config.threshold), high=max(10.0, config.threshold)
        )
    if config.corruption is not None:
        settings["corruption"] = Setting(default=config.corruption, low=0.0, high=1.0)
    return settings


def _noise(config: NMGConfig) -> list[tuple[TensorSpec, NoiseInput]]:
    """What is drawn beside ``latent``, in the order of the graph's inputs."""
    drawn: list[tuple[str, tuple[int, ...], Literal["normal", "uniform"], int]] = [
        ("steps_noise", (config.steps, config.size), "normal", _STEPS),
        ("uniforms", (config.steps, config.tries), "uniform", _UNIFORMS),
    ]
    if config.corruption is not None:
        drawn += [
            ("corruption_uniforms", (config.size,), "uniform", _CHOSEN),
            ("corruption_noise", (config.size,), "normal", _CORRUPTED),
        ]
    return [
        (
            TensorSpec(
                name=name,
                dtype="float32",
                shape=("batch", *shape),
                doc="N(0, 1)" if distribution == "normal" else "U(0, 1)",
            ),
            NoiseInput(distribution=distribution, stream=stream),
        )
        for name, shape, distribution, stream in drawn
    ]


nmg = Architecture(NMGConfig, _build, judged=_judged)
