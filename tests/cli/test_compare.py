import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from PIL import Image

from tests.cli.test_app import gantools
from tests.enhance.clips import Clip, write

LONG = Clip(codec="ffv1", pixels="yuv444p", base=Fraction(1, 1000), times=range(0, 1000, 40))


def test_a_table_a_document_and_a_picture(tmp_path: Path) -> None:
    reference, made, curves = tmp_path / "reference.mkv", tmp_path / "made.mkv", tmp_path / "curves.png"
    write(reference, LONG)
    write(made, replace(LONG, codec="libx264", times=LONG.times[:-1], options={"crf": "35"}))
    done = gantools("compare", reference, made, "--metrics", "psnr,tof", "--crop", "2", "--out", curves)
    assert done.returncode == 0, done.stderr
    assert "psnr-y-bt601-crop2" in done.stdout
    assert "tof-farneback-crop2" in done.stdout
    assert "'reference.mkv' has 25 frames and 'made.mkv' has 24: the first 24 of each are compared" in done.stderr
    assert f"24 frames of 64x48 pixels; {curves}" in done.stderr
    with Image.open(curves) as drawn:
        assert drawn.size == (720, 400)
    document = json.loads(gantools("compare", reference, made, "--json").stdout)
    assert document["frames_of"] == [25, 24]
    psnr = document["curves"][0]
    assert psnr["low"] < psnr["mean"] < psnr["high"]
    assert psnr["values"][psnr["worst"]] == min(psnr["values"])


def test_what_cannot_be_compared_has_its_exit_code(tmp_path: Path) -> None:
    clip, small = tmp_path / "clip.mkv", tmp_path / "small.mkv"
    write(clip, replace(LONG, times=(0,)))
    write(small, replace(LONG, times=(0,), size=(32, 24)))
    for arguments, code, sentence in (
        ((clip, small), 1, "sizes differ: 'clip.mkv' has 64x48 and 'small.mkv' has 32x24 pixels"),
        ((clip, clip, "--out", tmp_path / "curves.html"), 2, "no picture file is called 'curves.html'"),
    ):
        done = gantools("compare", *arguments)
        assert done.returncode == code
        assert sentence in done.stderr


def test_without_opencv_the_install_command_is_named(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mkv"
    write(clip, replace(LONG, times=(0, 40)))
    script = (
        "import sys; sys.modules['cv2'] = None\n"
        f"sys.argv = ['gantools', 'compare', {str(clip)!r}, {str(clip)!r}, '--metrics', 'flicker']\n"
        "from gantools.cli.app import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "'cv2' is needed to see how pictures move, and is not installed." in done.stderr
    assert "pip install 'gantools[video-metrics]'" in done.stderr
