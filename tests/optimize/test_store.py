"""The store of engines: one compilation for any number of builders, never half an engine, never a damaged one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gantools.core.events import Event, Note
from gantools.optimize.targets.store import compiled_once

FACTS = {"graph": "ab" * 32, "precision": "fp16"}
BUILDER = """
import sys, time
from pathlib import Path
from gantools.optimize.targets.store import compiled_once

def compile_it():
    with Path(sys.argv[1]).open("a") as log:
        log.write("compiled\\n")
    time.sleep(float(sys.argv[2]))
    return b"engine"

assert compiled_once({"graph": "ab" * 32, "precision": "fp16"}, compile_it) == b"engine"
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/gantools/engines"


def builder(log: Path, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", BUILDER, str(log), str(seconds)])


def wait_for(log: Path) -> None:
    deadline = time.monotonic() + 30
    while not log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def never() -> bytes:
    raise AssertionError("it is there already")


def test_an_engine_is_compiled_once_and_then_found(cache: Path) -> None:
    assert compiled_once(FACTS, lambda: b"engine") == b"engine"
    assert compiled_once(FACTS, never) == b"engine"
    assert compiled_once(FACTS | {"precision": "fp32"}, lambda: b"other") == b"other"
    assert len(list(cache.glob("*.engine"))) == 2


def test_of_builders_at_the_same_time_one_compiles(tmp_path: Path) -> None:
    log = tmp_path / "log"
    builders = [builder(log, 0.5) for _ in range(3)]
    assert [one.wait(60) for one in builders] == [0, 0, 0]
    assert log.read_text() == "compiled\n"


def test_a_builder_that_is_killed_leaves_no_lock_and_no_half_engine(tmp_path: Path, cache: Path) -> None:
    log = tmp_path / "log"
    first = builder(log, 60)
    wait_for(log)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait(30) == -signal.SIGKILL
    (path,) = cache.glob("*.lock")
    half = cache / f".{path.with_suffix('.engine').name}.x1.partial"
    half.write_bytes(b"eng")  # as if it had been killed while writing
    assert list(cache.glob("*.engine")) == []
    assert compiled_once(FACTS, lambda: b"whole") == b"whole"
    assert not half.exists()
    assert compiled_once(FACTS, never) == b"whole"


@pytest.mark.parametrize("damage", [b"", b"engine", b"00\nengine"])
def test_a_damaged_engine_is_told_and_compiled_again(cache: Path, damage: bytes) -> None:
    compiled_once(FACTS, lambda: b"engine")
    (path,) = cache.glob("*.engine")
    path.write_bytes(damage)
    seen: list[Event] = []
    assert compiled_once(FACTS, lambda: b"again", seen.append) == b"again"
    (note,) = seen
    assert isinstance(note, Note)
    assert note.text == f"'{path}' was damaged, and its engine is compiled again"
    assert compiled_once(FACTS, never) == b"again"


def test_what_was_used_least_recently_makes_room(cache: Path) -> None:
    for number in range(3):
        compiled_once({"number": number}, lambda: b"x" * 1000, bound=2500)
        for age, path in enumerate(sorted(cache.glob("*.engine"), key=lambda path: path.stat().st_mtime)):
            os.utime(path, (1000 + age, 1000 + age))
    assert len(list(cache.glob("*.engine"))) == 2
    assert compiled_once({"number": 2}, never) == b"x" * 1000
    assert compiled_once({"number": 0}, lambda: b"new") == b"new"


def test_a_store_that_cannot_be_written_only_costs_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    seen: list[Event] = []
    assert compiled_once(FACTS, lambda: b"engine", seen.append) == b"engine"
    (note,) = seen
    assert isinstance(note, Note)
    assert note.text.startswith("the engine is not kept for the next time: ")


def test_an_engine_of_tensorrt_is_kept_and_found_again(tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    from gantools.optimize.optimize import optimize
    from gantools.optimize.plan import Plan
    from tests.zoo import make_artifact

    parent = make_artifact(tmp_path / "art")
    plan = Plan(target="tensorrt-rtx", precision="fp16")
    first = optimize(parent, plan, tmp_path / "first")
    kept = {path: path.stat().st_mtime_ns for path in cache.glob("*.engine")}
    assert len(kept) == 2  # uint8 and float
    second = optimize(parent, plan, tmp_path / "second")
    assert second.digest == first.digest
    assert set(cache.glob("*.engine")) == set(kept)
