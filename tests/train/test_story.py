import json
from pathlib import Path

import pytest
from lightning_fabric import Fabric

from gantools.core.events import Event, Note
from gantools.train.story import Story


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


def lines(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]


def test_events_are_written_down_and_told(tmp_path: Path) -> None:
    told: list[Event] = []
    story = Story(tmp_path / "run", told.append)
    story.tell("saved", 20, "saved step 20", kid=0.5)
    story.tell("warning", 30, "it looks bad", attempt=1)
    story.tell("stop", 40, "nobody hears this", aloud=False)
    assert [(line["step"], line["kind"], line["attempt"]) for line in lines(tmp_path / "run")] == [
        (20, "saved", 0),
        (30, "warning", 1),
        (40, "stop", 0),
    ]
    assert lines(tmp_path / "run")[0]["kid"] == 0.5
    assert told == [Note("saved step 20", "info"), Note("it looks bad", "warning")]


def test_another_environment_is_a_warning_that_names_what_changed(tmp_path: Path, fabric: Fabric) -> None:
    told: list[Event] = []
    story = Story(tmp_path, told.append)
    story.begin(tmp_path, fabric, 0, 0)
    story.begin(tmp_path, fabric, 20, 0)
    assert told == [], "nothing changed"
    found = json.loads((tmp_path / "environment.json").read_text())
    assert {"python", "device", "threads", "processes", "torch", "vector instructions"} <= found.keys()
    (tmp_path / "environment.json").write_text(json.dumps({**found, "torch": "1.0"}))
    story.begin(tmp_path, fabric, 20, 0)
    (note,) = told
    assert isinstance(note, Note)
    assert note.text.endswith(f"torch was 1.0, is {found['torch']}")
    assert [line["kind"] for line in lines(tmp_path)] == ["begin", "resume", "resume", "warning"]
    (tmp_path / "environment.json").write_text("{")
    story.begin(tmp_path, fabric, 40, 0)
    assert len(told) == 1, "what cannot be read is not compared"
