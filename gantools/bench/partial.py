"""Rows of a benchmark that is not finished: a line for each batch size, so that what was measured is not lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gantools.bench.results import BenchRow
from gantools.core.errors import ArtifactError
from gantools.timing.environment import Environment
from gantools.timing.measure import BenchPlan


class Partial:
    """What a file keeps.

    Args:
        path: Of the file, which need not be there; none: nothing is kept.
        targets: Everything that says what is measured.
        plan: How. Another number of batch sizes is no other plan.
        machine: Where, with which libraries.

    Raises:
        ArtifactError: It is no such file.
    """

    def __init__(self, path: Path | None, targets: Sequence[Any], plan: BenchPlan, machine: Environment) -> None:
        self._path = path
        facts = [list(targets), plan.model_dump(exclude={"batches", "gap_ms"}), machine.model_dump(mode="json")]
        self._key = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
        self._found: dict[tuple[float, int], list[BenchRow]] = {}
        if path is None or not path.exists():
            return
        # A line that was being written when the power went has no end, and counts for nothing.
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        try:
            for line in map(json.loads, lines):
                if line["key"] == self._key:
                    rows = [BenchRow.model_validate(row) for row in line["rows"]]
                    self._found[line["gap_ms"], line["batch"]] = rows
        except (ValueError, KeyError, TypeError) as err:
            raise ArtifactError(
                f"'{path}' does not hold rows of an unfinished benchmark.", hint="give another file, or remove it"
            ) from err

    def _whole(self, size: int) -> int:
        """Bytes of the file that are whole lines."""
        assert self._path is not None
        return self._path.read_bytes()[:size].rfind(b"\n") + 1

    def rows(self, gap_ms: float, batch: int) -> list[BenchRow] | None:
        """Those of a batch size and a gap; None: they have to be measured."""
        return self._found.get((gap_ms, batch))

    def keep(self, gap_ms: float, batch: int, rows: Sequence[BenchRow]) -> None:
        """Write them down, failures too. Of two lines for the same cell the later one holds."""
        if self._path is None:
            return
        line = {
            "key": self._key,
            "gap_ms": gap_ms,
            "batch": batch,
            "rows": [row.model_dump(mode="json") for row in rows],
        }
        try:
            with self._path.open("ab") as stream:
                stream.truncate(self._whole(stream.tell()))
                stream.write(json.dumps(line).encode() + b"\n")
        except OSError as err:
            raise ArtifactError(f"'{self._path}' cannot be written: {err.strerror}.", hint="give another file") from err
