"""Samples on a cluster of two workers: the same files as of one process, whatever happens on the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from gantools.core.artifact import load_artifact
from gantools.core.errors import ArtifactError, BackendError
from gantools.core.events import Event, Note, Progress
from gantools.runtime.session import Where
from gantools.scale import samples
from gantools.scale.cluster import Needs, joined
from gantools.scale.plan import Rows
from gantools.scale.samples import Order, Piece, make, order_of, sample
from tests.cli.test_app import gantools
from tests.zoo import make_artifact

SEEDS = Rows(range(70))
FOUR = Rows(range(4))
TRIED = "tried"
COMMAND = [str(Path(sys.executable).parent / "gantools"), "sample"]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def alone(art: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes."""
    folder = tmp_path_factory.mktemp("alone") / "out"
    done = gantools("sample", art, "--seeds", "0-69", "--set", "truncation=0.5", "--batch", "4", "--out", folder)
    assert done.returncode == 0, done.stderr
    assert len(content(folder)) == 70
    return content(folder)


def order_to(art: Path, out: Path) -> Order:
    return order_of(load_artifact(art), out, batch=4, settings={"truncation": 0.5})


def dies_once(piece: Piece) -> int:
    """The first try of the second piece is killed between two files, and leaves one that is half written."""
    tried = piece.order.out.parent / TRIED
    if piece.rows[0][0] == 8 and not tried.exists():
        make(Piece(piece.order, piece.rows[:4]))
        (piece.order.out / ".12.png.x.partial").write_bytes(b"half")
        tried.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return make(piece)


def dies(piece: Piece) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def writes_elsewhere(piece: Piece) -> int:
    return len(piece.rows)


def divides(by: int) -> int:
    return 1 // by


def misses(_: int) -> int:
    raise ModuleNotFoundError("No module named 'gantools'", name="gantools")


def test_files_are_those_of_one_process_and_another_run_makes_none(
    two_workers: str, art: Path, alone: dict[str, bytes], tmp_path: Path
) -> None:
    order, seen = order_to(art, tmp_path / "out"), list[Event]()
    report = sample(order, SEEDS, two_workers, piece=7, on_event=seen.append)
    assert content(tmp_path / "out") == alone
    assert (report.count, report.made, report.pieces) == (70, 70, 9)
    assert seen[0] == Note("9 pieces, 2 side by side")
    steps = [event for event in seen if isinstance(event, Progress)]
    assert len(steps) == 9
    assert (steps[-1].done, steps[-1].total, steps[-1].unit) == (70, 70, "samples")

    (tmp_path / "out/33.png").unlink()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert sample(order, SEEDS, two_workers, piece=32).made == 1, "another cut is the same work"
    assert content(tmp_path / "out") == alone
    assert sample(order, SEEDS, two_workers).made == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    two_workers: str, art: Path, alone: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "make", dies_once)
    report = sample(order_to(art, tmp_path / "out"), SEEDS, two_workers, piece=8)
    assert (tmp_path / TRIED).exists()
    assert content(tmp_path / "out") == alone
    assert report.made == 66, "the four that the killed worker had finished were not made twice"


def test_files_of_another_origin_are_made_anew(
    two_workers: str, art: Path, alone: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "1.png").write_bytes(b"no picture")
    Image.new("L", (4, 4)).save(out / "2.png")
    other = order_of(load_artifact(art), out, batch=4)  # another truncation
    assert make(Piece(other, SEEDS.part(4, 8))) == 4
    assert sample(order_to(art, out), SEEDS, two_workers).made == 70
    assert content(out) == alone


def test_a_piece_that_kills_every_worker_is_one_sentence(
    two_workers: str, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "make", dies)
    with pytest.raises(BackendError, match="the worker died in each of 4 tries"):
        sample(order_to(art, tmp_path / "out"), FOUR, two_workers)
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_that_changes_meanwhile_is_refused_by_the_workers(two_workers: str, tmp_path: Path) -> None:
    first = make_artifact(tmp_path / "art")
    order = order_of(first, tmp_path / "out")
    shutil.rmtree(tmp_path / "art")
    with pytest.raises(ArtifactError, match=r"art' does not exist \(on '"):
        sample(order, FOUR, two_workers)
    make_artifact(tmp_path / "art", "resize")
    with pytest.raises(ArtifactError, match=r"has digest .*, and this run began with") as caught:
        sample(order, FOUR, two_workers)
    assert "put it where all machines see the same" in str(caught.value.hint)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_workers_do_not_see_is_one_sentence(art: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="out' does not exist on '") as caught:
        make(Piece(order_to(art, tmp_path / "out"), FOUR.part(0, 4)))
    assert "all machines share" in str(caught.value.hint)
    assert not (tmp_path / "out").exists()


def test_files_that_workers_wrote_elsewhere_are_missed(
    two_workers: str, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "make", writes_elsewhere)
    with pytest.raises(ArtifactError, match=r"a worker has written '.*3\.png', which is not there on '"):
        sample(order_to(art, tmp_path / "out"), FOUR, two_workers)


def test_a_task_that_nobody_has_room_for_is_refused(two_workers: str, art: Path, tmp_path: Path) -> None:
    order = order_of(load_artifact(art), tmp_path / "out", where=Where(threads=64))
    with pytest.raises(BackendError, match="the cluster does not have 64 CPUs for a task"):
        sample(order, FOUR, two_workers)
    assert str(Needs(2, 1)) == "2 CPUs and a GPU"


def test_an_error_that_is_a_bug_stays_one(two_workers: str) -> None:
    with joined(two_workers) as cluster, pytest.raises(ZeroDivisionError):
        list(cluster.run(divides, [0], Needs()))


def test_a_worker_without_gantools_is_one_sentence(two_workers: str) -> None:
    with joined(two_workers) as cluster, pytest.raises(BackendError, match="a worker cannot load gantools: No module"):
        list(cluster.run(misses, [0], Needs()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "a.npy"], "--ray writes one PNG for each seed, got --out 'a.npy'."),
        ([], "--ray writes one PNG for each seed, got --out ''."),
        (["--out", "a", "--device", "cuda:1"], "--ray gives each task a GPU of its own, got --device cuda:1."),
        (["--out", "a", "--columns", "3"], "--columns does not go with --ray or --dry-run."),
    ],
)
def test_what_a_cluster_cannot_do_is_a_usage_error(
    art: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = gantools("sample", art, *arguments, "--ray", "local", cwd=tmp_path)
    assert done.returncode == 2
    assert f"error: {message}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_command_joins_a_cluster_and_prints_json_alone(address: str, art: Path, tmp_path: Path) -> None:
    """Each class of each seed."""
    arguments = ["sample", str(art), "--seeds", "3,5-9", "--label", "each"]
    assert gantools(*arguments, "--out", tmp_path / "alone").returncode == 0
    done = gantools(*arguments, "--out", tmp_path / "many", "--ray", address, "--piece", "8", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["count"], told["made"], told["pieces"]) == (18, 18, 3)
    assert content(tmp_path / "many") == content(tmp_path / "alone")
    assert done.stderr == "3 pieces, 2 side by side\n"


def test_workers_that_are_killed_are_not_seen_on_stdout_nor_in_the_outcome(
    address: str, art: Path, tmp_path: Path
) -> None:
    seeds = ["--seeds", "0-599", "--batch", "4"]
    assert gantools("sample", art, *seeds, "--out", tmp_path / "alone").returncode == 0
    line = [*COMMAND, str(art), *seeds, "--out", str(tmp_path / "out"), "--ray", address, "--piece", "16", "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        while not (tmp_path / "out/40.png").exists():
            assert running.poll() is None
            time.sleep(0.02)
        killed = [one for one in psutil.Process().children(recursive=True) if one.name().startswith("ray::make")]
        for worker in killed:
            worker.kill()
        output, messages = running.communicate(timeout=60)
    assert running.returncode == 0, messages
    assert killed
    assert json.loads(output)["count"] == 600
    assert content(tmp_path / "out") == content(tmp_path / "alone")


def test_what_was_finished_before_ctrl_c_stays_and_the_same_command_goes_on(
    address: str, art: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = [*COMMAND, str(art), "--seeds", "0-99999", "--out", str(out)]
    with subprocess.Popen([*line, "--ray", address, "--piece", "16"], stderr=subprocess.PIPE, text=True) as running:
        while not (out / "99.png").exists():
            assert running.poll() is None
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, messages = running.communicate(timeout=30)
    assert running.returncode == 130
    assert messages.splitlines()[-1] == "stopped. What is finished stays: the same command goes on from there."
    before = content(out)
    assert 100 <= len(before) < 100_000
    done = gantools("sample", art, "--seeds", "0-119", "--out", out, "--ray", address)
    assert done.returncode == 0, done.stderr
    assert re.search(r": 120 samples, \d+ of them were there; 1 pieces in ", done.stderr)
    assert {name: one for name, one in content(out).items() if name in before} == before
