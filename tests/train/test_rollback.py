"""A training that goes wrong, goes back, and goes on."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gantools.core.errors import ArtifactError, TrainingError
from gantools.core.events import Event, Note, Progress
from gantools.losses.adversarial import real_loss
from gantools.train import train
from gantools.train.checkpoint import checkpoint_steps, load_checkpoint, step_folder
from gantools.train.quality import Scorer
from gantools.train.run import Rollback
from gantools.train.watch import Memory
from tests.train.conftest import MakeRecipe


def events_of(run: Path, *kinds: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] in kinds]


def all_tensors(run: Path, step: int) -> dict[str, torch.Tensor]:
    files = sorted(step_folder(run, step).glob("*.safetensors"))
    return {f"{file.stem}:{name}": tensor for file in files for name, tensor in load_file(file).items()}


@pytest.fixture
def nan_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that is no number in the 30th step that is taken, and never again."""
    calls: list[int] = []

    def sometimes(logits: torch.Tensor, smoothing: float) -> torch.Tensor:
        calls.append(1)
        return real_loss(logits, smoothing) * (float("nan") if len(calls) == 30 else 1.0)

    monkeypatch.setattr("gantools.losses.adversarial.real_loss", sometimes)


@pytest.mark.usefixtures("nan_once")
def test_a_loss_that_is_not_finite_goes_back_with_smaller_steps_and_other_noise(
    tmp_path: Path, make_recipe: MakeRecipe
) -> None:
    told: list[Event] = []
    recipe = make_recipe(train__steps=50, train__checkpoint_every=20, train__keep=4)
    assert train(recipe, tmp_path / "run", on_event=told.append).step == 50
    (back,) = events_of(tmp_path / "run", "roll-back")
    assert (back["step"], back["back_to"], back["scale"]) == (40, 20, 0.5)
    assert "the loss term 'D.real' became nan at step 30: back to step 20 with learning rates times 0.5" in back["text"]
    assert [event.level for event in told if isinstance(event, Note) and "back to step" in event.text] == ["warning"]
    assert [load_checkpoint(tmp_path / "run", step).state.memory.attempt for step in (20, 40, 50)] == [0, 1, 1]
    assert load_checkpoint(tmp_path / "run", 50).state.memory.learning_rate_scale == 0.5
    rates = [
        json.loads(line).get("learning_rate") for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    ]
    assert rates[0] == pytest.approx(2e-4)
    assert rates[-1] == pytest.approx(1e-4)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "became nan at step 30" in page
    assert {path.name for path in (tmp_path / "run" / "curves").iterdir()} >= {"losses.png", "learning_rate.png"}


@pytest.mark.usefixtures("nan_once")
def test_a_training_that_is_stopped_after_going_back_goes_on_bit_for_bit(
    tmp_path: Path, make_recipe: MakeRecipe
) -> None:
    """The one that is stopped shares its past with the one that is not: only what comes after is compared."""
    recipe = make_recipe(train__steps=60, train__checkpoint_every=20, train__keep=4)
    train(recipe, tmp_path / "straight")

    def interrupt(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "train" and event.done == 40:
            raise KeyboardInterrupt  # like a kill: nothing is saved

    run = tmp_path / "killed"
    run.mkdir()
    for name in ("recipe.json", "environment.json", "rollback.json"):
        (run / name).write_bytes((tmp_path / "straight" / name).read_bytes())
    target = step_folder(run, 20)
    target.mkdir(parents=True)
    for file in step_folder(tmp_path / "straight", 20).iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    with pytest.raises(KeyboardInterrupt):
        train(recipe, run, resume=True, on_event=interrupt)
    assert checkpoint_steps(run) == [20]
    train(recipe, run, resume=True)
    straight, resumed = (all_tensors(path, 60) for path in (tmp_path / "straight", run))
    assert len(straight) > 50
    assert [name for name in straight if not torch.equal(straight[name], resumed[name])] == []


def test_a_training_that_fails_again_and_again_ends_with_advice(
    tmp_path: Path, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(logits: torch.Tensor, smoothing: float) -> torch.Tensor:
        return real_loss(logits, smoothing) * float("nan")

    monkeypatch.setattr("gantools.losses.adversarial.real_loss", never)
    recipe = make_recipe(train__steps=20, safety__rollbacks=2)
    with pytest.raises(TrainingError, match="became nan at step 1, and going back 2 times has not helped") as caught:
        train(recipe, tmp_path / "run")
    assert caught.value.hint == "start again with a lower train.learning_rate"
    backs = events_of(tmp_path / "run", "roll-back", "stop")
    assert [(event["kind"], event["attempt"]) for event in backs] == [("roll-back", 0), ("roll-back", 1), ("stop", 2)]
    assert [event.get("scale") for event in backs] == [0.5, 0.25, None]


def test_a_generator_that_collapses_is_taken_back_to_its_best_score(
    tmp_path: Path, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scores are made up; going back and choosing are real."""
    kids = iter([0.5, 0.1, 0.4, 0.4, 0.09, 0.2, 0.1])

    def made_up(self: Scorer, model: object, device: object) -> dict[str, Any]:
        kid = next(kids)
        figures = {"kid": kid, "kid_low": kid - 0.01, "kid_high": kid + 0.01, "variance": 1.0, "rank": 1.0}
        return {**figures, "samples": 100, "extractor": "digits-cnn"}

    monkeypatch.setattr(Scorer, "score", made_up)
    recipe = make_recipe(
        train__steps=50, train__checkpoint_every=50, evaluate__every=10, evaluate__samples=100, safety__patience=2
    )
    best = train(recipe, tmp_path / "run")
    warnings = events_of(tmp_path / "run", "warning")
    assert [(event["step"], event["attempt"]) for event in warnings] == [(30, 0), (40, 1)]
    (back,) = events_of(tmp_path / "run", "roll-back")
    assert (back["step"], back["back_to"]) == (40, 20)
    assert best.step == 30
    assert best.quality is not None
    assert best.quality["kid"] == 0.09
    assert best.state.memory.attempt == 1


def test_a_damaged_note_of_going_back_is_one_sentence(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    train(make_recipe(train__steps=2), tmp_path / "run")
    (tmp_path / "run" / "rollback.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"rollback.json' is damaged"):
        train(make_recipe(train__steps=4), tmp_path / "run", resume=True)


def test_checkpoints_that_were_undone_are_not_resumed_from(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    """A kill between writing the going back down and removing what it undoes."""
    recipe = make_recipe(train__steps=6, train__checkpoint_every=2, train__keep=4)
    train(recipe, tmp_path / "run")
    memory = Memory(attempt=1, learning_rate_scale=0.5)
    (tmp_path / "run" / "rollback.json").write_text(Rollback(step=2, memory=memory).model_dump_json())
    assert train(recipe, tmp_path / "run", resume=True).step == 6
    attempts = [load_checkpoint(tmp_path / "run", step).state.memory.attempt for step in (2, 4, 6)]
    assert attempts == [0, 1, 1]
