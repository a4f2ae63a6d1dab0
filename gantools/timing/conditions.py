"""What a machine did while something was measured on it, as sentences beside the figures: load, clocks, throttling."""

from __future__ import annotations

import time
from pathlib import Path

from gantools.core.spec import Frozen
from gantools.timing.environment import Load, LoadWatch
from gantools.timing.gpu import GpuConditions, GpuWatch

SPEED_LIMIT = 0.1
"""A CPU whose speed varies by more than this share between rounds is worth a sentence."""
_LOOKS = 5
_THROTTLED = "/sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count"
_GOVERNORS = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"


class Conditions(Frozen):
    """What happened meanwhile.

    Attributes:
        load: Of other processes and other machines.
        speed: How long a fixed piece of work took between rounds, slowest by fastest; None where nobody looked. It sees
            what a virtual machine hides: clocks, and neighbours on the same core.
        throttled: How often the kernel counted that a core was slowed by its temperature.
        governor: Frequency governors other than ``performance``.
        gpu: Of the GPU, where there is one.
    """

    load: Load
    speed: float | None
    throttled: int
    governor: str | None
    gpu: GpuConditions | None

    @property
    def flags(self) -> tuple[str, ...]:
        """One sentence for each thing that makes figures doubtful."""
        found = list(self.load.warnings)
        if self.speed is not None and self.speed > 1 + SPEED_LIMIT:
            found.append(f"the CPU's speed varied by {self.speed - 1:.0%} between rounds.")
        if self.throttled:
            found.append(f"the CPU was slowed by its temperature {self.throttled} times.")
        if self.governor:
            found.append(f"the CPU's governor is '{self.governor}': clocks follow the load.")
        return (*found, *(self.gpu.flags if self.gpu else ()))


class ConditionsWatch:
    """Watches from its making to ``stop``."""

    def __init__(self, device: str = "cpu") -> None:
        self._load, self._gpu, self._throttled = LoadWatch(), GpuWatch(device), _throttled()
        self._speeds: list[float] = []

    def look(self) -> None:
        """Time a fixed piece of work, to be called while nothing else of this run computes."""
        self._speeds.append(min(_piece_of_work_ms() for _ in range(_LOOKS)))

    def stop(self) -> Conditions:
        """What happened since the watch was made."""
        governors = {Path(path).read_text().strip() for path in _paths(_GOVERNORS)} - {"performance"}
        return Conditions(
            load=self._load.stop(),
            speed=max(self._speeds) / min(self._speeds) if self._speeds else None,
            throttled=_throttled() - self._throttled,
            governor=", ".join(sorted(governors)) or None,
            gpu=self._gpu.stop(),
        )


def _piece_of_work_ms() -> float:
    started = time.perf_counter_ns()
    sum(range(20_000))
    return (time.perf_counter_ns() - started) / 1e6


def _throttled() -> int:
    return sum(int(path.read_text()) for path in _paths(_THROTTLED))


def _paths(pattern: str) -> list[Path]:
    return list(Path("/").glob(pattern.lstrip("/")))
