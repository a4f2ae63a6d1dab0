import os
import re
import socket
import sys
from pathlib import Path

import pytest

from gantools.core.errors import MissingDependencyError
from gantools.timing import environment as room
from gantools.timing.environment import Environment, LoadWatch, default_threads, environment, usable_cpus

Reading = tuple[float | None, float, float, float, float]


def watched(monkeypatch: pytest.MonkeyPatch, before: Reading, after: Reading) -> room.Load:
    readings = iter((before, after))
    monkeypatch.setattr(LoadWatch, "_read", lambda self: next(readings))
    return LoadWatch().stop()


def test_the_machine_is_described_without_saying_whose_it_is() -> None:
    found = environment()
    assert found.cores_physical >= 1
    assert found.cores_logical >= found.cores_physical
    assert found.memory_bytes > 2**28
    assert set(found.affinity) <= set(range(4096))
    assert found.libraries["numpy"]
    text = found.model_dump_json()
    assert str(Path.home()) not in text
    assert f'"{socket.gethostname()}"' not in text
    assert Environment.model_validate_json(text) == found


def test_the_summary_is_text_for_every_part() -> None:
    summary = environment().summary()
    assert {"CPU", "Instruction sets", "Memory", "Libraries", "GPU"} <= set(summary)
    assert all(summary.values())


def test_threads_default_to_cores_this_process_may_use() -> None:
    assert 1 <= default_threads() <= len(usable_cpus())
    if hasattr(os, "sched_getaffinity"):
        assert set(usable_cpus()) == os.sched_getaffinity(0)


def test_load_of_others_is_a_share_and_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 CPU seconds: 60 busy, 40 of them this process, 3 stolen."""
    load = watched(monkeypatch, (0.5, 1000.0, 200.0, 1.0, 10.0), (1.5, 1100.0, 260.0, 4.0, 50.0))
    assert load.other_share == pytest.approx(0.20)
    assert load.steal_share == pytest.approx(0.03)
    assert load.load_average == (0.5, 1.5)
    assert len(load.warnings) == 2
    assert "other processes used 20%" in load.warnings[0]
    assert "hypervisor gave 3%" in load.warnings[1]


def test_a_quiet_machine_gives_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    load = watched(monkeypatch, (0.0, 1000.0, 200.0, 1.0, 10.0), (1.0, 1100.0, 262.0, 1.0, 72.0))
    assert (load.other_share, load.warnings) == (0.0, ())


def test_what_this_process_does_is_not_other_load() -> None:
    watch = LoadWatch()
    own = watch._own_seconds()
    while watch._own_seconds() - own < 0.2:
        sum(range(10_000))
    load = watch.stop()
    assert 0 <= load.other_share <= 1
    assert load.elapsed_seconds > 0.1


def test_a_package_outside_a_checkout_has_no_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?", room._git_commit() or "0" * 12)
    monkeypatch.setattr(room, "PACKAGE", tmp_path)
    assert room._git_commit() is None


def test_measuring_needs_psutil_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(MissingDependencyError, match="'psutil' is needed to count cores"):
        environment()
