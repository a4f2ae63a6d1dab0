"""Films and pictures of a folder on a cluster of two workers: the files that one process makes, one by one."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantools.cli.enhance import command
from gantools.core.artifact import Artifact
from gantools.core.errors import ArtifactError, DataError, RecipeError
from gantools.core.events import Event, Note, Progress
from gantools.enhance import Options, enhance
from gantools.media.video.pieces import PieceWriter
from gantools.runtime.session import Where
from gantools.scale import films
from gantools.scale.films import File, enhance_all, make
from tests.cli.test_app import gantools
from tests.enhance.clips import Clip, write
from tests.enhance.networks import make_image_to_image
from tests.zoo import make_artifact

OPTIONS = Options(batch=2, tile=0, piece=4)
TRIED, MADE = "tried", "made"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_image_to_image(tmp_path_factory.mktemp("networks") / "colour")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films, and pictures, one of them deeper down."""
    folder = tmp_path_factory.mktemp("films")
    for name, count in (("a.mp4", 12), ("b.mov", 6)):
        write(folder / name, Clip(times=tuple(512 * n for n in range(count))))
    (folder / "deep").mkdir()
    for seed, name in enumerate(("c.png", "deep/c.png")):
        pixels = np.random.default_rng(seed).integers(0, 256, (40, 48, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    (folder / "notes.txt").write_text("no film")
    return folder


@pytest.fixture(scope="module")
def alone(net: Artifact, source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "deep").mkdir()
    for name in ("a.mp4", "b.mov", "c.png", "deep/c.png"):
        enhance(net.path, source / name, folder / name, OPTIONS, threads=1)
    return content(folder)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def dies_once(file: File) -> None:
    """The first try of the first film is killed when two of its three pieces are finished."""
    beside = file.source.parent / TRIED
    if file.source.name != "a.mp4":
        make(file)
        return
    pieces = file.out.parent / f".{file.out.name}.pieces"
    if not beside.exists():
        beside.touch()
        begin = PieceWriter.__init__

        def begin_or_die(writer: PieceWriter, path: Path, headers: bytes) -> None:
            if path.name.startswith("000002"):
                os.kill(os.getpid(), signal.SIGKILL)
            begin(writer, path, headers)

        PieceWriter.__init__ = begin_or_die  # type: ignore[method-assign, assignment]
    before = {path.name: path.stat().st_mtime_ns for path in pieces.glob("00000[01].*")}
    (file.source.parent / MADE).write_text(json.dumps(before))
    make(file)


def test_a_film_whose_worker_is_killed_is_gone_on_with_and_all_files_are_those_of_one_process(
    two_workers: str,
    net: Artifact,
    source: Path,
    alone: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(source, tmp_path / "in")
    monkeypatch.setattr(films, "make", dies_once)
    seen: list[Event] = []
    report = enhance_all(
        net, tmp_path / "in", tmp_path / "out", OPTIONS, two_workers, where=Where(threads=1), on_event=seen.append
    )
    assert (tmp_path / "in" / TRIED).exists()
    assert len(json.loads((tmp_path / "in" / MADE).read_text())) >= 1, (
        "the second try found what the first had finished"
    )
    assert content(tmp_path / "out") == alone
    assert (report.files, report.made) == (4, 4)
    notes = [event.text for event in seen if isinstance(event, Note)]
    assert "no films and no pictures, and are left out" in notes[0]
    assert notes[1] == "4 of 4 files, 2 side by side"
    assert [event.done for event in seen if isinstance(event, Progress)] == [1, 2, 3, 4]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_file_that_cannot_be_made_keeps_no_other_and_another_run_makes_the_rest(
    two_workers: str, net: Artifact, source: Path, alone: dict[str, bytes], tmp_path: Path
) -> None:
    shutil.copytree(source, tmp_path / "in")
    (tmp_path / "in/b.mov").write_bytes(b"no film")
    with pytest.raises(DataError, match=r"1 of 4 files could not be made:\n  'b.mov': ") as caught:
        enhance_all(net, tmp_path / "in", tmp_path / "out", OPTIONS, two_workers)
    assert "the others are finished and kept" in str(caught.value.hint)
    assert not (tmp_path / "out").exists()
    shutil.copy(source / "b.mov", tmp_path / "in/b.mov")
    assert enhance_all(net, tmp_path / "in", tmp_path / "out", OPTIONS, two_workers).made == 1
    assert content(tmp_path / "out") == alone
    with pytest.raises(ArtifactError, match="exists and is not empty"):
        enhance_all(net, tmp_path / "in", tmp_path / "out", OPTIONS, two_workers)


def test_a_reason_that_all_files_share_is_said_once(two_workers: str, source: Path, tmp_path: Path) -> None:
    of_seeds = make_artifact(tmp_path / "art")
    with pytest.raises(ArtifactError, match="makes images of seeds, not of images") as caught:
        enhance_all(of_seeds, source, tmp_path / "out", OPTIONS, two_workers)
    assert "could not be made" not in caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["art"]


def test_a_folder_without_films_is_one_sentence(net: Artifact, source: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(source / "notes.txt", tmp_path / "in")
    done = gantools("enhance", net.path, tmp_path / "in", tmp_path / "out", "--ray", "local")
    assert done.returncode == 1
    assert "holds no films and no pictures: 1 files, and none ends in .png, " in done.stderr
    done = gantools("enhance", net.path, source / "a.mp4", tmp_path / "out", "--ray", "local")
    assert done.returncode == 1
    assert "a.mp4' is not a folder." in done.stderr


def test_a_gpu_by_its_number_is_refused(net: Artifact, source: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"--ray gives each task a GPU of its own, got --device cuda:1\."):
        command(net.path, source, tmp_path / "out", ray="local", device="cuda:1")


def test_the_command_prints_json_alone(address: str, net: Artifact, source: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(source / "c.png", tmp_path / "in")
    done = gantools("enhance", net.path, tmp_path / "in", tmp_path / "out", "--ray", address, "--json")
    assert done.returncode == 0, done.stderr
    assert {**json.loads(done.stdout), "seconds": 0} == {
        "out": str(tmp_path / "out"),
        "files": 1,
        "made": 1,
        "seconds": 0,
    }
    assert (tmp_path / "out/c.png").is_file()
