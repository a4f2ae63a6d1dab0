"""What an NVIDIA GPU tells of itself while something is measured: memory, clocks, throttling, errors, energy."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import cache
from typing import Any

from gantools.core.errors import MissingDependencyError
from gantools.core.optional import require
from gantools.core.spec import Frozen

SAMPLE_SECONDS = 0.1
# Of NVML's reasons for lower clocks, those that are not idling or somebody's setting.
_SLOWED = {
    0x4: "its power limit",
    0x8: "a hardware slowdown",
    0x20: "its temperature",
    0x40: "its temperature, in hardware",
    0x80: "an external power brake",
}
CLOCK_LIMIT = 0.05
"""Clocks that vary by more than this share are worth a sentence."""


class GpuConditions(Frozen):
    """What a GPU did meanwhile.

    Attributes:
        sm_mhz: Lowest and highest clock of the multiprocessors while it was busy; None where it never was.
        temperature_c: Highest.
        slowed_by: Reasons for lower clocks, in words.
        ecc: Whether errors in memory are corrected, which costs bandwidth on some cards; None: it has no such thing.
        uncorrected_errors: Since the driver was loaded.
    """

    sm_mhz: tuple[int, int] | None
    temperature_c: int
    slowed_by: tuple[str, ...]
    ecc: bool | None
    uncorrected_errors: int

    @property
    def flags(self) -> tuple[str, ...]:
        """One sentence for each thing that makes figures doubtful."""
        found = [f"the GPU was slowed by {reason}." for reason in self.slowed_by]
        if self.sm_mhz and self.sm_mhz[1] > self.sm_mhz[0] * (1 + CLOCK_LIMIT):
            found.append(f"the GPU's clock varied between {self.sm_mhz[0]} and {self.sm_mhz[1]} MHz while it was busy.")
        if self.uncorrected_errors:
            found.append(f"the GPU has counted {self.uncorrected_errors} memory errors that could not be corrected.")
        return tuple(found)


def device_bytes(device: str) -> int | None:
    """Memory of a GPU that is taken, by everyone; None on CPUs and where the driver does not tell."""
    handle = _handle(device)
    return None if handle is None else int(_nvml().nvmlDeviceGetMemoryInfo(handle).used)


def joules(device: str) -> float | None:
    """What a GPU has used since the driver was loaded; None where it does not tell."""
    handle = _handle(device)
    try:
        return None if handle is None else _nvml().nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
    except _nvml().NVMLError:
        return None


class GpuWatch:
    """Looks at a GPU ten times a second, from its making to ``stop``. On CPUs it does nothing."""

    def __init__(self, device: str) -> None:
        self._handle = _handle(device)
        self._clocks: list[int] = []
        self._slowed = 0
        self._temperature = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True) if self._handle is not None else None
        if self._thread:
            self._thread.start()

    def stop(self) -> GpuConditions | None:
        """What happened; None on CPUs."""
        self._ended.set()
        if self._thread is None:
            return None
        self._thread.join()
        nvml, ecc, errors = _nvml(), None, 0
        with suppress(nvml.NVMLError):
            ecc = bool(nvml.nvmlDeviceGetEccMode(self._handle)[0])
            errors = nvml.nvmlDeviceGetTotalEccErrors(
                self._handle, nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
            )
        return GpuConditions(
            sm_mhz=(min(self._clocks), max(self._clocks)) if self._clocks else None,
            temperature_c=self._temperature,
            slowed_by=tuple(text for bit, text in _SLOWED.items() if self._slowed & bit),
            ecc=ecc,
            uncorrected_errors=int(errors),
        )

    def _look(self) -> None:
        nvml = _nvml()
        while not self._ended.wait(SAMPLE_SECONDS):
            with suppress(nvml.NVMLError):
                self._slowed |= nvml.nvmlDeviceGetCurrentClocksEventReasons(self._handle)
                celsius = nvml.nvmlDeviceGetTemperature(self._handle, nvml.NVML_TEMPERATURE_GPU)
                self._temperature = max(self._temperature, celsius)
                if nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu > 0:
                    self._clocks.append(nvml.nvmlDeviceGetClockInfo(self._handle, nvml.NVML_CLOCK_SM))


def _nvml() -> Any:
    return require("pynvml", extra="bench", why="to watch the GPU")


@cache
def _handle(device: str) -> Any | None:
    """NVML's word for a device; None for CPUs and where NVML cannot be asked."""
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return None
    try:
        nvml = _nvml()
        nvml.nvmlInit()
        return nvml.nvmlDeviceGetHandleByIndex(int(index or 0))
    except MissingDependencyError:
        return None
    except _nvml().NVMLError:
        return None
