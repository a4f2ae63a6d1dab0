"""A generator as an application sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import Artifact, Sampler
from gantools.runtime.session import Session

Sample = Callable[[Session, Sampler, Sequence[int], int, Mapping[str, npt.NDArray[Any]]], Iterator[npt.NDArray[Any]]]


@final
class Generator:
    """An opened artifact that turns seeds into samples. Usable as a context manager; not thread-safe.

    Attributes:
        artifact: What was opened, with its manifest and digest.
        session: The graph it runs.
    """

    def __init__(self, artifact: Artifact, session: Session, sample: Sample) -> None:
        self.artifact = artifact
        self.session = session
        self._sample = sample

    def sample(
        self, seeds: Sequence[int], *, batch: int | None = None, inputs: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> npt.NDArray[Any]:
        """One sample for each seed. Sample k depends on seed k alone, not on the other seeds or on ``batch``.

        Args:
            seeds: Integers in [0, 2**64).
            batch: Samples in one run of the graph; none: as many as the graph allows.
            inputs: The inputs that are not noise, one row for each seed.

        Returns:
            For images: (len(seeds), height, width, channels) uint8, 0..255.

        Raises:
            InputMismatchError: A seed is out of range, or an input does not fit.
        """
        parts = list(self.stream(seeds, batch=batch, inputs=inputs))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def stream(
        self, seeds: Sequence[int], *, batch: int | None = None, inputs: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> Iterator[npt.NDArray[Any]]:
        """Like ``sample``, one array for each run of the graph: memory does not grow with the number of seeds."""
        batch = batch or self.session.spec.axes["batch"].max
        return self._sample(self.session, self.artifact.manifest.sampler, seeds, batch, inputs or {})

    def close(self) -> None:
        """Free the graph."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
