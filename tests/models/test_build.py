"""A recipe's model and discriminator become one, where they are of one modality."""

from typing import Any

import pytest
import torch

from gantools.core.errors import RecipeError
from gantools.core.recipe import Recipe, resolve_recipe
from gantools.losses import OBJECTIVES
from gantools.models.build import build_model, shape_of
from gantools.models.discriminators.scorer import GRAPH
from gantools.models.model import ImageShape, TextShape
from gantools.train import PARTS

_TEXT = {"name": "text_gru", "vocabulary": 50, "steps": 6, "embedding": 4, "hidden": 8, "classes": 3}
_IMAGE = {"name": "dcgan", "resolution": 32, "width": 4, "latent": 4}


def recipe(model: dict[str, Any], discriminator: str) -> Recipe:
    raw = {
        "model": model,
        "discriminator": {"name": discriminator},
        "objective": {"name": "nonsaturating"},
        "data": {"source": "builtin:digits"},
    }
    assert "nonsaturating" in OBJECTIVES
    return resolve_recipe(raw, "small", PARTS)


def test_a_text_model_gets_a_discriminator_that_reads_its_texts() -> None:
    model = build_model(recipe(_TEXT, "text_mlp"))
    assert shape_of(model) == TextShape(50, 6, 3)
    logits = model.nets["D"](torch.zeros(2, 6, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))
    assert logits.shape == (2,)
    assert [tensor.name for tensor in model.graphs[GRAPH].spec.inputs] == ["tokens", "label"]


def test_an_image_model_gets_one_that_looks_at_its_images() -> None:
    model = build_model(recipe(_IMAGE, "gru"))
    assert shape_of(model) == ImageShape(32, 3)
    assert [tensor.name for tensor in model.graphs[GRAPH].spec.inputs] == ["image"]


@pytest.mark.parametrize(("model", "judge", "fitting"), [(_TEXT, "gru", "text_gru"), (_IMAGE, "text_gru", "stylegan2")])
def test_a_discriminator_of_another_modality_is_refused(model: dict[str, Any], judge: str, fitting: str) -> None:
    with pytest.raises(RecipeError) as caught:
        build_model(recipe(model, judge))
    assert f"discriminator '{judge}' judges" in caught.value.message
    assert f"model '{model['name']}' makes" in caught.value.message
    assert caught.value.hint is not None
    assert fitting in caught.value.hint
