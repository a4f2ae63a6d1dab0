import json
from pathlib import Path

import numpy as np
import pytest

from gantools.media.grid import save_grid
from gantools.train.report import CURVES, REPORT, write_report


def write_lines(path: Path, lines: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_the_page_is_made_of_the_runs_own_files(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps({"name": "<shoes>", "train": {"steps": 40}}))
    (tmp_path / "best.json").write_text(json.dumps({"step": 20, "kid": 0.0123}))
    (tmp_path / "environment.json").write_text(json.dumps({"device": "an abacus"}))
    losses: list[dict[str, object]] = [
        {"step": step, "D.real": 0.5, "samples/s": 100.0, "learning_rate": 1e-3} for step in (10, 20, 30, 40)
    ]
    scores: list[dict[str, object]] = [
        {"step": step, "kid": kid, "kid_low": kid, "kid_high": kid, "variance": 0.9, "rank": 0.8}
        for step, kid in ((20, 0.0123), (40, 0.5))
    ]
    write_lines(tmp_path / "log.jsonl", losses + scores)
    write_lines(tmp_path / "events.jsonl", [{"step": 30, "kind": "roll-back", "text": "back & forth", "time": "noon"}])
    for step in (10, 20, 30, 40):
        save_grid(tmp_path / "samples" / f"step-{step:08d}.png", np.zeros((4, 8, 8, 1), np.uint8))
    write_report(tmp_path)
    page = (tmp_path / REPORT).read_text()
    assert "<h1>&lt;shoes&gt;</h1>" in page
    assert "Step 40 of 40; best: step 20, KID 0.0123." in page
    assert "back &amp; forth" in page
    assert "an abacus" in page
    assert "http" not in page, "the page stands alone"
    curves = sorted(path.stem for path in (tmp_path / CURVES).iterdir())
    assert curves == ["kid", "learning_rate", "losses", "speed", "variety"]
    assert page.count("<img") == 5 + 4
    assert [f"step-{step:08d}" in page for step in (10, 20, 30, 40)] == [True] * 4


def test_a_run_that_has_hardly_begun_has_a_page_too(tmp_path: Path) -> None:
    write_report(tmp_path)
    assert "Step 0 of ?." in (tmp_path / REPORT).read_text()
    assert not (tmp_path / CURVES).exists()


@pytest.mark.parametrize(("share", "of"), [(0.1, "texts that are held out"), (0, "texts that are learned from")])
def test_the_likelihood_of_texts_says_of_which(
    share: float, of: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps({"evaluate": {"held_out": share}}))
    write_lines(tmp_path / "log.jsonl", [{"step": 10, "kid": 0.1, "kid_low": 0.0, "kid_high": 0.2, "nats": 4.5}])
    titles: list[str] = []

    def spy(lines: object, *, title: str, **options: object) -> np.ndarray:
        titles.append(title)
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr("gantools.train.report.line_plot", spy)
    write_report(tmp_path)
    assert f"Nats of a token of {of}" in titles
    assert (tmp_path / CURVES / "nats.png").exists()


def test_the_page_of_a_training_of_texts_shows_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "best.json").write_text(json.dumps({"step": 20, "kid": 0.0123}))
    for step in (10, 20, 30, 40, 50):
        lines = [f"text {seed} <of> {step}" for seed in range(64)]
        (tmp_path / "samples" / f"step-{step:08d}.txt").write_text("".join(f"{line}\n" for line in lines))
    write_report(tmp_path)
    page = (tmp_path / REPORT).read_text()
    shown = [step for step in (10, 20, 30, 40, 50) if f"text 9 &lt;of&gt; {step}<" in page]
    assert shown == [10, 20, 40, 50], "the first, the best and the newest"
    assert "text 10 " not in page
