"""Every error gantools raises on purpose.

    GantoolsError                 1
    +-- RecipeError               2   a recipe or an option is wrong; all mistakes are named at once
    +-- UnknownNameError          2   a name is not in its table
    +-- MissingDependencyError    3   an extra is not installed
    +-- ArtifactError             1   an artifact or checkpoint is missing, damaged or unsafe
    +-- InputMismatchError        1   a tensor handed to a graph does not fit its spec
    +-- DataError                 1   training or reference data cannot be used
    +-- TrainingError             1   a training cannot go on (not-a-number, diverged)
    +-- ExportError               1   a network cannot be written as a pure graph
    +-- BackendError              1   a runtime or device refused
    +-- ParityError               4   outputs differ from the source by more than the precision explains
    +-- PrecisionError            4   a graph was not computed in the precision that was asked for
    +-- QualityError              4   a metric moved by more than its budget
    +-- RegressionError           4   a benchmark became worse than a gate allows

The number is the process exit code. Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

from typing import ClassVar


class GantoolsError(Exception):
    """One sentence about what is wrong, with both values, and a hint that names the next command."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def first_line(err: BaseException) -> str:
    """What another library's error says, as the end of a sentence."""
    lines = [line.strip() for line in str(err).splitlines() if line.strip()]
    return (lines[0] if lines else type(err).__name__).rstrip(".") + "."


class RecipeError(GantoolsError):
    """A recipe or an option is wrong."""

    exit_code = 2


class UnknownNameError(GantoolsError):
    """A name is not in the table it was looked up in."""

    exit_code = 2


class MissingDependencyError(GantoolsError):
    """A library that belongs to an extra is not installed."""

    exit_code = 3


class ArtifactError(GantoolsError):
    """An artifact or checkpoint is missing, damaged, unsafe or cannot be written."""


class InputMismatchError(GantoolsError):
    """A tensor handed to a graph does not fit the graph's spec."""


class DataError(GantoolsError):
    """Training or reference data cannot be used."""


class TrainingError(GantoolsError):
    """A training cannot go on."""


class ExportError(GantoolsError):
    """A network cannot be written as a pure graph."""


class BackendError(GantoolsError):
    """A runtime or a device refused."""


class ParityError(GantoolsError):
    """Outputs differ from their source by more than the precision explains."""

    exit_code = 4


class PrecisionError(GantoolsError):
    """A graph was not computed in the precision that was asked for."""

    exit_code = 4


class QualityError(GantoolsError):
    """A quality metric moved by more than its budget."""

    exit_code = 4


class RegressionError(GantoolsError):
    """A figure of a benchmark became worse than a gate allows, or could not be judged."""

    exit_code = 4
