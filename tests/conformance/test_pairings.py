"""Every objective with every model: either they can begin, or a sentence says why not."""

from __future__ import annotations

from typing import Any

import pytest
from lightning_fabric import Fabric

from gantools.core.errors import RecipeError
from gantools.losses import OBJECTIVES
from gantools.models import MODELS
from gantools.train.learner import Learner
from tests.conformance.tiny import DISCRIMINATORS_SMALL, MODELS_SMALL, small_recipe
from tests.conformance.tiny_texts import TEXTS_SMALL

IMAGES = ("pixels", "pix2pix", "cut", "cyclegan")
TEXTS = ("likelihood", "seqgan", "scratchgan", "relgan", "text_elbo")
# What models make that are trained with each objective; of the others: images of seeds.
KINDS = dict.fromkeys(IMAGES, "images of images") | dict.fromkeys(TEXTS, "texts")


def makes(model: str) -> str:
    if model.startswith("text_"):
        return "texts"
    of_images = ("unet", "resnet", "compact", "between", "recurrent")
    return "images of images" if model in of_images else "images of seeds"


def begun(model: str, objective: str) -> Learner:
    options = (TEXTS_SMALL if makes(model) == "texts" else MODELS_SMALL)[model][0]
    rest = {key: value for key, value in options.items() if key not in ("objective", "discriminator")}
    judge: dict[str, Any] | None = None
    if makes(model) == "images of images":
        judge = {"name": "patch", **DISCRIMINATORS_SMALL["patch"][0]}
    elif makes(model) == "texts" and objective in ("seqgan", "relgan"):
        judge = {"name": "text_cnn"}
    return Learner(small_recipe({"name": model, **rest}, judge, objective), Fabric(accelerator="cpu", devices=1))


@pytest.mark.parametrize("model", MODELS)
def test_an_objective_begins_or_says_why_it_does_not_fit(model: str) -> None:
    refusals: dict[str, RecipeError] = {}
    for objective in OBJECTIVES:
        try:
            begun(model, objective)
        except RecipeError as err:
            refusals[objective] = err
    assert len(refusals) < len(OBJECTIVES), "each can be trained with something"
    assert all(err.hint for err in refusals.values())
    others = {name: KINDS.get(name, "images of seeds") for name in OBJECTIVES}
    others = {name: kind for name, kind in others.items() if kind != makes(model)}
    assert len(others) >= 9
    for name, kind in others.items():
        assert f"the objective '{name}' is for models that make {kind}, and" in refusals[name].message
