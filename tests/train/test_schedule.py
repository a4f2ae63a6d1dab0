import json
from pathlib import Path

import pytest
import torch

from gantools.core.errors import RecipeError
from gantools.core.events import Event, Progress
from gantools.core.recipe import TrainSection
from gantools.train import train
from gantools.train.schedule import share
from tests.train.conftest import MakeRecipe
from tests.train.test_fit import all_tensors, assert_equal_bit_for_bit


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1, 1, 1, 1, 1, 1, 1, 1]),
        ({"schedule": "linear"}, [1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]),
        ({"schedule": "linear", "hold": 0.5}, [1, 1, 1, 1, 1, 3 / 4, 2 / 4, 1 / 4]),
        # Half of 1 + cos(pi k / 4).
        ({"schedule": "cosine", "hold": 0.5}, [1, 1, 1, 1, 1, 0.8535533906, 0.5, 0.1464466094]),
        ({"schedule": "constant", "hold": 0.5}, [1, 1, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_the_share_of_each_step(options: dict[str, object], expected: list[float]) -> None:
    section = TrainSection.model_validate({"steps": 8, **options})
    assert [share(section, step) for step in range(8)] == pytest.approx(expected)


def test_the_steps_are_taken_with_it_and_the_log_tells(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    """Adam's first step is as long as the learning rate, in each parameter that has a gradient worth the name."""

    def moved(name: str, **changes: object) -> tuple[float, float]:
        recipe = make_recipe(train__learning_rate=0.1, train__checkpoint_every=1, train__keep=9, **changes)
        train(recipe, tmp_path / name)
        lines = [json.loads(line) for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        after, before = (all_tensors(tmp_path / name, step) for step in (8, 7))
        (weight,) = [key for key in after if key.startswith("nets.safetensors:G.project") and key.endswith("weight")]
        return float((after[weight] - before[weight]).abs().max()), lines[-1]["learning_rate"]

    step, told = moved("constant", train__steps=8)
    last, told_last = moved("linear", train__steps=8, train__schedule="linear")
    assert told == pytest.approx(0.1)
    assert told_last == pytest.approx(0.1 / 8)
    assert 0 < last < step / 3


def test_a_training_that_was_interrupted_goes_on_bit_for_bit(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(train__steps=40, train__checkpoint_every=20, train__schedule="cosine", train__keep=4)
    train(recipe, tmp_path / "straight")

    def kill(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "train" and event.done >= 20:
            raise ConnectionAbortedError  # like a kill: nothing more is saved

    with pytest.raises(ConnectionAbortedError):
        train(recipe, tmp_path / "killed", on_event=kill)
    train(recipe, tmp_path / "killed", resume=True)
    straight = all_tensors(tmp_path / "straight", 40)
    assert len(straight) > 50
    assert_equal_bit_for_bit(straight, all_tensors(tmp_path / "killed", 40))
    constant = make_recipe(train__steps=40, train__checkpoint_every=20, train__keep=4)
    train(constant, tmp_path / "constant")
    other = all_tensors(tmp_path / "constant", 40)
    assert not all(torch.equal(straight[name], other[name]) for name in straight)


def test_what_is_no_schedule_is_refused(make_recipe: MakeRecipe) -> None:
    with pytest.raises(RecipeError, match=r"train.schedule: .*'constant', 'linear' or 'cosine'"):
        make_recipe(train__schedule="step")
    with pytest.raises(RecipeError, match=r"train.hold"):
        make_recipe(train__hold=1.0)
