"""Nothing of a video is lost but its size."""

import hashlib
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from gantools.core.events import Event, Note
from gantools.enhance import Options, enhance
from tests.enhance.clips import CLIPS, make
from tests.enhance.facts import differences, facts_of

QUICK = Options(batch=2, tile=0, piece=5)
# Clips of which something has to be said.
SAID = {
    "10 bits, HEVC": ["the network sees 8 bits of the 10 of"],
    "10 bits, BT.2020 PQ": ["the network sees 8 bits of the 10 of"],
    "cut off": ["and its pictures end after"],
    "scratched": ["says it has 24 frames, and 21 could be decoded", "could not be decoded", "as the decoder mended"],
}


def test_the_corpus_is_as_large_as_its_page_says() -> None:
    assert len(CLIPS) == 28
    assert set(SAID) <= set(CLIPS)


@pytest.mark.parametrize("name", CLIPS)
def test_everything_but_the_size_stays(name: str, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "1")  # the encoder of AV1 talks otherwise
    source = make(name, tmp_path)
    before = hashlib.sha256(source.read_bytes()).hexdigest()
    out = tmp_path / f"out{source.suffix}"
    events: list[Event] = []
    report = enhance(art, source, out, QUICK, on_event=events.append)
    expected, found = facts_of(source), facts_of(out)
    assert differences(expected, found) == {}
    assert report.count == report.computed == found.frames >= 1
    assert hashlib.sha256(source.read_bytes()).hexdigest() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, out.name])
    said = [event.text for event in events if isinstance(event, Note)]
    assert len(said) == len(SAID.get(name, []))
    assert all(sentence in text for sentence, text in zip(SAID.get(name, []), said, strict=True))


def test_a_difference_is_seen(art: Path, tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    one, other = (facts_of(make(name, tmp_path)) for name in ("plain", "uneven times"))
    assert {"times", "size"} <= set(differences(one, other))
    one, other = (facts_of(make(name, tmp_path)) for name in ("two sounds", "subtitles and a font"))
    assert {"packets", "samples", "streams"} <= set(differences(one, other))
    one, other = (facts_of(make(name, tmp_path)) for name in ("turned by 90 degrees", "10 bits, BT.2020 PQ"))
    assert {"turned", "bits", "colours"} <= set(differences(one, other))
    one, other = (facts_of(make(name, tmp_path)) for name in ("pixels not square", "chapters and titles"))
    assert {"aspect", "chapters", "tags"} <= set(differences(one, other))


def test_the_clips_are_what_they_are_called(tmp_path: Path) -> None:
    found = {name: facts_of(make(name, tmp_path)) for name in CLIPS}
    steps = {name: {b - a for a, b in pairwise(one.times)} for name, one in found.items()}
    assert len(steps["plain"]) == 1 < len(steps["uneven times"])
    assert found["late start"].times[0] > 0
    assert found["edit list that hides"].frames == 9
    assert found["odd size, VP9"].size == (63, 47)
    assert {name for name, one in found.items() if one.bits == 10} == {"10 bits, HEVC", "10 bits, BT.2020 PQ"}
    assert found["10 bits, BT.2020 PQ"].colours == (9, 1, 9, 16)
    assert found["BT.601"].colours[0] == 6
    assert found["BT.709, full range"].colours[:2] == (1, 2)
    assert found["pixels not square"].aspect == Fraction(16, 15)
    assert {name for name, one in found.items() if one.turned} == {"turned by 90 degrees", "turned by 180 degrees"}
    assert len(found["two sounds"].samples) == 2
    assert [language for *_, language, _ in found["two sounds"].streams[1:]] == ["eng", "fra"]
    kinds = {name: [kind for kind, *_ in one.streams] for name, one in found.items()}
    assert kinds["subtitles and a font"] == ["video", "subtitle", "attachment"]
    assert kinds["subtitles, MP4"] == ["video", "audio", "subtitle"]
    assert kinds["data and MPEG-2"] == ["video", "audio", "data"]
    assert kinds["time code"] == ["video", "audio", "data"]
    assert kinds["two videos"] == ["video", "video"]
    assert found["cover picture"].streams[-1][3] == 1024
    assert [title for *_, title in found["chapters and titles"].chapters] == ["one", "two"]
    assert found["chapters and titles"].tags["rig"] == "two tripods"
    assert found["one frame"].frames == 1
    assert found["cut off"].frames < 24
    assert found["scratched"].frames < 24
