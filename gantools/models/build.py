"""The parts of a recipe become one model: a generator, and the discriminators that judge it."""

from __future__ import annotations

from torch import nn

from gantools.core.errors import RecipeError
from gantools.core.recipe import Recipe
from gantools.models import DISCRIMINATORS, MODELS
from gantools.models.discriminators.scorer import scorer_graphs
from gantools.models.discriminators.text_scorer import text_scorer_graphs
from gantools.models.model import ExportGraph, ImageShape, Model, TextShape


def build_model(recipe: Recipe) -> Model:
    """A freshly initialized model. Random numbers come from torch's global generator.

    Args:
        recipe: Resolved: its sections hold every option.

    Raises:
        RecipeError: The discriminator judges something else than the model makes.
    """
    architecture = MODELS.load(recipe.model.name)
    config = architecture.Config(**recipe.model.options)
    model: Model = architecture.build(config)
    if recipe.discriminator is None:
        return model
    row = DISCRIMINATORS.load(recipe.discriminator.name)
    if row.modality != model.modality:
        fitting = [name for name in DISCRIMINATORS if DISCRIMINATORS.load(name).modality == model.modality]
        raise RecipeError(
            f"discriminator '{recipe.discriminator.name}' judges {row.modality}s, "
            f"model '{recipe.model.name}' makes {model.modality}s.",
            hint=f"discriminators of {model.modality}s: {', '.join(fitting)}",
        )
    shape = shape_of(model)
    options = row.Config(**recipe.discriminator.options)
    for name in model.judges:
        net = row.build(options, shape)
        model = model.with_net(name, net, _graphs(net, shape) if name == "D" else {})
    return architecture.judged(config, model) if architecture.judged else model


def _graphs(net: nn.Module, shape: ImageShape | TextShape) -> dict[str, ExportGraph]:
    return text_scorer_graphs(net, shape) if isinstance(shape, TextShape) else scorer_graphs(net, shape)


def shape_of(model: Model) -> ImageShape | TextShape:
    """What a discriminator of this model's samples looks at."""
    if model.modality == "text":
        return TextShape(model.text.vocabulary, model.text.steps, model.classes)
    image = model.image
    given = image.channels if model.sampler.image is not None and image.scale == 1 else 0
    return ImageShape(image.height, image.channels, model.classes, given)
