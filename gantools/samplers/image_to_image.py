"""Images of any size through a graph that makes images of images: whole, in parts that equal it, or in turn."""

from __future__ import annotations

from math import lcm
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gantools.core.errors import ArtifactError, InputMismatchError, RecipeError
from gantools.core.spec import AxisRange, TensorSpec
from gantools.samplers.ensemble import averaged
from gantools.samplers.feedforward import inputs_of
from gantools.samplers.generator import Generator
from gantools.samplers.tiles import Tiling

Images = npt.NDArray[np.uint8]
Enlarged = npt.NDArray[Any]
"""Pixels that a network made: uint8, or uint16 over the whole range."""


@final
class ImageToImage:
    """An opened generator as a function of images. Whatever else it takes is that of seed 0, in every image.

    Attributes:
        generator: What runs.
        scale: By how much images come out larger, in both directions.
        channels: Of images in and out: 1 for grey, 3 for RGB.
        levels: The largest value of a pixel that comes out: 255, or 65535 where the graph gives floats.
        align: Images are padded to multiples of it, as they have to be where parts of them may begin there only.
        ensemble: Whether what comes out is the mean over eight turned and mirrored views, for ``average_views``.
        between: Whether it makes the frame between two, which are given one behind the other in channels.
        state: What a recurrent network carries from image to image, by name; empty before the first one.

    Raises:
        ArtifactError: The artifact does not make images of images, one by one and of the same kind.
    """

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        manifest, spec = generator.artifact.manifest, generator.session.spec
        name = manifest.name
        self._fed = [one for one in spec.inputs if one.state_of]
        self.state: dict[str, npt.NDArray[Any]] = {}
        output = manifest.image
        self._image = next((one for one in spec.inputs if one.name == manifest.sampler.image), None)
        if self._image is None:
            raise ArtifactError(
                f"'{name}' makes images of seeds, not of images.", hint="'gantools sample ART' draws from it"
            )
        others = [one for one in spec.inputs if one is not self._image and not one.state_of]
        if free := [one.name for one in others if {*one.shape} - {"batch"} & {*spec.axes}]:
            raise ArtifactError(f"'{name}' takes '{free[0]}' for each pixel, and nobody can say what it is.")
        if output.scale is None:
            raise ArtifactError(f"'{name}' does not make images of a whole multiple of the size it is given.")
        if self._image.shape[3] != output.channels * (2 if output.between else 1):
            raise ArtifactError(
                f"'{name}' makes images of {output.channels} channels of images of {self._image.shape[3]}: "
                "a video or picture would change its kind.",
                hint="give a network with as many channels out as in",
            )
        self.scale, self.channels, self.between = output.scale, output.channels, output.between
        self.align, self.ensemble = 1, False
        self.levels = 255 if spec.outputs[0].dtype == "uint8" else 65535

    @property
    def recurrent(self) -> bool:
        """Whether images are frames of one film, in their order."""
        return bool(self._fed)

    @property
    def image(self) -> TensorSpec:
        """The input that takes images."""
        assert self._image is not None
        return self._image

    def limits(self) -> tuple[AxisRange, AxisRange]:
        """Of height and width that one run of the graph takes."""
        axes = self.generator.session.spec.axes
        height, width = (
            axes[size] if isinstance(size, str) else AxisRange(min=size, opt=size, max=size)
            for size in self.image.shape[1:3]
        )
        return height, width

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """The least size that the graph's steps and ``align`` allow for an image, which is padded to it."""
        steps = [lcm(limits.step, self.align) for limits in self.limits()]
        rows, columns = (
            -(-max(limits.min, size) // step) * step
            for size, limits, step in zip((height, width), self.limits(), steps, strict=True)
        )
        return rows, columns

    def average_views(self) -> None:
        """Make ``run`` average over turned and mirrored images from now on (``gantools.samplers.ensemble``).

        Raises:
            RecipeError: The network is recurrent: what it carries along is of frames as they are.
        """
        if self.recurrent:
            raise RecipeError(
                f"--self-ensemble: '{self.generator.artifact.manifest.name}' is recurrent, and carries along what it "
                "found in frames as they are.",
                hint="leave out --self-ensemble",
            )
        self.ensemble = True

    def run(self, images: Images, *, batch: int = 1, tiling: Tiling | None = None) -> Enlarged:
        """Make an image of each image.

        Args:
            images: (n, height, width, channels) uint8, 0..255, of any size that ``padded`` brings within the limits.
            batch: Images, or parts of them, in one run of the graph.
            tiling: How to cut them; none: whole.

        Returns:
            (n, scale * height, scale * width, channels): uint8, or uint16 over the whole range, as ``levels`` says.

        Raises:
            InputMismatchError: They are larger than the graph takes.
            BackendError: The runtime failed.
        """
        if self.ensemble:
            return averaged(lambda view: self._run(view, batch, tiling), images)
        return self._run(images, batch, tiling)

    def _run(self, images: Images, batch: int, tiling: Tiling | None) -> Enlarged:
        height, width = images.shape[1:3]
        rows, columns = self.padded(height, width)
        if (rows, columns) != (height, width):
            images = np.pad(images, ((0, 0), (0, rows - height), (0, columns - width), (0, 0)), mode="edge")
        if self._fed:
            made = self._in_turn(images)
        elif tiling is None or (tiling.size[0] >= rows and tiling.size[1] >= columns):
            made = self._made(images, batch)
        else:
            made = self._in_parts(images, batch, tiling)
        scale = self.scale
        return made[:, : scale * height, : scale * width]

    def too_large(self, height: int, width: int) -> InputMismatchError | None:
        """What is wrong with an image of this size, if one run does not take it."""
        for sizes in [(height, width), (width, height)] if self.ensemble else [(height, width)]:
            for size, limits, name in zip(self.padded(*sizes), self.limits(), ("height", "width"), strict=True):
                if size > limits.max:
                    return InputMismatchError(
                        f"'{self.generator.artifact.manifest.name}' takes a {name} of at most {limits.max} pixels, "
                        f"and is given {size}{' where the image is turned' if sizes != (height, width) else ''}.",
                        hint=f"give tiles with --tile, or make it for larger images: optimize --axis {name}=...",
                    )
        return None

    def _made(self, images: Images, batch: int) -> Enlarged:
        """Images, all of one size, through the graph."""
        batch = min(batch, self.generator.session.spec.largest_batch)
        made = self.generator.sample([0] * len(images), batch=batch, inputs={self.image.name: images})
        return self._deep(made)

    def _in_turn(self, images: Images) -> Enlarged:
        """Frames of one size, each with what was found before."""
        session = self.generator.session
        sizes = {"batch": 1, "height": images.shape[1], "width": images.shape[2]}
        if any(self.state[one.name].shape != one.concrete(sizes) for one in self._fed if one.name in self.state):
            self.state = {}
        rest = [one for one in session.spec.inputs if one is not self._image and not one.state_of]
        known = inputs_of(rest, self.generator.artifact.manifest.sampler, [0])
        made = []
        for image in images:
            state = self.state or {one.name: np.zeros(one.concrete(sizes), np.float32) for one in self._fed}
            outputs = session.run({**known, **state, self.image.name: image[None]})
            self.state = {one.name: outputs[one.state_of] for one in self._fed if one.state_of}
            made.append(outputs[session.spec.outputs[0].name])
        return self._deep(np.concatenate(made))

    def _deep(self, made: Any) -> Enlarged:
        """Floats as 16 bits; bytes stay."""
        if self.levels == 255:
            bytes_: Enlarged = made
            return bytes_
        # (n, channels, height, width) in [-1, 1]
        fine = np.rint((made.transpose(0, 2, 3, 1) + np.float32(1)) * np.float32(32767.5))
        deep: Enlarged = fine.clip(0, 65535).astype(np.uint16)
        return deep

    def _in_parts(self, images: Images, batch: int, tiling: Tiling) -> Enlarged:
        count, height, width, channels = images.shape
        scale, (rows, columns) = self.scale, (min(tiling.size[0], height), min(tiling.size[1], width))
        places = [(number, *cut) for number in range(count) for cut in tiling.cuts(height, width)]
        whole: Enlarged = np.empty(
            (count, scale * height, scale * width, channels), np.uint8 if self.levels == 255 else np.uint16
        )
        for first in range(0, len(places), batch):
            group = places[first : first + batch]
            parts = np.stack(
                [
                    images[number, row.start : row.start + rows, column.start : column.start + columns]
                    for number, row, column in group
                ]
            )
            for (number, row, column), made in zip(group, self._made(parts, batch), strict=True):
                whole[number, scale * row.first : scale * row.last, scale * column.first : scale * column.last] = made[
                    scale * (row.first - row.start) : scale * (row.last - row.start),
                    scale * (column.first - column.start) : scale * (column.last - column.start),
                ]
        return whole
