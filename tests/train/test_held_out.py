"""What a training does not learn from, and says so: texts that are held out."""

import json
from pathlib import Path

import pytest

from gantools.core.errors import RecipeError
from gantools.core.events import ignore
from gantools.core.recipe import Recipe, resolve_recipe
from gantools.data.texts import TextSet
from gantools.models.build import build_model
from gantools.train import PARTS, train
from gantools.train.checkpoint import load_checkpoint
from gantools.train.reals import open_reals
from tests.e2e.test_texts import SENTENCES, recipe


def test_texts_are_held_out_and_stay_so_when_a_training_goes_on(tmp_path: Path) -> None:
    """Stopped half way and resumed, it is the training that was not stopped, and nats is of what it never saw."""

    source = tmp_path / "sentences.txt"
    source.write_text("\n".join(SENTENCES) + "\n")

    def held(steps: int, share: float = 0.25) -> Recipe:
        raw = recipe(source, steps=steps).model_dump(mode="json")
        raw["evaluate"]["held_out"] = share
        return resolve_recipe(raw, "texts", PARTS)

    run = tmp_path / "run"
    train(held(30), run, accelerator="cpu")
    out = (run / "held_out.txt").read_text().splitlines()
    train(held(60), run, resume=True, accelerator="cpu")
    train(held(60), tmp_path / "whole", accelerator="cpu")
    one, other = (load_checkpoint(folder, "last") for folder in (run, tmp_path / "whole"))
    assert one.digest == other.digest
    assert (tmp_path / "whole" / "held_out.txt").read_text().splitlines() == out
    assert 5 < len(out) < 30
    assert set(out) < set(SENTENCES)
    assert one.quality is not None
    assert one.quality["nats_of"] == "texts that are held out"
    learned, kept = open_reals(held(60), build_model(held(60)), ignore)
    assert isinstance(kept, TextSet)
    assert isinstance(learned, TextSet)
    assert kept.lines == out
    assert not set(learned.lines) & set(out)
    assert learned.digest == one.state.data_sha256
    told = [json.loads(line)["text"] for line in (run / "events.jsonl").read_text().splitlines()]
    said = f"{len(out)} of 64 texts ({len(out) / 64:.1%}) are held out, in held_out.txt: nats is of them"
    assert told.count(said) == 2, "also when it goes on"
    page = (run / "report.html").read_text()
    assert said in page
    assert "<figcaption>nats</figcaption>" in page
    with pytest.raises(RecipeError, match=r"evaluate.held_out: the run has 0.25, the recipe 0.5"):
        train(held(90, 0.5), run, resume=True, accelerator="cpu")


def test_images_are_not_held_out(tmp_path: Path) -> None:
    raw = {"model": {"name": "dcgan"}, "data": {"source": "builtin:digits"}, "evaluate": {"held_out": 0.1}}
    raw["objective"] = {"name": "hinge"}
    with pytest.raises(RecipeError, match="held_out is a share of texts, and 'dcgan' makes images"):
        train(resolve_recipe(raw, "images", PARTS), tmp_path / "run", accelerator="cpu")
