"""A generator as an application sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import ENCODER, Artifact
from gantools.core.errors import ArtifactError, InputMismatchError
from gantools.core.sampler import Sampler
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session, Where
from gantools.runtime.tokens import Tokenizer
from gantools.samplers.choices import Label, chosen_inputs
from gantools.samplers.interpolation import check_walk, walk, walk_inputs
from gantools.samplers.sequence import STEPS
from gantools.samplers.streaming import pieces
from gantools.samplers.texts import begun_with

Sample = Callable[[Session, Sampler, Sequence[int], int, Mapping[str, npt.NDArray[Any]]], Iterator[npt.NDArray[Any]]]
_LATENT, _TEMPERATURE = "latent", "temperature"


@final
class Generator:
    """An opened artifact that turns seeds into samples. Usable as a context manager; not thread-safe.

    Attributes:
        artifact: What was opened, with its manifest and digest.
        session: The graph it runs.
        passed_over: One sentence for each artifact that was preferred to this one and does not open here.
    """

    def __init__(
        self,
        artifact: Artifact,
        session: Session,
        sample: Sample,
        where: Where | None = None,
        passed_over: tuple[str, ...] = (),
    ) -> None:
        self.artifact = artifact
        self.session = session
        self.passed_over = passed_over
        self._sample = sample
        self._where = where or Where()
        self._encoder: Session | None = None

    def sample(
        self,
        seeds: Sequence[int],
        *,
        batch: int | None = None,
        inputs: Mapping[str, npt.NDArray[Any]] | None = None,
        settings: Mapping[str, float] | None = None,
        label: Label | Sequence[Label] | None = None,
        prefix: str | None = None,
        steps: int | None = None,
    ) -> Any:
        """One sample for each seed. Sample k depends on seed k alone, not on the other seeds or on ``batch``.

        Args:
            seeds: Integers in [0, 2**64).
            batch: Samples in one run of the graph; none: as many as the graph allows.
            inputs: Inputs to use instead of what the seeds say, one row for each seed; images, where the generator
                makes images of images.
            settings: Name -> value, such as ``{"truncation": 0.7}``, for all samples; what is left out has its default.
            label: The class of all samples or of each, by name or by number from 0; none: drawn from the seeds.
            prefix: What all texts begin with.
            steps: The most tokens of a text, which is cut there; none: as many as the graph allows.

        Returns:
            For images: (len(seeds), height, width, channels) uint8, 0..255. For texts: a list of str.

        Raises:
            InputMismatchError: A seed or a setting is out of range, or an input does not fit.
            UnknownNameError: There is no such setting or class.
        """
        given: dict[str, Any] = {"settings": settings, "label": label, "prefix": prefix, "steps": steps}
        samples = _joined(self.stream(seeds, batch=batch, inputs=inputs, **given))
        return self.tokenizer.decode(samples) if self.artifact.manifest.modality == "text" else samples

    def stream(
        self,
        seeds: Sequence[int],
        *,
        batch: int | None = None,
        inputs: Mapping[str, npt.NDArray[Any]] | None = None,
        settings: Mapping[str, float] | None = None,
        label: Label | Sequence[Label] | None = None,
        prefix: str | None = None,
        steps: int | None = None,
    ) -> Iterator[npt.NDArray[Any]]:
        """Like ``sample``, one array for each run of the graph: memory does not grow with the number of seeds.

        Yields:
            As ``sample`` returns; of texts, their tokens (n, steps) int32.
        """
        wanted = self.artifact.manifest.sampler.image
        if wanted is not None and wanted not in (inputs or {}):
            raise InputMismatchError(
                f"'{self.artifact.manifest.name}' makes images of images: a seed alone is not enough.",
                hint="'gantools enhance ART IN OUT' takes files; "
                f"in Python: open_artifact(ART).sample([0], inputs={{'{wanted}': images}}), uint8 NHWC",
            )
        chosen = self.chosen(len(seeds), settings=settings, label=label, prefix=prefix, steps=steps)
        batch = batch or self.session.spec.largest_batch
        return self._sample(self.session, self.artifact.manifest.sampler, seeds, batch, {**chosen, **(inputs or {})})

    def chosen(
        self,
        count: int,
        *,
        settings: Mapping[str, float] | None = None,
        label: Label | Sequence[Label] | None = None,
        prefix: str | None = None,
        steps: int | None = None,
    ) -> Arrays:
        """What a person may choose, as inputs of the graph.

        Args:
            count: Number of samples.
            settings: As in ``sample``, and so are the others.
            label: Of all or of each.
            prefix: Of texts.
            steps: Of texts.

        Returns:
            Input name -> array of ``count`` rows, of what was chosen alone.

        Raises:
            InputMismatchError: As in ``sample``.
            UnknownNameError: As in ``sample``.
        """
        manifest = self.artifact.manifest
        chosen = chosen_inputs(manifest, count, settings or {}, label)
        return chosen | begun_with(manifest, self.session.spec, lambda: self.tokenizer, count, prefix, steps)

    def pieces(
        self,
        seed: int,
        *,
        settings: Mapping[str, float] | None = None,
        label: Label | None = None,
        prefix: str | None = None,
        steps: int | None = None,
    ) -> Iterator[str]:
        """One text as it comes into being, for those who want to read along: joined, what ``sample`` returns.

        Args:
            seed: Of the text.
            settings: As in ``sample``.
            label: Its class.
            prefix: What it begins with, which comes as the first piece.
            steps: As in ``sample``.

        Raises:
            ArtifactError: The artifact makes no texts, or cannot tell them piece by piece.
        """
        self.artifact.manifest.text  # noqa: B018 - or it says that there are none
        chosen = self.chosen(1, settings=settings, label=label, prefix=prefix, steps=steps)
        return pieces(self.artifact, self._where, self.session.spec, seed, chosen)

    def interpolate(
        self,
        seeds: Sequence[int],
        steps: int,
        *,
        batch: int | None = None,
        settings: Mapping[str, float] | None = None,
        label: Label | None = None,
    ) -> Any:
        """Samples on the way from each seed to the next: spherical interpolation of the normal noise.

        Everything else, such as a class that is drawn, stays as the first seed has it.

        Args:
            seeds: Two or more.
            steps: Samples on each way, both ends included; two or more.
            batch: As in ``sample``.
            settings: As in ``sample``.
            label: The class of all samples.

        Returns:
            For images: (len(seeds) - 1, steps, height, width, channels) uint8, 0..255. For texts: a list of str a way.

        Raises:
            InputMismatchError: As in ``sample``, or there are too few seeds or steps.
            UnknownNameError: As in ``sample``.
        """
        inputs = walk_inputs(self.session.spec, self.artifact.manifest.sampler, seeds, steps)
        return self._walked(inputs, steps, batch, settings, label)

    def encode(
        self, given: npt.NDArray[np.uint8] | Sequence[str], *, batch: int | None = None
    ) -> npt.NDArray[np.float32]:
        """The latents that images or texts are made of most likely, for artifacts with an encoder.

        Args:
            given: (n, height, width, channels) uint8, 0..255, of the artifact's size; or n texts.
            batch: How many in one run of the graph; none: as many as the graph allows.

        Returns:
            (n, latent) float32.

        Raises:
            ArtifactError: There is no encoder.
            InputMismatchError: The images do not fit, or a text has more tokens than the model.
        """
        encoder = self.require_encoder()
        (wanted,) = encoder.spec.inputs
        rows: Any = self._tokens(given, encoder) if self.artifact.manifest.modality == "text" else given
        size = batch or encoder.spec.largest_batch
        parts = (encoder.run({wanted.name: rows[first : first + size]}) for first in range(0, len(rows) or 1, size))
        return _joined(part[_LATENT] for part in parts)

    def require_encoder(self) -> Session:
        """The graph that ``encode`` runs, opened on first use and closed with the generator.

        Raises:
            ArtifactError: There is none.
            BackendError: The runtime or device refused.
        """
        if self._encoder is None:
            graphs = self.artifact.manifest.graphs
            if ENCODER not in graphs:
                of_text = self.artifact.manifest.modality == "text"
                raise ArtifactError(
                    f"'{self.artifact.path}' has no graph '{ENCODER}', which finds the latent of "
                    f"{'a text' if of_text else 'an image'}; it holds {', '.join(graphs)}.",
                    hint=f"models with an encoder, such as model.name={'text_vae' if of_text else 'vae'}, are exported "
                    "with one",
                )
            self._encoder = Session.of(self.artifact, ENCODER, self._where)
        return self._encoder

    def reconstruct(
        self,
        given: npt.NDArray[np.uint8] | Sequence[str],
        *,
        batch: int | None = None,
        settings: Mapping[str, float] | None = None,
    ) -> Any:
        """What is left of images or texts when they are encoded and decoded again.

        Args:
            given: As in ``encode``.
            batch: As in ``encode``.
            settings: As in ``sample``. Texts have the likeliest tokens, temperature 0, unless it is set.

        Returns:
            As ``sample``: images as large as they were, or a list of str.
        """
        return self._decoded(self.encode(given, batch=batch), batch, settings)

    def interpolate_between(
        self,
        given: npt.NDArray[np.uint8] | Sequence[str],
        steps: int,
        *,
        batch: int | None = None,
        settings: Mapping[str, float] | None = None,
    ) -> Any:
        """As ``interpolate``, between the latents of images or of texts. The ends are their reconstructions.

        Args:
            given: As in ``encode``, two or more.
            steps: Samples on each way, both ends included; two or more.
            batch: As in ``encode``.
            settings: As in ``reconstruct``.

        Returns:
            As ``interpolate``, a row for each way.

        Raises:
            ArtifactError: There is no encoder.
            InputMismatchError: As in ``encode``, or there are too few of them or of steps.
        """
        check_walk(len(given), steps)
        return _rows(self._decoded(walk(self.encode(given, batch=batch), steps), batch, settings), steps)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Tokens <-> text, of artifacts that make texts.

        Raises:
            ArtifactError: This one does not.
            MissingDependencyError: The library ``tokenizers`` is not installed.
        """
        return Tokenizer(self.artifact.tokenizer())

    @property
    def origin(self) -> dict[str, str]:
        """Where its samples come from, for text chunks of PNG files and whatever else goes along with them."""
        return {
            "gantools.artifact": self.artifact.digest,
            "gantools.name": self.artifact.manifest.name,
            "gantools.backend": f"{self.session.backend} {self.session.graph.precision}",
        }

    def close(self) -> None:
        """Free the graphs."""
        self.session.close()
        if self._encoder is not None:
            self._encoder.close()

    def _walked(
        self,
        inputs: Mapping[str, npt.NDArray[Any]],
        steps: int,
        batch: int | None,
        settings: Mapping[str, float] | None,
        label: Label | None,
    ) -> Any:
        count = len(next(iter(inputs.values())))
        chosen = chosen_inputs(self.artifact.manifest, count, settings or {}, label)
        return _rows(self.sample(range(count), batch=batch, inputs={**inputs, **chosen}), steps)

    def _decoded(
        self, latents: npt.NDArray[np.float32], batch: int | None, settings: Mapping[str, float] | None
    ) -> Any:
        """What the generator makes of latents; whatever else it takes is that of one seed."""
        usual = {_TEMPERATURE: 0.0} if self.artifact.manifest.modality == "text" else {}
        turned = {**usual, **(settings or {})}
        return self.sample([0] * len(latents), batch=batch, inputs={_LATENT: latents}, settings=turned)

    def _tokens(self, texts: Any, encoder: Session) -> npt.NDArray[np.int32]:
        """Texts as tokens (n, steps) int32, as many steps as the encoder takes; none may be longer."""
        return self.tokenizer.encode(texts, encoder.spec.axes[STEPS].max, too_long="refuse")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _joined(parts: Iterator[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    arrays = list(parts)
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _rows(samples: Any, steps: int) -> Any:
    """One row for each way."""
    if isinstance(samples, list):
        return [samples[first : first + steps] for first in range(0, len(samples), steps)]
    return samples.reshape(-1, steps, *samples.shape[1:])
