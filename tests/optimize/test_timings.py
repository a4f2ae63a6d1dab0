"""Timings of kernels that are kept between builds: found again, added to in turn, and never more than time lost."""

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gantools
from gantools.core.artifact import GraphFile
from gantools.core.events import Event, Note
from gantools.optimize.plan import Plan
from gantools.optimize.targets import TARGETS
from gantools.optimize.targets.engine import compile_engine
from gantools.optimize.targets.timings import kept_timings
from tests.optimize.fake_builder import FakeConfig
from tests.zoo import write_onnx

ROOT = Path(gantools.__file__).parent.parent
LIBRARY, MACHINE = ("TensorRT", "11.3.0"), "NVIDIA L4 (8.9); NVIDIA L4, 580.65, 23034 MiB"
BUILDER = """
import sys, time
from pathlib import Path
from gantools.optimize.targets.timings import kept_timings
from tests.optimize.fake_builder import FakeConfig

config = FakeConfig()
with kept_timings(config, ("TensorRT", "11.3.0"), "GPU"):
    started = Path(sys.argv[1])
    config.build([started.name])
    started.touch()
    while not started.with_name("go").exists():
        time.sleep(0.01)
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/gantools/timings"


def built(
    *kernels: str, library: tuple[str, str] = LIBRARY, machine: str = MACHINE, seen: list[Event] | None = None
) -> list[str]:
    """Kernels that had to be timed."""
    config = FakeConfig()
    with kept_timings(config, library, machine, ([] if seen is None else seen).append):
        config.build(kernels)
    return config.timed


def test_what_was_timed_is_not_timed_again(cache: Path) -> None:
    assert built("conv", "gemm") == ["conv", "gemm"]
    assert built("conv", "tanh") == ["tanh"]
    assert built("conv", "gemm", "tanh") == []
    assert len(list(cache.glob("*.timings"))) == 1


@pytest.mark.parametrize(
    "other", [{"library": ("TensorRT", "11.4.0")}, {"library": ("Other", "11.3.0")}, {"machine": "NVIDIA L40S, 580.65"}]
)
def test_timings_are_of_one_library_version_and_machine(other: dict[str, object]) -> None:
    built("conv")
    assert built("conv", **other) == ["conv"]  # type: ignore[arg-type]
    assert built("conv") == []


def test_builders_at_the_same_time_lose_nothing_of_each_other(tmp_path: Path, cache: Path) -> None:
    names = ["a", "b", "c"]
    builders = [subprocess.Popen([sys.executable, "-c", BUILDER, str(tmp_path / name)], cwd=ROOT) for name in names]
    try:
        deadline = time.monotonic() + 60
        while not all((tmp_path / name).exists() for name in names):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        (tmp_path / "go").touch()  # all have read an empty cache, and write now
        ended = [one.wait(60) for one in builders]
    assert ended == [0, 0, 0]
    assert built(*names, machine="GPU", library=LIBRARY) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "' was damaged, and all kernels are timed again"),
        (b"unreadable", "' cannot be read by this TensorRT, and all kernels are timed again"),
        (b"refused", "' is refused by TensorRT 11.3.0, and all kernels are timed again"),
    ],
)
def test_timings_that_are_of_no_use_are_told_and_replaced(cache: Path, content: bytes | None, told: str) -> None:
    built("conv")
    (path,) = cache.glob("*.timings")
    framed = b"00\nconv" if content is None else hashlib.sha256(content).hexdigest().encode() + b"\n" + content
    path.write_bytes(framed)
    seen: list[Event] = []
    assert built("conv", seen=seen) == ["conv"]
    assert isinstance(seen[0], Note)
    assert seen[0].text == f"'{path}{told}"


def test_timings_that_no_library_can_use_do_not_come_back(cache: Path) -> None:
    built("conv")
    (path,) = cache.glob("*.timings")
    path.write_bytes(hashlib.sha256(b"refused").hexdigest().encode() + b"\nrefused")
    built("conv")
    seen: list[Event] = []
    assert built("conv", seen=seen) == []
    assert seen == []


def test_a_cache_that_cannot_be_written_only_costs_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    seen: list[Event] = []
    assert built("conv", seen=seen) == ["conv"]
    (note,) = seen
    assert isinstance(note, Note)
    assert note.text.startswith("timings are not kept for the next time: ")


def test_a_build_that_fails_leaves_no_timings(cache: Path) -> None:
    with pytest.raises(ValueError, match="out of memory"), kept_timings(FakeConfig(), LIBRARY, MACHINE):
        raise ValueError("out of memory")
    assert list(cache.glob("*")) == []


def test_the_calls_are_those_of_the_library(tmp_path: Path, cache: Path) -> None:
    """TensorRT-RTX has the same interface as TensorRT, to which it does nothing, and says so."""
    library = pytest.importorskip("tensorrt_rtx")
    spec = write_onnx(tmp_path / "g.onnx")
    for _ in range(2):
        path = tmp_path / "typed.onnx"
        shutil.copyfile(tmp_path / "g.onnx", path)
        entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=spec)
        with pytest.warns(DeprecationWarning, match="no-ops in TensorRT-RTX"):
            compiled = compile_engine(library, "TensorRT-RTX", path, entry, machine="GPU")
        assert (tmp_path / compiled.file).stat().st_size > 1000
        for engine in cache.parent.glob("engines/*.engine"):
            engine.unlink()  # to be compiled again, with the timings of the first
    assert len(list(cache.glob("*.timings"))) == 1


def test_tensorrt_rtx_is_asked_for_no_timings(tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    spec = write_onnx(tmp_path / "g.onnx")
    entry = GraphFile(file="g.onnx", format="onnx", precision="fp32", spec=spec)
    TARGETS.load("tensorrt-rtx").compile(tmp_path / "g.onnx", entry, Plan(target="tensorrt-rtx"))
    assert list(cache.parent.iterdir()) == [cache.parent / "engines"]
