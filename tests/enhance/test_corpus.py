"""Nothing of a video is lost but its size."""

import hashlib
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
