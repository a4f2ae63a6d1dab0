"""Where videos say they come from."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from gantools.enhance import Options, compress, enhance
from gantools.media.provenance import EDITED, GENERATED, TOOL, packet
from gantools.media.video.mark import add_packet, mark_of_video, packet_of
from gantools.samplers import open_artifact
from tests.enhance.clips import Clip, write
from tests.enhance.networks import make_image_to_image

QUICK = Options(batch=2, tile=0)
CLIP = Clip(times=(0, 512, 1024))


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_image_to_image(tmp_path_factory.mktemp("networks") / "colour").path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_video_says_which_artifact_made_it_and_the_next_what_it_is_made_of(
    suffix: str, art: Path, tmp_path: Path
) -> None:
    source, first, second = tmp_path / "in.mp4", tmp_path / f"a{suffix}", tmp_path / "b.mp4"
    write(source, CLIP)
    assert not mark_of_video(source)
    enhance(art, source, first, QUICK)
    found = mark_of_video(first)
    with open_artifact(art) as generator:
        facts = {key.partition(".")[2]: text for key, text in generator.origin.items()}
    assert (found.source_type, found.tool, found.facts) == (EDITED, TOOL, facts)
    enhance(art, first, second, QUICK)
    assert mark_of_video(second).facts == {**facts, "made_of": str(found)}
    enhance(art, first, tmp_path / "c.mp4", QUICK)
    assert (tmp_path / "c.mp4").read_bytes() == second.read_bytes()


def test_what_was_generated_stays_so_and_compressing_keeps_the_mark(art: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    write(source, CLIP)
    add_packet(source, packet({"gantools.seeds": "7"}))
    compress(source, tmp_path / "small.mp4", codec="h264", scale=1)
    assert packet_of(tmp_path / "small.mp4") == packet_of(source) == packet({"gantools.seeds": "7"})
    for suffix in (".mp4", ".mkv"):
        enhance(art, source, tmp_path / f"out{suffix}", QUICK)
        found = mark_of_video(tmp_path / f"out{suffix}")
        assert (found.source_type, found.facts["made_of"]) == (GENERATED, "seeds 7")


def test_a_container_without_a_place_for_it_has_none(art: Path, tmp_path: Path) -> None:
    write(tmp_path / "in.mp4", CLIP)
    enhance(art, tmp_path / "in.mp4", tmp_path / "out.avi", QUICK)
    assert not mark_of_video(tmp_path / "out.avi")


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\0\1uuid", b"\0\0\0\4ftyp", b"\0\0\0\x10ftypisom\0\0\0\0\xff\xff\xff\xffuuid"]
)
def test_boxes_that_end_nowhere_are_no_xmp(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    assert packet_of(tmp_path / "a.mp4") is None


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_exiftool_reads_the_same(suffix: str, art: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / f"out{suffix}"
    write(source, CLIP)
    enhance(art, source, out, QUICK)
    done = subprocess.run(["exiftool", "-j", "-n", "-G1", str(out)], capture_output=True, text=True, check=True)
    (read,) = json.loads(done.stdout)
    assert read["XMP-iptcExt:DigitalSourceType"] == EDITED
    assert read["XMP-gantools:Artifact"] == mark_of_video(out).facts["artifact"]
