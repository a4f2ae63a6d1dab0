"""What this machine reaches at best, measured and not looked up: products a second in each precision, bytes a second.

Products are square matrix products of several sizes by every kernel at hand; the highest median rate counts, whoever
gave it. Each is in the precision that it is listed under: int8 by int8 into whole numbers of 32 bits, and fp32 without
TF32, which is a precision of its own. Bytes are those that copying reads and writes, or reading reads, whichever is
faster, for working sets from what a cache holds to what none does.

These are rates that were reached, and no laws of nature: a convolution that saves products, as Winograd's does, can be
above them, and so can anything if the machine was busy while they were measured. ``Ceilings.load`` says whether it was.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from gantools.core.atomic import write_atomic
from gantools.core.cache import user_cache
from gantools.core.errors import ArtifactError, BackendError, MissingDependencyError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.registry import Table
from gantools.core.spec import Frozen
from gantools.timing.environment import Load, LoadWatch, default_threads, environment, usable_cpus
from gantools.timing.kernels import Kernels, Movement, Open
from gantools.timing.measure import BenchPlan, Clock, reason
from gantools.timing.measure import measure as timed
from gantools.timing.stats import percentile
from gantools.timing.throughput import runs_per_second

PRODUCTS: Table[Callable[[str], Kernels]] = Table(
    "library that multiplies",
    {
        "torch": "gantools.export.products:kernels",
        "onnxruntime": "gantools.bench.products:of_onnxruntime",
        "openvino": "gantools.bench.products:of_openvino",
    },
)
MOVEMENTS: Table[Callable[[str, int, int], dict[str, Movement]]] = Table(
    "kind of device", {"cpu": "gantools.bench.movement:on_cpu", "cuda": "gantools.export.products:movement"}
)
SIZES: Mapping[str, tuple[int, ...]] = {"cpu": (512, 1024, 2048, 4096), "cuda": (1024, 2048, 4096, 8192)}
WORKING_BYTES = (2**20, 2**22, 2**24, 2**26, 2**28)
"""Smaller sets are copied in less time than it takes to ask for it."""
SECONDS = 0.2
_LONGEST = 1 / 8
"""Share of the seconds that one product may take; with a longer one, the calls that a median needs are not made."""
_CONTENDER = 0.5
"""A kernel that reached less than this share of the best is not tried with larger matrices."""
_METHOD = 1
"""To be raised when something is measured in another way, so that nothing older is taken for it."""
_LIBRARIES = ("numpy", "onnxruntime", "onnxruntime-gpu", "openvino", "torch")

Tried = dict[str, dict[tuple[str, int], float]]
"""Precision -> (kernel, size) -> multiply-adds in a second."""


class Machine(Frozen):
    """Everything that ceilings depend on.

    Attributes:
        cpus: Logical CPUs that this process may use.
        threads: That multiplied and copied.
        gpus: As nvidia-smi prints them; empty where the device is the CPU.
        method: How it was measured, as a number.
    """

    device: str
    cpu: str
    isa: tuple[str, ...]
    cpus: int
    threads: int
    gpus: tuple[str, ...]
    libraries: dict[str, str]
    method: int = _METHOD


class ProductRate(Frozen):
    """The highest rate in a precision.

    Attributes:
        rate: Multiply-adds in a second.
        kernel: Who reached it.
        size: Rows and columns of the matrices.
        tried: ``kernel, size`` -> the rate of each.
    """

    rate: float
    kernel: str
    size: int
    tried: dict[str, float] = {}


class Ceilings(Frozen):
    """What a machine was measured to reach.

    Attributes:
        machine: Which, and with which libraries.
        measured_at: When, in UTC.
        multiply_adds_per_s: Precision -> the highest rate.
        bytes_per_s: Bytes that are worked on -> bytes read and written in a second.
        load: What else ran meanwhile; its warnings make these figures doubtful.
    """

    machine: Machine
    measured_at: str
    multiply_adds_per_s: dict[str, ProductRate] = Field(min_length=1)
    bytes_per_s: dict[int, float] = Field(min_length=1)
    load: Load

    def bandwidth(self, working_bytes: int) -> float:
        """The most bytes in a second while so many are worked on.

        That is the rate of the next smaller set that was measured, because what is smaller may stay in a faster cache.
        Where a larger one was moved faster yet, as by many threads that small sets leave idle, it is that rate.
        """
        smaller = [size for size in self.bytes_per_s if size <= working_bytes]
        least = max(smaller, default=0)
        return max(rate for size, rate in self.bytes_per_s.items() if size >= least)


def ceilings(
    device: str = "cpu", threads: int | None = None, *, fresh: bool = False, on_event: OnEvent = ignore
) -> Ceilings:
    """The ceilings of this machine: those that were measured before, or measured now, within half a minute, and kept.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: Of the CPU; none: as many as there are physical cores.
        fresh: Measure, whatever is known.
        on_event: Who watches. It is told if the machine was busy when they were measured.

    Raises:
        UnknownNameError: There is no such kind of device.
        MissingDependencyError: Nothing that is installed multiplies there.
        BackendError: What is installed did not.
    """
    machine = machine_of(device, threads or default_threads())
    path = _path(machine)
    found = None if fresh else _kept(path, machine, on_event)
    if found is None:
        found = measure(device, on_event=on_event, threads=threads)
        try:
            write_atomic(path, found.model_dump_json(indent=2).encode() + b"\n")
        except ArtifactError as err:
            on_event(Note(f"the ceilings of this machine are not kept for the next time: {err}", "warning"))
    for warning in found.load.warnings:
        on_event(Note(f"the ceilings of this machine are of {found.measured_at}, and {warning}", "warning"))
    return found


def machine_of(device: str, threads: int) -> Machine:
    """What ceilings depend on, here and now.

    Raises:
        UnknownNameError: There is no such kind of device.
    """
    kind = device.partition(":")[0]
    MOVEMENTS[kind]
    known = environment()
    return Machine(
        device=device,
        cpu=known.cpu,
        isa=known.isa,
        cpus=len(usable_cpus()),
        threads=threads,
        gpus=known.gpus if kind != "cpu" else (),
        libraries={name: version for name, version in known.libraries.items() if name in _LIBRARIES},
    )


def measure(
    device: str = "cpu",
    seconds: float = SECONDS,
    on_event: OnEvent = ignore,
    *,
    threads: int | None = None,
    clock: Clock = time.perf_counter_ns,
) -> Ceilings:
    """Measure, whatever is known, and keep nothing.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        seconds: For one kernel at one size; warming it up may take as long again.
        on_event: Who watches.
        threads: Of the CPU; none: as many as there are physical cores.
        clock: What time it is, in ns.

    Raises:
        UnknownNameError: There is no such kind of device.
        MissingDependencyError: Nothing that is installed multiplies there.
        BackendError: What is installed did not.
    """
    threads = threads or default_threads()
    machine = machine_of(device, threads)
    kernels = _kernels(device)
    sizes = SIZES[device.partition(":")[0]]
    total = len(sizes) + len(WORKING_BYTES)
    watch = LoadWatch()
    tried: Tried = {}
    for done, size in enumerate(sizes):
        on_event(Progress("ceilings", done, total, "sizes"))
        for (precision, kernel), rate in _rates(kernels, size, tried, threads, seconds, clock, on_event).items():
            tried.setdefault(precision, {})[kernel, size] = rate
    if not tried:
        raise BackendError(
            f"no kernel that is installed multiplied matrices on '{device}'.",
            hint="'gantools doctor' says which devices are here",
        )
    moved = {}
    for done, working_bytes in enumerate(WORKING_BYTES, len(sizes)):
        on_event(Progress("ceilings", done, total, "sizes"))
        moved[working_bytes] = _bandwidth(device, working_bytes, threads, seconds, clock)
    on_event(Progress("ceilings", total, total, "sizes"))
    return Ceilings(
        machine=machine,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        multiply_adds_per_s={precision: _highest(rates) for precision, rates in tried.items()},
        bytes_per_s=moved,
        load=watch.stop(),
    )


def _kernels(device: str) -> dict[tuple[str, str], Open]:
    """Of everything that is installed."""
    found: dict[tuple[str, str], Open] = {}
    for name in PRODUCTS:
        try:
            found |= PRODUCTS.load(name)(device)
        except (MissingDependencyError, ModuleNotFoundError):
            continue
    if not found:
        raise MissingDependencyError(
            f"nothing that is installed multiplies matrices on '{device}', so there is no rate to measure.",
            hint="pip install 'gantools[optimize,onnxruntime]', or on a GPU 'gantools[train]' with CUDA",
        )
    return found


def _rates(
    kernels: dict[tuple[str, str], Open],
    size: int,
    tried: Tried,
    threads: int,
    seconds: float,
    clock: Clock,
    on_event: OnEvent,
) -> dict[tuple[str, str], float]:
    """(precision, kernel) -> its median rate with matrices of this size. Kernels that fail are taken out for good."""
    plan = BenchPlan(min_calls=100, max_seconds=seconds, max_warmup_seconds=seconds, rounds=4)
    longest_ms = seconds * 1000 * _LONGEST
    with ExitStack() as stack:
        calls = {}
        for (precision, kernel), opened in list(kernels.items()):
            if not _contends(tried.get(precision, {}), kernel, size, longest_ms):
                continue
            try:
                call = stack.enter_context(opened(size, threads))
                call()
                before = clock()
                call()
            except Exception as err:  # a library may lack a kernel for this processor, and raises what it likes
                on_event(Note(f"{precision} by {kernel} is left out: {reason(err)}"))
                del kernels[precision, kernel]
                continue
            if (clock() - before) / 1e6 <= longest_ms:
                calls[precision, kernel] = call
        timings = timed({" by ".join(key): call for key, call in calls.items()}, plan, clock=clock)
    rates = {}
    for key in calls:
        timing = timings[" by ".join(key)]
        p50 = percentile(np.array(timing.values_ms), 50)
        if timing.failure is None and p50 is not None:
            rates[key] = size**3 / p50 * 1000
    return rates


def _contends(tried: Mapping[tuple[str, int], float], kernel: str, size: int, longest_ms: float) -> bool:
    """Whether larger matrices may show a higher rate, within bearable time."""
    if not tried:
        return True
    best = max(tried.values())
    own = max((rate for (name, _), rate in tried.items() if name == kernel), default=0.0)
    return own >= _CONTENDER * best and size**3 / best * 1000 <= longest_ms


def _bandwidth(device: str, working_bytes: int, threads: int, seconds: float, clock: Clock) -> float:
    moving = MOVEMENTS.load(device.partition(":")[0])(device, working_bytes, threads)
    return max(
        moved.bytes * runs_per_second(moved.calls, seconds / 2, clock=lambda: clock() / 1e9)
        for moved in moving.values()
    )


def _highest(rates: Mapping[tuple[str, int], float]) -> ProductRate:
    kernel, size = max(rates, key=lambda key: rates[key])
    tried = {f"{name}, {edge}": round(rate, -6) for (name, edge), rate in rates.items()}
    return ProductRate(rate=rates[kernel, size], kernel=kernel, size=size, tried=tried)


def _path(machine: Machine) -> Path:
    digest = hashlib.sha256(machine.model_dump_json().encode()).hexdigest()
    return user_cache() / "ceilings" / f"{digest[:16]}.json"


def _kept(path: Path, machine: Machine, on_event: OnEvent) -> Ceilings | None:
    try:
        found = Ceilings.model_validate_json(path.read_bytes())
    except OSError:
        return None
    except ValidationError:
        on_event(Note(f"'{path}' was damaged, and the ceilings of this machine are measured again", "warning"))
        return None
    return found if found.machine == machine else None
