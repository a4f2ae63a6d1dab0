import json
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from gantools.core.events import Event, Progress
from gantools.train.log import Log


def lines(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_figures_go_to_the_file_to_tensorboard_and_to_the_watcher(tmp_path: Path) -> None:
    events: list[Event] = []
    log = Log(tmp_path, start=0, total=10, on_event=events.append)
    log.losses(5, 8, {"D.real": 0.5}, learning_rate=0.25)
    log.values(5, {"kid": 0.25})
    log.grid(5, np.zeros((4, 8, 8, 1), np.uint8), {"step": "5"})
    log.close()
    assert [line["step"] for line in lines(tmp_path)] == [5, 5]
    assert lines(tmp_path)[0]["D.real"] == 0.5
    assert lines(tmp_path)[0]["learning_rate"] == 0.25
    (event,) = events
    assert isinstance(event, Progress)
    assert (event.stage, event.done, event.total) == ("train", 5, 10)
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert board.Scalars("D/real")[0].value == 0.5
    assert board.Scalars("kid")[0].step == 5
    assert board.Images("samples")[0].width == 18
    assert (tmp_path / "samples" / "step-00000005.png").is_file()


def test_speed_counts_training_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("gantools.train.log.time.perf_counter", lambda: now[0])
    log = Log(tmp_path, start=20, total=100, on_event=lambda event: None)
    now[0] += 2
    with log.paused():
        now[0] += 50
    log.losses(30, 8, {}, learning_rate=0.25)
    now[0] += 4
    log.losses(40, 8, {}, learning_rate=0.25)
    log.close()
    assert [line["samples/s"] for line in lines(tmp_path)] == [10 * 8 / 2, 10 * 8 / 4]


def test_lines_of_unsaved_steps_and_half_lines_are_dropped(tmp_path: Path) -> None:
    written = ['{"step": 10, "kid": 1.0}', '{"step": 20}', '{"step": 30}', '{"step": 2']
    (tmp_path / "log.jsonl").write_text("\n".join(written))
    Log(tmp_path, start=20, total=40, on_event=lambda event: None).close()
    assert lines(tmp_path) == [{"step": 10, "kid": 1.0}, {"step": 20}]


def test_attempts_are_kept_apart(tmp_path: Path) -> None:
    log = Log(tmp_path, start=0, total=40, on_event=lambda event: None)
    for step in (10, 20):
        log.values(step, {"kid": 1.0})
    log.go_back(10, attempt=1)
    log.values(20, {"kid": 0.5})
    log.grid(20, np.zeros((4, 8, 8, 1), np.uint8), {"step": "20"})
    log.values(30, {"kid": 0.4})
    log.close()
    assert [(line["step"], line.get("attempt", 0)) for line in lines(tmp_path)] == [(10, 0), (20, 0), (20, 1), (30, 1)]
    assert (tmp_path / "samples" / "step-00000020-attempt-1.png").is_file()
    board = EventAccumulator(str(tmp_path / "tensorboard" / "attempt-1"))
    board.Reload()
    assert [scalar.step for scalar in board.Scalars("kid")] == [20, 30]
    # A resumed second attempt drops what it did not save, and nothing of the first.
    Log(tmp_path, start=20, attempt=1, total=40, on_event=lambda event: None).close()
    assert [(line["step"], line.get("attempt", 0)) for line in lines(tmp_path)] == [(10, 0), (20, 0), (20, 1)]
