"""One artifact that is served: what it takes, and requests for it as runs of its main graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gantools.core.errors import ArtifactError, InputMismatchError
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.core.tokens import FREE
from gantools.runtime.backends.base import Arrays
from gantools.runtime.checks import input_problems, raise_input_problems
from gantools.samplers import Generator, open_artifact
from gantools.samplers.feedforward import check_seeds, inputs_of
from gantools.samplers.image_to_image import ImageToImage
from gantools.samplers.sequence import PREFIX
from gantools.serve.batcher import Batcher, Job
from gantools.serve.options import Options
from gantools.serve.protocol import DATATYPES

SEED = "seed"
VERSION = "1"
_SEED_TYPES = ("uint64", "int64")


@dataclass(frozen=True)
class Draw:
    """What one request asks of a model.

    Attributes:
        count: Samples.
        seeds: One for each sample; none where nothing is drawn.
        given: Inputs of the graph that are not drawn.
    """

    count: int
    seeds: tuple[int, ...] | None
    given: Arrays


OnRun = Callable[[str, Sequence[Job[Draw, Arrays]], float], None]


@final
class Model:
    """An opened artifact and the thread that runs it.

    Args:
        name: What callers call it.
        path: The artifact.
        options: Of the server.
        backend: A runtime other than the artifact's own.
        device: As in ``open_artifact``.
        threads: As in ``open_artifact``.
        on_run: Told after each run: this model's name, the jobs, and the seconds it took.

    Raises:
        ArtifactError: As ``open_artifact``, or the graph has an input called ``seed``.
        BackendError: As ``open_artifact``.
        MissingDependencyError: As ``open_artifact``, or the library ``tokenizers`` is missing for texts.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        options: Options,
        *,
        backend: str | None = None,
        device: str | None = None,
        threads: int | None = None,
        on_run: OnRun = lambda _name, _jobs, _seconds: None,
    ) -> None:
        self.name = name
        self.generator = open_artifact(path, backend=backend, device=device, threads=threads, sleeps=True)
        self.manifest = self.generator.artifact.manifest
        self.spec = self.generator.session.spec
        if any(one.name == SEED for one in self.spec.inputs):
            raise ArtifactError(f"'{self.manifest.name}' has an input '{SEED}' of its own, and the server another.")
        if self.manifest.modality == "text":
            _ = self.generator.tokenizer  # opened now: the folder may be another when it is needed
        self._sampler = self.manifest.sampler
        self._pictures = _pictures(self.generator)
        self._filled = {*self._sampler.noise, *self._sampler.settings, *self._sampler.constants}
        self._dtypes = {tensor.name: np.dtype(tensor.dtype) for tensor in self.spec.inputs}
        self._seen: dict[tuple[TensorSpec, ...], GraphSpec] = {}
        self._max_pixels = options.max_pixels
        self.largest = min(options.max_batch or self.spec.largest_batch, self.spec.largest_batch)
        self._joins = all(one.shape[:1] == ("batch",) for one in self.spec.outputs) and all(
            one.has_rows for one in self.spec.inputs if one.name in self._sampler.noise
        )
        self._batcher: Batcher[Draw, Arrays] = Batcher(
            self._run,
            largest=self.largest,
            max_delay_s=options.max_delay_ms / 1e3,
            depth=options.queue,
            name=f"model {name}",
            on_run=lambda jobs, seconds: on_run(name, jobs, seconds),
        )

    @property
    def waiting(self) -> int:
        """Requests whose turn has not come."""
        return self._batcher.waiting

    @property
    def channels_of_pictures(self) -> int:
        """1 for grey, 3 for RGB. Raises InputMismatchError: it makes no pictures of pictures."""
        return self._net.channels

    def metadata(self) -> dict[str, Any]:
        """What the protocol tells of a model; inputs that a seed says, or that have a default, are optional."""
        inputs = [{**_described(one), "parameters": self._told(one)} for one in self.spec.inputs]
        if self._sampler.noise:
            drawn = ", ".join(self._sampler.noise)
            doc = f"a sample for each, in [0, 2**64), UINT64 or INT64; draws what is not given of: {drawn}"
            seed = {"name": SEED, "datatype": "UINT64", "shape": [-1]}
            inputs.append({**seed, "parameters": {"optional": True, "doc": doc}})
        return {
            "name": self.name,
            "versions": [VERSION],
            "platform": f"gantools_{self.generator.session.backend}",
            "inputs": inputs,
            "outputs": [_described(one) for one in self.spec.outputs],
            "parameters": {
                **self.generator.origin,
                "modality": self.manifest.modality,
                "max_batch": self.largest,
                "pictures": self._pictures is not None,
                "classes": list(self.manifest.output.classes),
            },
        }

    def submit(self, draw: Draw, deadline: float) -> Future[Arrays]:
        """Put a request into the queue.

        Args:
            draw: Of ``draw`` or ``of_picture``, which have checked it.
            deadline: By ``time.monotonic``.

        Raises:
            FullError: There is no room.
            RetiredError: The model has been replaced.
        """
        return self._batcher.submit(Job(draw, self._key(draw), draw.count, deadline, monotonic()))

    def draw(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Draw:
        """Check what a request gives, alone: whoever rides with it shall not suffer.

        Args:
            inputs: Of the graph, and ``seed``.

        Raises:
            InputMismatchError: It does not fit, or something is missing that no seed says.
        """
        given = {name: array for name, array in inputs.items() if name != SEED}
        of_seeds = inputs.get(SEED)
        seeds = None if of_seeds is None else _seeds(of_seeds)
        tensors = tuple(one for one in self.spec.inputs if one.name in given)
        if tensors not in self._seen:
            self._seen[tensors] = self._part(tensors)
        seen = self._seen[tensors]
        if problems := input_problems(seen, self._dtypes, given):
            raise_input_problems(problems)
        counts = {len(given[one.name]) for one in tensors if one.has_rows} | ({len(seeds)} if seeds else set())
        if len(counts) > 1:
            raise InputMismatchError(f"inputs have different numbers of samples: {sorted(counts)}.")
        missing = [one.name for one in self.spec.inputs if one.name not in given]
        if unknown := [name for name in missing if name not in self._filled]:
            raise InputMismatchError(f"input '{unknown[0]}' is missing, and no seed says what it is.")
        if seeds is None and (drawn := [name for name in missing if name in self._sampler.noise]):
            raise InputMismatchError(f"input '{drawn[0]}' is missing, and so is '{SEED}' to draw it from.")
        if not counts:
            raise InputMismatchError(f"a request needs '{SEED}', or an input with a row for each sample.")
        (count,) = counts
        if count > self.largest:
            raise InputMismatchError(f"{count} samples were asked for; '{self.name}' makes at most {self.largest}.")
        self._check_values(given)
        return Draw(count, seeds, given)

    def of_picture(self, pixels: npt.NDArray[np.uint8]) -> Draw:
        """A picture of any size, padded as ``gantools enhance`` does it.

        Args:
            pixels: (height, width, channels) uint8.

        Raises:
            InputMismatchError: It is larger than the graph takes, or no picture is taken.
        """
        net, (height, width) = self._net, pixels.shape[:2]
        if err := net.too_large(height, width):
            raise InputMismatchError(err.message)
        rows, columns = net.padded(height, width)
        padded = np.pad(pixels, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge")
        return self.draw({SEED: np.zeros(1, np.uint64), net.image.name: padded[None]})

    def close(self) -> None:
        """Finish what waits, and free the graph."""
        self._batcher.retire()
        self.generator.close()

    @property
    def _net(self) -> ImageToImage:
        if self._pictures is None:
            raise InputMismatchError(f"'{self.name}' makes no pictures of pictures, one by one.")
        return self._pictures

    def _part(self, tensors: tuple[TensorSpec, ...]) -> GraphSpec:
        """The graph as a request sees it that gives these inputs."""
        used = {size for one in tensors for size in one.shape if isinstance(size, str)}
        axes = {name: limits for name, limits in self.spec.axes.items() if name in used}
        if "batch" in axes:  # fewer than the graph takes are made more
            axes["batch"] = axes["batch"].model_copy(update={"min": 1, "step": 1})
        return self.spec.model_copy(update={"inputs": tensors, "axes": axes})

    def _told(self, one: TensorSpec) -> dict[str, Any]:
        told: dict[str, Any] = {"optional": one.name in self._filled}
        if one.doc:
            told["doc"] = one.doc
        if setting := self._sampler.settings.get(one.name):
            told |= {"default": setting.default, "low": setting.low, "high": setting.high}
        return told

    def _check_values(self, given: Arrays) -> None:
        """Numbers that would make a runtime fail, or be without meaning."""
        limits: dict[str, tuple[float, float]] = {
            name: (setting.low, setting.high) for name, setting in self._sampler.settings.items()
        }
        for name, source in self._sampler.noise.items():
            if source.categories is not None:
                limits[name] = (0, source.categories - 1)
        if self.manifest.modality == "text":
            limits[PREFIX] = (FREE, self.manifest.text.vocabulary - 1)
        for name, (low, high) in limits.items():
            if name in given and not ((given[name] >= low) & (given[name] <= high)).all():
                raise InputMismatchError(f"input '{name}' has values outside [{low:g}, {high:g}].")
        image = given.get(self._sampler.image or "")
        if image is not None and image.shape[1] * image.shape[2] > self._max_pixels:
            raise InputMismatchError(
                f"an image of {image.shape[2]}x{image.shape[1]} has more than {self._max_pixels} pixels."
            )

    def _key(self, draw: Draw) -> object:
        """Requests of equal keys may share a run: their inputs differ in nothing but rows."""
        if not self._joins:
            return object()
        rows = {one.name for one in self.spec.inputs if one.has_rows}
        return tuple(
            (name, array.shape[1:] if name in rows else array.tobytes()) for name, array in sorted(draw.given.items())
        )

    def _run(self, draws: Sequence[Draw]) -> list[Arrays]:
        """One run for all of them. What is drawn is drawn as ``Generator.sample`` does, seed by seed."""
        count = sum(draw.count for draw in draws)
        limits = self.spec.axes.get("batch")
        # A graph that takes no fewer samples makes the last of them several times.
        places = np.minimum(np.arange(max(count, limits.min if limits else count)), count - 1)
        seeds = [seed for draw in draws for seed in draw.seeds or [0] * draw.count]
        sizes = {name: limits.max for name, limits in self.spec.axes.items()}
        given: Arrays = {}
        for one in self.spec.inputs:
            if one.name not in draws[0].given:
                continue
            array = draws[0].given[one.name]
            sizes |= {axis: size for axis, size in zip(one.shape, array.shape, strict=True) if isinstance(axis, str)}
            if one.has_rows:
                array = np.concatenate([draw.given[one.name] for draw in draws])
                array = array[places] if len(places) > count else array
            given[one.name] = array
        rest = [one for one in self.spec.inputs if one.name not in given]
        drawn = inputs_of(rest, self._sampler, [seeds[place] for place in places], sizes)
        outputs = self.generator.session.run({**drawn, **given})
        if len(draws) == 1:
            rows = {one.name for one in self.spec.outputs if one.has_rows}
            return [{name: array[:count] if name in rows else array for name, array in outputs.items()}]
        ends = np.cumsum([draw.count for draw in draws])
        return [
            {name: array[end - draw.count : end] for name, array in outputs.items()}
            for draw, end in zip(draws, ends, strict=True)
        ]


def _pictures(generator: Generator) -> ImageToImage | None:
    """What knows the sizes of pictures, of networks that take them one by one."""
    if generator.artifact.manifest.sampler.image is None:
        return None
    try:
        net = ImageToImage(generator)
    except ArtifactError:  # it takes them as tensors alone
        return None
    return None if net.recurrent else net


def _described(one: TensorSpec) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else -1 for size in one.shape]
    return {"name": one.name, "datatype": DATATYPES[one.dtype], "shape": shape}


def _seeds(array: npt.NDArray[Any]) -> tuple[int, ...]:
    if array.dtype.name not in _SEED_TYPES or array.ndim != 1:
        raise InputMismatchError(
            f"'{SEED}' is {array.dtype} of shape {array.shape}, expected uint64 or int64 of shape ('batch',)."
        )
    seeds = tuple(array.tolist())
    check_seeds(seeds)
    return seeds
