"""What a machine did meanwhile. Kernels' and drivers' counters are stood in for by files and by a module: no machine
that runs these tests has to be hot, throttled, or have a GPU.
"""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gantools.timing import conditions, energy, gpu
from gantools.timing.conditions import Conditions, ConditionsWatch
from gantools.timing.energy import GpuMeter, RaplMeter, meter
from gantools.timing.environment import Load
from gantools.timing.gpu import GpuConditions, GpuWatch, device_bytes

QUIET = Load(elapsed_seconds=1.0, load_average=None, other_share=0.0, steal_share=0.0, warnings=())


class CounterError(Exception):
    pass


class Driver(SimpleNamespace):
    """NVML for one GPU: at its power limit, with errors in its memory."""

    NVMLError = CounterError
    NVML_CLOCK_SM = NVML_TEMPERATURE_GPU = NVML_MEMORY_ERROR_TYPE_UNCORRECTED = NVML_VOLATILE_ECC = 0

    def __init__(self) -> None:
        super().__init__(clocks=[1200, 1980], looks=0, energy_mj=5000)

    def nvmlInit(self) -> None:  # noqa: N802
        pass

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        return f"gpu {index}"

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:  # noqa: N802
        assert handle == "gpu 1"
        return SimpleNamespace(used=123)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        if self.energy_mj is None:
            raise CounterError
        self.energy_mj += 1000
        return int(self.energy_mj)

    def nvmlDeviceGetEccMode(self, handle: str) -> list[int]:  # noqa: N802
        return [1, 1]

    def nvmlDeviceGetTotalEccErrors(self, *_: object) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: str) -> int:  # noqa: N802
        return 0x4 | 0x1  # the power limit; and idle, which is nothing to tell

    def nvmlDeviceGetTemperature(self, *_: object) -> int:  # noqa: N802
        return 71

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> Any:  # noqa: N802
        return SimpleNamespace(gpu=50)

    def nvmlDeviceGetClockInfo(self, *_: object) -> int:  # noqa: N802
        self.looks += 1
        return int(self.clocks[self.looks % 2])


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(gpu, "_nvml", lambda: made)
    monkeypatch.setattr(gpu, "SAMPLE_SECONDS", 0.001)
    gpu._handle.cache_clear()
    monkeypatch.setattr(gpu, "_handle", gpu._handle.__wrapped__)
    return made


def test_a_quiet_machine_has_no_flags() -> None:
    assert Conditions(load=QUIET, speed=1.05, throttled=0, governor=None, gpu=None).flags == ()


def test_each_thing_that_makes_figures_doubtful_is_a_sentence() -> None:
    hot = GpuConditions(sm_mhz=None, temperature_c=90, slowed_by=("its temperature",), ecc=None, uncorrected_errors=0)
    found = Conditions(load=QUIET, speed=1.3, throttled=4, governor="powersave", gpu=hot).flags
    assert found == (
        "the CPU's speed varied by 30% between rounds.",
        "the CPU was slowed by its temperature 4 times.",
        "the CPU's governor is 'powersave': clocks follow the load.",
        "the GPU was slowed by its temperature.",
    )


def test_the_speed_of_the_cpu_is_that_of_a_piece_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([2.0, 1.0, 1.0, 1.0, 1.0, 3.0, 1.5, 1.5, 2.0, 1.5])
    monkeypatch.setattr(conditions, "_piece_of_work_ms", lambda: next(times))
    watch = ConditionsWatch()
    watch.look()
    watch.look()
    assert watch.stop().speed == 1.5
    assert ConditionsWatch().stop().speed is None


def test_governors_and_throttling_are_read_from_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, governor in (("0", "performance"), ("1", "powersave")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "governor").write_text(f"{governor}\n")
        (tmp_path / name / "count").write_text("3\n")
    monkeypatch.setattr(conditions, "_GOVERNORS", f"{tmp_path}/*/governor")
    monkeypatch.setattr(conditions, "_THROTTLED", f"{tmp_path}/*/count")
    watch = ConditionsWatch()
    (tmp_path / "0" / "count").write_text("5\n")
    found = watch.stop()
    assert (found.governor, found.throttled) == ("powersave", 2)


def test_a_gpu_is_watched_while_it_works(driver: Driver) -> None:
    watch = GpuWatch("cuda:1")
    while driver.looks < 4:
        time.sleep(0.001)
    found = watch.stop()
    assert found is not None
    assert (found.sm_mhz, found.temperature_c, found.slowed_by) == ((1200, 1980), 71, ("its power limit",))
    assert (found.ecc, found.uncorrected_errors) == (True, 2)
    assert found.flags == (
        "the GPU was slowed by its power limit.",
        "the GPU's clock varied between 1200 and 1980 MHz while it was busy.",
        "the GPU has counted 2 memory errors that could not be corrected.",
    )


def test_a_cpu_is_no_gpu() -> None:
    assert GpuWatch("cpu").stop() is None
    assert device_bytes("cpu") is None


def test_memory_and_energy_of_a_gpu(driver: Driver) -> None:
    assert device_bytes("cuda:1") == 123
    found = meter("cuda:1")
    assert isinstance(found, GpuMeter)
    first = found.joules()
    assert found.joules() - first == 1.0
    driver.energy_mj = None
    assert meter("cuda:1") is None


def test_a_driver_that_cannot_be_asked_tells_nothing(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise CounterError

    monkeypatch.setattr(driver, "nvmlInit", refuse)
    assert device_bytes("cuda") is None
    assert GpuWatch("cuda").stop() is None
    assert meter("cuda") is None


def test_counters_of_packages_that_start_again_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"):  # the last is part of the first
        (tmp_path / package).mkdir()
        (tmp_path / package / "energy_uj").write_text("9000000\n")
        (tmp_path / package / "max_energy_range_uj").write_text("10000000\n")
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    found = meter("cpu")
    assert isinstance(found, RaplMeter)
    assert (len(found.packages), found.joules()) == (2, 0.0)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("500000\n")  # over the end
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("9250000\n")
    assert found.joules() == 1.75


def test_without_a_counter_there_is_no_meter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "RAPL", tmp_path)
    assert meter("cpu") is None
    (tmp_path / "intel-rapl:0").mkdir()  # whose counter this user may not read
    assert meter("cpu") is None
