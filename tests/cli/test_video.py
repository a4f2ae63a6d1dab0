import json
from pathlib import Path

from tests.cli.test_app import gantools
from tests.enhance.clips import Clip, write
from tests.enhance.facts import facts_of
from tests.enhance.networks import make_image_to_image


def test_a_video_is_sent_small_and_comes_back(tmp_path: Path) -> None:
    art = make_image_to_image(tmp_path / "art").path
    clip, small, back = (tmp_path / name for name in ("clip.mp4", "small.mp4", "back.mkv"))
    write(clip, Clip(sounds=(("aac", "eng"),), options={"crf": "1"}))
    done = gantools("video", "compress", clip, small, "--codec", "libx264", "--crf", "35", "--preset", "fast")
    assert done.returncode == 0, done.stderr
    assert f"{small}: 12 frames of 32x24 for 64x48; " in done.stderr
    assert " kB of " in done.stderr
    assert "libx264 yuv420p, crf 35, preset fast; copied: audio aac (eng)" in done.stderr
    done = gantools("video", "restore", art, small, back, "--tile", "0", "--batch", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["count"] == 12
    assert facts_of(back).size == (64, 48)
    done = gantools("video", "restore", art, clip, back)
    assert done.returncode == 1
    assert "does not say which size it had" in done.stderr
    assert "hint: 'gantools enhance' enlarges any video" in done.stderr
