"""What MLPerf LoadGen writes down of a test: its summary, its trace of every sample, and the answers it was given.

Latencies are those of the trace. They are LoadGen's own, from the moment a query was scheduled for to the moment its
last answer came, in whole nanoseconds: sorted, they give exactly the percentiles of the summary. A clock of ours around
the session would miss what a query waited before it was issued.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

SUMMARY, TRACE, ANSWERS = "mlperf_log_summary.txt", "mlperf_log_trace.json", "mlperf_log_accuracy.json"
_SAMPLE = re.compile(
    rb'\{"name":"Sample",.*"ts":(-?[\d.]+),"args":\{.*"query_seq":(\d+),.*"complete_ns":(-?\d+)\}'  # one a line
)
_ANSWER = re.compile(r'"qsl_idx" *: *(\d+), *"data" *: *"([0-9A-Fa-f]*)"')
_ADVICE, _EARLY = "Recommendations:", "Early Stopping Result:"
_EARLY_VERDICT = "Early stopping satisfied"


@dataclass(frozen=True)
class Summary:
    """LoadGen's summary of a performance test.

    Attributes:
        values: As it is printed: key -> value.
        invalid_because: What it says against the test, in its own words; empty where the test is valid.
    """

    values: dict[str, str]
    invalid_because: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Its verdict."""
        return self.values.get("Result is") == "VALID"

    @property
    def long_enough(self) -> bool:
        """Whether the test lasted as long as it had to."""
        return self.values.get("Min duration satisfied") == "Yes"


@dataclass(frozen=True)
class Trace:
    """When queries were due and answered.

    Attributes:
        latencies_ns: Of every query, in the order of their arrival, whole numbers.
        samples: Of all queries together.
        seconds: From the first scheduled arrival to the last answer.
    """

    latencies_ns: npt.NDArray[np.int64]
    samples: int
    seconds: float


def read_summary(folder: Path) -> Summary:
    """The summary that a test wrote into a folder."""
    text = (folder / SUMMARY).read_text(encoding="utf-8")
    values = {}
    for line in text.splitlines():
        key, found, value = line.partition(":")
        if found and value.strip():
            values[key.strip(" *")] = value.strip()
    because = [*_bullets(text, _ADVICE)]
    if values.get(_EARLY_VERDICT) == "NO":
        because += _bullets(text, _EARLY)
    return Summary(values, tuple(because))


def read_trace(folder: Path) -> Trace:
    """The trace that a test wrote into a folder."""
    due_us, queries, taken_ns = [], [], []
    with (folder / TRACE).open("rb") as lines:
        for line in lines:
            if found := _SAMPLE.match(line):
                due_us.append(float(found[1]))
                queries.append(int(found[2]))
                taken_ns.append(int(found[3]))
    if not queries:
        return Trace(np.empty(0, np.int64), 0, 0.0)
    latencies_ns = np.zeros(max(queries) + 1, np.int64)
    np.maximum.at(latencies_ns, queries, taken_ns)
    done_ns = np.array(due_us) * 1e3 + np.array(taken_ns)
    return Trace(latencies_ns, len(queries), float(done_ns.max() - min(due_us) * 1e3) / 1e9)


def read_answers(folder: Path) -> dict[int, bytes]:
    """Sample -> what LoadGen got for it, from an accuracy test; of a sample that was asked for twice the last."""
    with (folder / ANSWERS).open(encoding="ascii") as lines:
        return {int(found[1]): bytes.fromhex(found[2]) for found in map(_ANSWER.search, lines) if found}


def _bullets(text: str, head: str) -> list[str]:
    """The points under a heading, each on one line."""
    points: list[str] = []
    for line in text.partition(f"{head}\n")[2].splitlines():
        if line.startswith(" * "):
            points.append(line[3:].strip())
        elif line.startswith(" ") and points:
            points[-1] += f" {line.strip()}"
        else:
            break
    return points
