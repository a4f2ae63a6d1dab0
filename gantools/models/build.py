"""The parts of a recipe become one model: a generator, and the discriminator that judges it."""

from __future__ import annotations

from gantools.core.recipe import Recipe
from gantools.models import DISCRIMINATORS, MODELS
from gantools.models.discriminators.scorer import scorer_graphs
from gantools.models.model import ImageShape, Model


def build_model(recipe: Recipe) -> Model:
    """A freshly initialized model. Random numbers come from torch's global generator.

    Args:
        recipe: Resolved: its sections hold every option.
    """
    architecture = MODELS.load(recipe.model.name)
    config = architecture.Config(**recipe.model.options)
    model: Model = architecture.build(config)
    if recipe.discriminator is None:
        return model
    row = DISCRIMINATORS.load(recipe.discriminator.name)
    shape = ImageShape(model.image.height, model.image.channels, model.classes)
    net = row.build(row.Config(**recipe.discriminator.options), shape)
    model = model.with_net("D", net, scorer_graphs(net, shape))
    return architecture.judged(config, model) if architecture.judged else model
