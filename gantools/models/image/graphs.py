"""The graphs and the sampler of a generator of square images, which are the same for every architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from torch import nn

from gantools.core.artifact import ImageOutput
from gantools.core.sampler import NoiseInput, Sampler, Setting
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.models.image.pixels import Pixels
from gantools.models.model import ExportGraph, Model

LATENT = NoiseInput(distribution="normal", stream=0)
LABEL_STREAM = 1
AXES = {"batch": AxisRange(min=1, opt=16, max=64)}


def latent_input(size: int) -> TensorSpec:
    """``latent`` (batch, size) float32."""
    return TensorSpec(name="latent", dtype="float32", shape=("batch", size), doc="N(0, 1)")


def label_input(classes: int) -> TensorSpec:
    """``label`` (batch,) int64."""
    return TensorSpec(name="label", dtype="int64", shape=("batch",), doc=f"class, 0..{classes - 1}")


def image_model(
    generator: nn.Module,
    inputs: Sequence[TensorSpec],
    *,
    resolution: int,
    channels: Literal[1, 3],
    classes: int = 0,
    noise: Mapping[str, NoiseInput] | None = None,
    settings: Mapping[str, Setting] | None = None,
    axes: Mapping[str, AxisRange] = AXES,
    nets: Mapping[str, nn.Module] | None = None,
) -> Model:
    """A model whose net ``"G"`` is the generator.

    Args:
        generator: The inputs by position -> image (batch, channels, resolution, resolution) float32 in [-1, 1], NCHW.
        inputs: Of the graphs, in the order the generator takes them.
        resolution: Edge of the images, in pixels.
        channels: 1 for grey, 3 for RGB.
        classes: Number of classes; an input ``label`` is then drawn from the seed.
        noise: Further inputs that are drawn. ``latent`` and ``label`` need not be named.
        settings: Inputs that have a default.
        axes: Limits of the axes.
        nets: What is trained, where it is not just ``{"G": generator}``. All of these are averaged.
    """
    colour = "grey" if channels == 1 else "RGB"
    pixels = TensorSpec(
        name="image", dtype="uint8", shape=("batch", resolution, resolution, channels), doc=f"{colour}, 0..255, NHWC"
    )
    floats = TensorSpec(
        name="image",
        dtype="float32",
        shape=("batch", channels, resolution, resolution),
        doc=f"{colour} in [-1, 1], NCHW",
    )
    names = {tensor.name for tensor in inputs}
    drawn = {"latent": LATENT} if "latent" in names else {}
    if "label" in names:
        drawn["label"] = NoiseInput(distribution="category", stream=LABEL_STREAM, categories=classes)
    trained = dict(nets) if nets else {"G": generator}
    return Model(
        nets=trained,
        graphs={
            "generator": ExportGraph(
                Pixels(generator), GraphSpec(inputs=tuple(inputs), outputs=(pixels,), axes=dict(axes))
            ),
            "generator_float": ExportGraph(
                generator, GraphSpec(inputs=tuple(inputs), outputs=(floats,), axes=dict(axes))
            ),
        },
        sampler=Sampler(
            kind="feedforward", graph="generator", noise={**drawn, **(noise or {})}, settings=dict(settings or {})
        ),
        modality="image",
        output=ImageOutput(height=resolution, width=resolution, channels=channels),
        averaged=tuple(trained),
        classes=classes,
    )
