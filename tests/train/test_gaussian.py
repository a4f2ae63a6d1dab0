"""A training that fits instead of descending."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gantools.core.recipe import Recipe, resolve_recipe
from gantools.data import open_images
from gantools.train import PARTS, train
from gantools.train.checkpoint import step_folder
from gantools.train.learner import Learner
from gantools.train.optimizers import learning_rates
from gantools.train.processes import start_fabric
from tests.train.conftest import MakeRecipe

NMG = {"name": "nmg", "resolution": 8, "channels": 1, "rank": 8, "steps": 2}


@pytest.fixture
def make_fit(make_recipe: MakeRecipe) -> MakeRecipe:
    """``make_recipe`` for a fit; without a discriminator unless one is asked for."""

    def make(**changes: Any) -> Recipe:
        parts = {"model": NMG, "objective": {"name": "gaussian", "fit_every": 2}, "discriminator": None}
        asked = {key: changes.pop(key) for key in list(changes) if key in parts}
        raw = make_recipe(evaluate__samples=100, **changes).model_dump(mode="json") | parts | asked
        return resolve_recipe({key: value for key, value in raw.items() if value}, "fit", PARTS)

    return make


def test_what_ships_has_the_moments_of_all_images_of_an_epoch(tmp_path: Path, make_fit: MakeRecipe) -> None:
    recipe = make_fit(train__steps=23, train__batch=79, train__checkpoint_every=23, evaluate__every=23)
    checkpoint = train(recipe, tmp_path / "run")
    assert checkpoint.quality is not None
    assert checkpoint.quality["kid"] < 0.5
    images = open_images("builtin:digits", resolution=8, channels=1, cache=recipe.data.cache).images
    rows = images.reshape(len(images), -1) / 127.5 - 1
    assert len(rows) <= 23 * 79 < len(rows) + 79
    shipped: Any = checkpoint.build_model("ema").nets["N"]
    # A few images of the next epoch are in it too.
    assert np.abs(shipped.mean.numpy() - rows.mean(0)).max() < 0.01
    assert int(shipped.count) == int(shipped.fitted) == 23 * 79


def test_a_resumed_fit_equals_an_uninterrupted_one(tmp_path: Path, make_fit: MakeRecipe) -> None:
    recipe = make_fit(train__steps=6, train__checkpoint_every=3)
    train(recipe, tmp_path / "whole")
    half = recipe.model_copy(update={"train": recipe.train.model_copy(update={"steps": 3})})
    train(half, tmp_path / "halves")
    train(recipe, tmp_path / "halves", resume=True)
    compared = 0
    for file in ("nets.safetensors", "ema.safetensors"):
        one, other = (load_file(step_folder(tmp_path / run, 6) / file) for run in ("whole", "halves"))
        assert one.keys() == other.keys()
        for name in one:
            assert torch.equal(one[name], other[name]), name
            compared += 1
    assert compared == 2 * 8


def test_the_discriminator_of_a_walk_is_averaged_and_has_its_own_learning_rate(
    tmp_path: Path, make_fit: MakeRecipe
) -> None:
    judged = {"objective": {"name": "gaussian_judged"}, "discriminator": {"name": "mlp", "hidden": [8]}}
    recipe = make_fit(train__steps=4, train__discriminator_learning_rate=1e-3, **judged)
    model = Learner(recipe, start_fabric(recipe, devices=1, nodes=1, accelerator="cpu")).model
    assert learning_rates(model, recipe.train) == {"D": 1e-3}
    checkpoint = train(recipe, tmp_path / "run")
    averaged, raw = (checkpoint.build_model(weights).nets["D"].state_dict() for weights in ("ema", "raw"))
    assert all(not torch.equal(averaged[name], raw[name]) for name in raw)
