"""A run that is cut off, by whatever, and the one that goes on with it."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gantools.core.errors import ArtifactError, RecipeError
from gantools.core.events import Event, Progress
from gantools.enhance import Options, enhance
from gantools.media.video.pieces import PieceWriter, packets_of
from tests.enhance.facts import differences, facts_of
from tests.enhance.networks import make_image_to_image

QUICK = Options(batch=2, tile=0, piece=6, crf=20)
KILLED = """
import os, signal, sys
from gantools.core.events import Progress
from gantools.enhance import Options, enhance
def watch(event):
    if isinstance(event, Progress) and event.done >= 14:
        os.kill(os.getpid(), signal.SIGKILL)
enhance(*sys.argv[1:], Options(batch=2, tile=0, piece=6, crf=20), on_event=watch)
"""


def pictures(path: Path) -> list[tuple[int, np.ndarray]]:
    """Time and luma of every frame."""
    container: Any
    with av.open(str(path)) as container:
        return [(frame.pts, frame.to_ndarray()) for frame in container.decode(video=0)]


def assert_same_pictures(one: Path, other: Path) -> None:
    first, second = pictures(one), pictures(other)
    assert [time for time, _ in first] == [time for time, _ in second]
    assert len(first) == 20
    for (_, ours), (_, theirs) in zip(first, second, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_killed_run_goes_on_to_the_same_file(art: Path, clip: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    enhance(art, clip, whole, QUICK)
    command = [sys.executable, "-c", KILLED, str(art), str(clip), str(out)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == -9
    folder = tmp_path / ".out.mp4.pieces"
    assert sorted(path.name for path in folder.glob("*.piece")) == ["000000.piece", "000001.piece"]
    assert not out.exists()
    report = enhance(art, clip, out, replace(QUICK, resume=True))
    assert (report.count, report.computed) == (20, 8)
    assert_same_pictures(out, whole)
    assert differences(facts_of(clip), facts_of(out)) == {}
    assert not folder.exists()


def stopped(art: Path, clip: Path, out: Path) -> None:
    def watch(event: Event) -> None:
        if isinstance(event, Progress) and event.done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        enhance(art, clip, out, QUICK, on_event=watch)
    assert not out.exists()


def test_ctrl_c_keeps_what_is_finished_and_nothing_half(art: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    stopped(art, clip, out)
    folder = tmp_path / ".out.mp4.pieces"
    assert sorted(path.name for path in folder.iterdir()) == ["000000.piece", "state.json"]
    assert enhance(art, clip, out, replace(QUICK, resume=True)).computed == 14


def test_what_is_finished_is_not_thrown_away_unasked(art: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    stopped(art, clip, out)
    with pytest.raises(RecipeError, match=r"holds what an earlier run to .* has finished") as caught:
        enhance(art, clip, out, QUICK)
    assert caught.value.hint is not None
    assert "--resume" in caught.value.hint


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"crf": 30}, "encoding"),
        ({"piece": 8}, "piece length"),
        ({"tile": 32}, "tile"),
        ({"codec": "hevc"}, "encoding"),
        ({"dropped": ("audio",)}, "dropped streams"),
        ({"self_ensemble": True}, "self-ensemble"),
    ],
)
def test_a_run_of_other_choices_does_not_go_on(
    art: Path, clip: Path, tmp_path: Path, changed: dict[str, Any], what: str
) -> None:
    out = tmp_path / "out.mp4"
    stopped(art, clip, out)
    with pytest.raises(RecipeError, match=f"the earlier run to .* had another {what}"):
        enhance(art, clip, out, replace(QUICK, resume=True, **changed))
    assert enhance(art, clip, out, replace(QUICK, resume=True)).count == 20


def test_another_network_or_video_does_not_go_on(art: Path, clip: Path, tmp_path: Path) -> None:
    out, own = tmp_path / "out.mp4", tmp_path / "own.mp4"
    own.write_bytes(clip.read_bytes())
    stopped(art, own, out)
    other = make_image_to_image(tmp_path / "art", net=lambda: _other()).path
    with pytest.raises(RecipeError, match="had another artifact"):
        enhance(other, own, out, replace(QUICK, resume=True))
    own.write_bytes(clip.read_bytes())
    with pytest.raises(RecipeError, match="had another input"):
        enhance(art, own, out, replace(QUICK, resume=True))


def _other() -> Any:
    from tests.enhance.networks import conv, enlarger

    net = enlarger()
    conv(net, (3, 3))
    return net


def test_the_length_of_a_piece_changes_nothing_that_is_counted(art: Path, clip: Path, tmp_path: Path) -> None:
    for piece in (1, 7, 100):
        out = tmp_path / f"{piece}.mp4"
        enhance(art, clip, out, Options(batch=1, tile=0, piece=piece))
        assert differences(facts_of(clip), facts_of(out)) == {}


def test_pieces_of_another_encoder_are_not_joined(art: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    stopped(art, clip, out)
    piece = tmp_path / ".out.mp4.pieces/000000.piece"
    writer = PieceWriter(piece.with_name("other.piece"), b"other headers")
    for packet in packets_of(piece):
        writer.add(packet)
    writer.finish()
    piece.with_name("other.piece").replace(piece)
    with pytest.raises(ArtifactError, match="the finished pieces are of another version of the encoder"):
        enhance(art, clip, out, replace(QUICK, resume=True))
    assert not out.exists()
