"""Meters of energy: of a GPU by its driver (NVML), of CPU packages by the kernel (RAPL). Many machines have neither."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gantools.timing.gpu import joules

RAPL = Path("/sys/class/powercap")


class Meter(Protocol):
    """Counts what a device uses."""

    source: str
    """Which meter, and of what."""

    def joules(self) -> float:
        """Since any fixed moment."""


@dataclass
class GpuMeter:
    """A whole GPU, by its driver."""

    device: str
    source: str = "NVML, the whole GPU"

    def joules(self) -> float:
        """As ``Meter``."""
        return joules(self.device) or 0.0


@dataclass
class RaplMeter:
    """All CPU packages. Each counter starts again at its maximum."""

    packages: tuple[Path, ...]
    source: str = "RAPL, all CPU packages"
    _last: dict[Path, int] = field(default_factory=dict)
    _total_uj: int = 0

    def joules(self) -> float:
        """As ``Meter``. To be asked at least once in a counter's turn, which is minutes."""
        for package in self.packages:
            now = int((package / "energy_uj").read_text())
            last = self._last.get(package, now)
            most = int((package / "max_energy_range_uj").read_text())
            self._total_uj += now - last if now >= last else now - last + most
            self._last[package] = now
        return self._total_uj / 1e6


def meter(device: str) -> Meter | None:
    """The meter of a device; None where nobody counts, or this user may not look."""
    if device.partition(":")[0] == "cuda":
        return None if joules(device) is None else GpuMeter(device)
    packages = []
    for package in sorted(RAPL.glob("intel-rapl:?")):  # AMD's have the same name
        try:
            int((package / "energy_uj").read_text())
        except (OSError, ValueError):
            continue
        packages.append(package)
    return RaplMeter(tuple(packages)) if packages else None
