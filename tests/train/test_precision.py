from pathlib import Path

import pytest
import torch

from gantools.core.events import Event, Note
from gantools.train import precision, train
from gantools.train.checkpoint import load_checkpoint
from gantools.train.precision import choose_precision
from tests.train.conftest import MakeRecipe


@pytest.mark.parametrize(("bf16_s", "chosen"), [(0.5, "bf16"), (0.9, "fp32"), (10.0, "fp32")])
def test_bf16_is_chosen_where_it_pays(bf16_s: float, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    times = {torch.float32: 1.0, torch.bfloat16: bf16_s}
    monkeypatch.setattr(precision, "_convolution_s", lambda device, dtype: times[dtype])
    found, why = choose_precision(torch.device("cpu"))
    assert found == chosen
    assert f"in bf16 is {1 / bf16_s:.2g} times as fast" in why


def test_a_real_measurement_takes_a_moment_and_decides() -> None:
    assert choose_precision(torch.device("cpu"))[0] in ("bf16", "fp32")


def test_what_was_chosen_is_kept_when_the_training_goes_on(
    tmp_path: Path, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    recipe = make_recipe(train__precision="auto", train__steps=2)
    monkeypatch.setattr(precision, "choose_precision", lambda device: ("bf16", "the test says so"))
    train(recipe, tmp_path / "run", on_event=events.append)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "train.precision auto: bf16, because the test says so" in notes
    monkeypatch.setattr(precision, "choose_precision", lambda device: ("fp32", "it says otherwise now"))
    train(make_recipe(train__precision="auto", train__steps=3), tmp_path / "run", resume=True)
    assert load_checkpoint(tmp_path / "run", "last").recipe.train.precision == "bf16"
