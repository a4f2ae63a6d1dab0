import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_app import gantools
from tests.enhance.clips import Clip, write
from tests.enhance.facts import facts_of
from tests.enhance.networks import make_image_to_image


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_image_to_image(tmp_path_factory.mktemp("networks") / "art").path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write(path, Clip(sounds=(("aac", "eng"),)))
    return path


def test_a_video_grows_and_says_how(art: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    done = gantools("enhance", art, clip, out, "--tile", "0", "--batch", "2", "--crf", "20", "--preset", "ultrafast")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert f"{out}: 12 frames, " in done.stderr
    assert "whole images, 2 at once; libx264 yuv420p 128x96; copied: audio aac (eng)" in done.stderr
    assert facts_of(out).size == (128, 96)
    done = gantools("enhance", art, clip, out, "--tile", "0", "--drop", "audio", "--json")
    report = json.loads(done.stdout)
    assert (report["count"], report["computed"], report["copied"], report["kind"]) == (12, 12, [], "video")
    assert report["fps"] > 0


def test_what_cannot_be_done_has_its_exit_code(art: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    for arguments, code, sentence in (
        ((art, tmp_path / "none.mp4", out), 1, "none.mp4' does not exist"),
        ((tmp_path / "none", clip, out), 1, "does not exist"),
        ((art, clip, tmp_path / "out.xyz"), 2, "its suffix names no container"),
        ((art, clip, out, "--codec", "lib264"), 2, "no video encoder is called 'lib264'; did you mean 'libx264'?"),
    ):
        done = gantools("enhance", *arguments)
        assert done.returncode == code
        assert sentence in done.stderr
        assert "hint: " in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_within_the_source_is_refused(art: Path, tmp_path: Path) -> None:
    for more in ((), ("--ray", "local")):
        done = gantools("enhance", art, tmp_path, tmp_path / "sub/out", *more)
        assert done.returncode == 2
        assert "lies in the source" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_options_of_videos_are_refused_for_pictures(art: Path, tmp_path: Path) -> None:
    for source, option in ((tmp_path, ("--codec", "av1")), (tmp_path / "a.png", ("--drop", "audio"))):
        done = gantools("enhance", art, source, tmp_path / "out.png", *option)
        assert done.returncode == 2
        assert f"{option[0]} does nothing without a video." in done.stderr


def test_without_pyav_the_install_command_is_named(art: Path, clip: Path, tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['av'] = None\n"
        f"sys.argv = ['gantools', 'enhance', {str(art)!r}, {str(clip)!r}, {str(tmp_path / 'out.mp4')!r}]\n"
        "from gantools.cli.app import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "'av' is needed to read videos, and is not installed." in done.stderr
    assert "pip install 'gantools[video]'" in done.stderr


def test_ctrl_c_names_the_command_that_goes_on(art: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "long.mp4", tmp_path / "out.mp4"
    write(path, Clip(times=tuple(512 * n for n in range(1500))))
    command = [Path(sys.executable).parent / "gantools", "enhance", art, path, out, "--tile", "0", "--piece", "2"]
    running = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    pieces = tmp_path / ".out.mp4.pieces"
    for _ in range(600):
        if list(pieces.glob("*.piece")):
            break
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert f"stopped. Go on with: gantools enhance {art} {path} {out} --tile 0 --piece 2 --resume" in said
    assert list(pieces.glob("*.piece"))
    assert not list(pieces.glob("*.partial"))
    assert not out.exists()
