"""What becomes of videos that are hard to keep whole, as a table: each is written, enlarged, and read from end to end.

    python benchmarks/video_corpus.py [--json]

No figure of speed: the clips are tiny, and so is the network. Ends with exit code 1 where more than the size
differs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))  # the clips and the network are those of the tests
os.environ.setdefault("SVT_LOG", "1")  # else the encoder of AV1 talks

from gantools.core.events import Event, Note
from gantools.enhance import Options, enhance
from tests.enhance.clips import CLIPS, make
from tests.enhance.facts import Facts, differences, facts_of
from tests.enhance.networks import make_image_to_image

COLUMNS = ("clip", "frames", "times", "other packets", "sound samples", "tags, colours, rest", "said")


def row_of(name: str, art: Path, folder: Path) -> dict[str, Any]:
    """One clip: what it holds, what came out, and what was said."""
    notes: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, Note):
            notes.append(event.text)

    source = make(name, folder)
    out = folder / f"out{source.suffix}"
    enhance(art, source, out, Options(batch=2, tile=0, piece=5), on_event=watch)
    given, found = facts_of(source), facts_of(out)
    return {
        "clip": name,
        "kind": source.suffix,
        "frames": [given.frames, found.frames],
        "times equal": given.times == found.times,
        "packets": [_packets(given), _packets(found)],
        "samples": [_samples(given), _samples(found)],
        "differs": sorted(differences(given, found)),
        "said": notes,
    }


def _packets(facts: Facts) -> int:
    return sum(len(packets) for packets in facts.packets.values())


def _samples(facts: Facts) -> int:
    return sum(count for count, _ in facts.samples.values())


def shown(row: dict[str, Any]) -> str:
    """A line of the table."""
    pairs = [f"{one} = {other}" if one == other else f"{one} / {other} !" for one, other in _counts(row)]
    rest = [name for name in row["differs"] if name not in ("frames", "times", "packets", "samples")]
    cells = [f"{row['clip']} ({row['kind']})", pairs[0], "equal" if row["times equal"] else "differ !", *pairs[1:]]
    return " | ".join([*cells, ", ".join(rest) + " !" if rest else "equal", "; ".join(row["said"])])


def _counts(row: dict[str, Any]) -> list[list[int]]:
    return [row["frames"], row["packets"], row["samples"]]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document a line instead of a table")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        art = make_image_to_image(folder / "art").path
        if not chosen.json:
            print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        bad = 0
        for clip in CLIPS:
            row = row_of(clip, art, folder)
            bad += bool(row["differs"])
            print(json.dumps(row) if chosen.json else f"| {shown(row)} |")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
