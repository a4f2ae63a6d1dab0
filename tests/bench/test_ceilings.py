"""What a machine reaches: the fastest kernel counts, what is slow or absent is left out, what was measured is kept."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from gantools.bench import ceilings as room
from gantools.bench.ceilings import PRODUCTS, Ceilings, ProductRate, ceilings, machine_of, measure
from gantools.core.errors import BackendError, MissingDependencyError, UnknownNameError
from gantools.core.events import Event, Note, Progress
from gantools.timing.environment import Load
from gantools.timing.kernels import Kernels, Movement
from tests.fakes import FakeClock

FASTER, SLOWER, SLOWEST = 200e9, 150e9, 20e9
QUIET = Load(elapsed_seconds=1.0, load_average=None, other_share=0.0, steal_share=0.0, warnings=())
BUSY = QUIET.model_copy(update={"warnings": ("other processes used 40% of this machine's CPU time.",)})


class FakeLibrary:
    """Kernels that take the time their rate says, on a clock that they move."""

    def __init__(self, clock: FakeClock, rates: dict[tuple[str, str], float], broken: str = "") -> None:
        self.clock, self.rates, self.broken = clock, rates, broken
        self.opened: list[tuple[str, int, int]] = []

    def kernels(self, device: str) -> Kernels:
        return {key: partial(self._open, key) for key in self.rates}

    @contextmanager
    def _open(self, key: tuple[str, str], size: int, threads: int) -> Iterator[Callable[[], object]]:
        self.opened.append((key[1], size, threads))
        if key[1] == self.broken:
            raise RuntimeError("no such instruction\nand more")
        yield lambda: self.clock.pass_ms(size**3 / self.rates[key] * 1000)

    def moves(self, device: str, working_bytes: int, threads: int) -> dict[str, Movement]:
        """Ten GB/s; half of it beyond 16 MiB."""
        rate = 10e9 if working_bytes <= 2**24 else 5e9

        def call(factor: float) -> None:
            self.clock.pass_ms(working_bytes / rate * 1000 * factor)

        slow, fast = (Movement([partial(call, factor)], working_bytes) for factor in (3.0, 1.0))
        return {"slow": slow, "fast": fast}


Install = Callable[..., FakeLibrary]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> Install:
    """A function that puts a library in the place of all others."""

    def put(rates: dict[tuple[str, str], float], broken: str = "") -> FakeLibrary:
        library = FakeLibrary(clock, rates, broken)
        monkeypatch.setattr(PRODUCTS, "_rows", {"fake": "anywhere"})
        monkeypatch.setattr(PRODUCTS, "load", lambda name: library.kernels)
        monkeypatch.setattr(room.MOVEMENTS, "load", lambda name: library.moves)
        return library

    return put


def test_the_fastest_kernel_counts_and_slow_ones_are_tried_once(install: Install, clock: FakeClock) -> None:
    library = install(
        {("fp32", "good"): SLOWER, ("fp32", "better"): FASTER, ("fp32", "bad"): SLOWEST, ("int8", "one"): 9e9}
    )
    seen: list[Event] = []
    found = measure("cpu", 0.2, seen.append, threads=3, clock=clock)
    fp32 = found.multiply_adds_per_s["fp32"]
    assert fp32.kernel == "better"
    assert fp32.rate == pytest.approx(FASTER, rel=1e-3)
    assert set(fp32.tried) == {"good, 512", "better, 512", "bad, 512", "good, 1024", "better, 1024"}
    assert fp32.tried["good, 1024"] == pytest.approx(SLOWER, rel=1e-3)
    # 1024 would take 119 ms of int8, and 2048 43 ms of fp32: too few calls for a median.
    assert found.multiply_adds_per_s["int8"].size == 512
    assert {size for _, size, _ in library.opened} == {512, 1024}
    assert {threads for _, _, threads in library.opened} == {3}
    progress = [event for event in seen if isinstance(event, Progress)]
    assert [event.done for event in progress] == list(range(len(room.SIZES["cpu"]) + len(room.WORKING_BYTES) + 1))


def test_bytes_are_those_of_whoever_moves_them_fastest(install: Install, clock: FakeClock) -> None:
    install({("fp32", "one"): FASTER})
    found = measure("cpu", 0.2, threads=1, clock=clock).bytes_per_s
    assert list(found) == list(room.WORKING_BYTES)
    assert [found[size] for size in found] == pytest.approx([10e9] * 3 + [5e9] * 2, rel=1e-3)


def test_a_kernel_that_fails_is_left_out_and_said_once(install: Install, clock: FakeClock) -> None:
    library = install({("int8", "broken"): FASTER, ("int8", "whole"): SLOWER}, broken="broken")
    seen: list[Event] = []
    found = measure("cpu", 0.2, seen.append, threads=1, clock=clock)
    assert found.multiply_adds_per_s["int8"].kernel == "whole"
    notes = [event.text for event in seen if isinstance(event, Note)]
    assert notes == ["int8 by broken is left out: RuntimeError: no such instruction"]
    assert [size for name, size, _ in library.opened if name == "broken"] == [512]


def test_without_any_kernel_there_is_no_ceiling(install: Install, clock: FakeClock) -> None:
    install({("fp32", "broken"): FASTER}, broken="broken")
    with pytest.raises(BackendError, match="no kernel that is installed multiplied matrices on 'cpu'") as caught:
        measure("cpu", 0.2, threads=1, clock=clock)
    assert caught.value.hint == "'gantools doctor' says which devices are here"


def test_libraries_that_are_not_there_are_left_out_and_all_of_them_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise ModuleNotFoundError("No module named 'torch'") if name == "torch" else MissingDependencyError("no.")

    monkeypatch.setattr(PRODUCTS, "load", absent)
    with pytest.raises(
        MissingDependencyError, match="nothing that is installed multiplies matrices on 'cpu'"
    ) as caught:
        measure("cpu", threads=1)
    assert caught.value.hint
    assert "gantools[optimize,onnxruntime]" in caught.value.hint


def test_a_strange_device_is_refused_before_anything_is_measured() -> None:
    with pytest.raises(UnknownNameError, match="no kind of device is called 'tpu'"):
        ceilings("tpu", 1)


def known(load: Load = QUIET, **rates: float) -> Ceilings:
    return Ceilings(
        machine=machine_of("cpu", 2),
        measured_at="2026-01-02T03:04:05+00:00",
        multiply_adds_per_s={name: ProductRate(rate=rate, kernel="k", size=512) for name, rate in rates.items()},
        bytes_per_s={2**20: 8e9, 2**24: 10e9, 2**28: 2e9},
        load=load,
    )


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """An empty cache, and for every measurement the threads it was asked for; its rate is their count."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[int] = []

    def instead(device: str, on_event: object, threads: int) -> Ceilings:
        asked.append(threads)
        machine = machine_of(device, threads)
        return known(fp32=float(len(asked))).model_copy(update={"machine": machine})

    monkeypatch.setattr(room, "measure", instead)
    return asked


def test_what_was_measured_is_kept_until_it_is_asked_for_anew(measured: list[int], tmp_path: Path) -> None:
    first = ceilings("cpu", 2)
    assert ceilings("cpu", 2) == first
    assert measured == [2]
    again = ceilings("cpu", 2, fresh=True)
    assert again.multiply_adds_per_s["fp32"].rate == 2.0
    assert ceilings("cpu", 2) == again
    ceilings("cpu", 1)
    assert measured == [2, 2, 1]
    files = list((tmp_path / "gantools" / "ceilings").iterdir())
    assert len(files) == 2
    assert {json.loads(file.read_text())["machine"]["threads"] for file in files} == {1, 2}


@pytest.mark.parametrize(
    "changed",
    [{"cpu": "another"}, {"isa": ("mmx",)}, {"gpus": ("another",)}, {"libraries": {"torch": "1.0"}}, {"method": 0}],
)
def test_ceilings_of_another_machine_are_not_taken(
    changed: dict[str, object], measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ceilings("cpu", 2)
    other = machine_of("cpu", 2).model_copy(update=changed)
    path = room._path(machine_of("cpu", 2))
    assert room._path(other) != path
    monkeypatch.setattr(room, "machine_of", lambda device, threads: other)
    monkeypatch.setattr(room, "_path", lambda machine: path)  # even where digests collide
    ceilings("cpu", 2)
    assert measured == [2, 2]


def test_a_damaged_file_is_measured_anew(measured: list[int], tmp_path: Path) -> None:
    ceilings("cpu", 2)
    (file,) = (tmp_path / "gantools" / "ceilings").iterdir()
    file.write_text(file.read_text()[:-100])
    seen: list[Event] = []
    ceilings("cpu", 2, on_event=seen.append)
    assert measured == [2, 2]
    (note,) = [event for event in seen if isinstance(event, Note)]
    assert note.level == "warning"
    assert "was damaged, and the ceilings of this machine are measured again" in note.text
    ceilings("cpu", 2)
    assert measured == [2, 2]


def test_a_cache_that_cannot_be_written_costs_time_alone(measured: list[int], tmp_path: Path) -> None:
    (tmp_path / "gantools").write_text("no folder")
    seen: list[Event] = []
    assert ceilings("cpu", 2, on_event=seen.append).multiply_adds_per_s
    (note,) = [event for event in seen if isinstance(event, Note)]
    assert "the ceilings of this machine are not kept for the next time" in note.text


def test_ceilings_of_a_busy_machine_say_so_whenever_they_are_used(
    measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "measure", lambda device, on_event, threads: known(BUSY, fp32=1.0))
    for _ in range(2):
        seen: list[Event] = []
        ceilings("cpu", 2, on_event=seen.append)
        assert [event.text for event in seen if isinstance(event, Note)] == [
            "the ceilings of this machine are of 2026-01-02T03:04:05+00:00, and other processes used 40% of this "
            "machine's CPU time."
        ]


def test_a_bandwidth_is_never_below_what_a_larger_set_was_moved_with() -> None:
    found = known(fp32=1.0)
    assert found.bandwidth(2**28) == found.bandwidth(2**40) == 2e9
    assert found.bandwidth(2**28 - 1) == found.bandwidth(2**24) == 10e9
    assert found.bandwidth(2**20) == found.bandwidth(1000) == 10e9


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_kernel_multiplies(name: str) -> None:
    kernels = PRODUCTS.load(name)("cpu")
    assert {precision for precision, _ in kernels} >= {"fp32", "int8"}
    for opened in kernels.values():
        with opened(32, 1) as call:
            call()


def test_pytorch_has_its_own_settings_again() -> None:
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with PRODUCTS.load("torch")("cpu")["fp32", "torch.mm"](16, 1) as call:
            call()
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_gpu_that_is_not_there_has_no_kernels() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert {name: dict(PRODUCTS.load(name)("cuda")) for name in PRODUCTS} == {name: {} for name in PRODUCTS}
    with pytest.raises(MissingDependencyError, match="multiplies matrices on 'cuda'"):
        measure("cuda")


def test_bytes_that_are_said_to_be_moved_are() -> None:
    moving = room.MOVEMENTS.load("cpu")("cpu", 2**20, 3)
    copied, read = moving["numpy.copyto"], moving["numpy.bitwise_or.reduce"]
    assert len(copied.calls) == len(read.calls) == 3
    for call in copied.calls:
        call()
    for moved in (copied, read):
        assert moved.bytes * 3 == pytest.approx(2**20, rel=1e-4)
    target, source = copied.calls[0].args  # type: ignore[attr-defined]
    assert target.nbytes + source.nbytes == copied.bytes
    assert read.calls[0].args[0].nbytes == read.bytes  # type: ignore[attr-defined]
