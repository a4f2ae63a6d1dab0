"""One test by MLPerf LoadGen, with a session as its system under test.

LoadGen is one state for the whole process, so tests take turns. It runs in a thread of its own and the session in
another, because an exception must never pass through its code: it would leave that state half torn down, and Python
raises Ctrl-C in whichever call the main thread is in. The main thread only waits.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from gantools.bench.loadgen_logs import Summary, Trace, read_answers, read_summary, read_trace
from gantools.bench.results import Scenario
from gantools.bench.serving import Complete, Desk, SampleSet
from gantools.core.optional import require
from gantools.runtime.backends.base import Arrays

Mode = Literal["performance", "accuracy"]
_SCENARIOS: dict[Scenario, str] = {
    "single-stream": "SingleStream",
    "multi-stream": "MultiStream",
    "server": "Server",
    "offline": "Offline",
}
_MODES: dict[Mode, str] = {"performance": "PerformanceOnly", "accuracy": "AccuracyOnly"}
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class LoadTest:
    """What LoadGen is asked to do.

    Attributes:
        scenario: Of LoadGen.
        mode: Of LoadGen.
        seconds: Least duration.
        min_queries: Least number of queries; offline: of samples of the one query.
        samples_per_query: Multi-stream only.
        seed: Of the order of samples and of the arrivals.
        expected_ms: Single-stream and multi-stream: what a query takes at least. LoadGen makes all queries beforehand,
            twice as many as would fit into the duration then, and a session that is more than twice as fast runs out of
            them.
        rate_per_s: Server: queries a second. Offline: how many samples a second are expected.
        bound_ms: Server: the latency that queries have to stay within.
        bound_percent: Server: how many of them.
        most_waiting: Server: with more open queries LoadGen gives up; 0: it never does.
        most_late: Server: with more late answers the test is lost and is not carried through; none: it always is.
    """

    scenario: Scenario
    mode: Mode
    seconds: float
    min_queries: int
    samples_per_query: int = 1
    seed: int = 0
    expected_ms: float = 1.0
    rate_per_s: float = 1.0
    bound_ms: float | None = None
    bound_percent: int = 99
    most_waiting: int = 0
    most_late: int | None = None


@dataclass(frozen=True)
class Record:
    """What came of it.

    Attributes:
        trace: Of all queries that were answered; what was closed without an answer after a test was lost is left out.
        summary: LoadGen's; None in accuracy mode, which has none.
        answers: Accuracy mode: sample -> the answer that LoadGen got.
    """

    trace: Trace
    summary: Summary | None
    answers: dict[int, bytes]


def loadgen_library() -> ModuleType:
    """The module of LoadGen.

    Raises:
        MissingDependencyError: It is not installed.
    """
    return require("mlperf_loadgen", extra="loadgen", why="to measure the scenarios of MLPerf")


def run_test(samples: SampleSet, test: LoadTest) -> Record:
    """Carry out a test, write nothing outside a temporary folder, and wait until LoadGen is done.

    Raises:
        Exception: What the session raised, once the test has ended.
        KeyboardInterrupt: As soon as LoadGen has ended, which it is made to do early.
        MissingDependencyError: LoadGen is not installed.
    """
    library = loadgen_library()
    with _ONE_AT_A_TIME, tempfile.TemporaryDirectory(prefix="gantools-loadgen-") as name:
        folder = Path(name)
        desk = Desk(
            samples,
            _complete_with(library, samples, test.mode),
            hold=test.scenario == "server" and test.mode == "performance",
            late_ms=test.bound_ms,
            most_late=test.most_late,
        )
        system = library.ConstructFastSUT(desk.issue, desk.flush)
        try:
            queried = library.ConstructQSL(samples.count, samples.count, _nothing, _nothing)
            try:
                _carry_out(library, desk, system, queried, _settings(library, test), folder)
            finally:
                library.DestroyQSL(queried)
        finally:
            library.DestroyFastSUT(system)
        if desk.failure is not None:
            raise desk.failure
        trace = read_trace(folder)
        if desk.unanswered:  # the last ones that came: the desk is first come, first served
            answered = len(trace.latencies_ns) - desk.unanswered
            trace = Trace(trace.latencies_ns[:answered], answered, trace.seconds)
        if test.mode == "accuracy":
            return Record(trace, None, read_answers(folder))
        return Record(trace, read_summary(folder), {})


def _carry_out(library: Any, desk: Desk, system: int, queried: int, settings: Any, folder: Path) -> None:
    logs = library.LogSettings()
    logs.log_output.outdir = str(folder)
    logs.enable_trace = True  # serialized by a thread of LoadGen's own; no effect on latencies was measurable

    # Not the thread's own join: Python 3.11 takes a thread whose join was interrupted for one that has ended.
    ended = threading.Event()

    def conduct() -> None:
        # Without a name for it, LoadGen would obey a file audit.config of the current directory.
        audit = str(folder / "none.config")
        worker = threading.Thread(target=desk.work, name="gantools-session")
        worker.start()
        try:
            library.StartTestWithLogSettings(system, queried, settings, logs, audit)
        except Exception as err:
            desk.failure = desk.failure or err
        finally:
            desk.end()
            worker.join()
            ended.set()

    conductor = threading.Thread(target=conduct, name="gantools-loadgen")
    conductor.start()
    interrupted: BaseException | None = None
    while not ended.is_set():
        try:
            ended.wait()
        except (
            BaseException
        ) as err:  # LoadGen holds pointers to what would be freed: it has to end first, come what may
            interrupted = err
            desk.stop()
    conductor.join()
    if interrupted is not None:
        raise interrupted


def _settings(library: Any, test: LoadTest) -> Any:
    settings = library.TestSettings()
    settings.scenario = getattr(library.TestScenario, _SCENARIOS[test.scenario])
    settings.mode = getattr(library.TestMode, _MODES[test.mode])
    settings.min_duration_ms = ceil(test.seconds * 1000)
    settings.min_query_count = test.min_queries
    settings.qsl_rng_seed = settings.sample_index_rng_seed = settings.schedule_rng_seed = test.seed
    settings.single_stream_expected_latency_ns = settings.multi_stream_expected_latency_ns = test.expected_ms * 1e6
    settings.multi_stream_samples_per_query = test.samples_per_query
    settings.server_target_qps = settings.offline_expected_qps = test.rate_per_s
    settings.server_target_latency_percentile = test.bound_percent / 100
    settings.server_max_async_queries = test.most_waiting
    if test.bound_ms is not None:
        settings.server_target_latency_ns = round(test.bound_ms * 1e6)
    return settings


def _complete_with(library: Any, samples: SampleSet, mode: Mode) -> Complete:
    def close(ids: Sequence[int], outputs: Arrays | None) -> None:  # noqa: ARG001 - LoadGen looks at no answer then
        library.QuerySamplesComplete([library.QuerySampleResponse(one, 0, 0) for one in ids])

    def answer(ids: Sequence[int], outputs: Arrays | None) -> None:
        if outputs is None:
            close(ids, None)
            return
        kept = [np.frombuffer(samples.answer(outputs, row), np.uint8) for row in range(len(ids))]
        responses = [
            library.QuerySampleResponse(one, data.ctypes.data, data.nbytes) for one, data in zip(ids, kept, strict=True)
        ]
        library.QuerySamplesComplete(responses)  # copies the answers before it returns; ``kept`` lives until then

    return answer if mode == "accuracy" else close


def _nothing(samples: Sequence[int]) -> None:
    """All samples are in memory anyway."""
