"""What a training learns from: images, texts, or pairs of images, whichever the model needs."""

from __future__ import annotations

from typing import Any, NamedTuple

from gantools.core.errors import DataError, RecipeError
from gantools.core.events import OnEvent
from gantools.core.recipe import Recipe
from gantools.data import ImageSet, note_duplicates, open_images
from gantools.data.pairs.pairs import PairSet, open_pair_set
from gantools.data.pairs.unpaired import UnpairedSet, open_unpaired_set
from gantools.data.texts import TextSet, open_texts
from gantools.models.model import Model
from gantools.runtime.tokens import Tokenizer

Pairs = PairSet | UnpairedSet
Reals = ImageSet | TextSet | PairSet | UnpairedSet


class Sides(NamedTuple):
    """What is learned from, and the texts or pairs that are not."""

    learned: Reals
    held_out: TextSet | Pairs | None = None


def open_reals(recipe: Recipe, model: Model, on_event: OnEvent) -> Sides:
    """Open what the recipe names, in the size that the model makes.

    Args:
        recipe: Its section ``data``, and what ``evaluate`` holds out.
        model: What it makes.
        on_event: Who watches.

    Raises:
        DataError: It cannot be used, has other classes than the model, or too few texts to hold a share out.
        RecipeError: Images are to be held out.
    """
    share = recipe.evaluate.held_out
    if model.sampler.image is not None:
        pairs = _pairs(recipe, model, on_event)
        return Sides(*pairs.split(share)) if share else Sides(pairs)
    if key := next((key for key in ("degrade", "targets", "halves") if getattr(recipe.data, key)), None):
        raise RecipeError(
            f"the recipe has data.{key}, and the model '{recipe.model.name}' makes its images of nothing but noise.",
            hint="leave it out, or choose a model that makes images of images",
        )
    if share and model.modality != "text":
        raise RecipeError(
            f"evaluate.held_out is a share of texts, and '{recipe.model.name}' makes images.",
            hint="leave it out; images that a training shall not see belong in a folder of their own",
        )
    reals = _texts(recipe, model, on_event) if model.modality == "text" else _images(recipe, model, on_event)
    if model.classes and len(reals.classes) != model.classes:
        raise DataError(
            f"'{reals.name}' has {len(reals.classes)} classes, the model is built for {model.classes}.",
            hint=f"set model.classes={len(reals.classes)}",
        )
    return Sides(*reals.split(share)) if share and isinstance(reals, TextSet) else Sides(reals)


def _pairs(recipe: Recipe, model: Model, on_event: OnEvent) -> Pairs:
    data, output = recipe.data, model.image
    known: dict[str, Any] = {
        "targets": data.targets,
        "halves": data.halves,
        "channels": output.channels,
        "patch": data.patch,
        "max_broken": data.max_broken,
        "cache": data.cache,
        "on_event": on_event,
    }
    if not data.unpaired:
        pairs = open_pair_set(data.source, degrade=data.degrade, scale=output.scale or 1, frames=data.frames, **known)
        if pairs.between and not output.between:
            raise RecipeError(
                f"data.degrade takes frames away with 'middle', and the model '{recipe.model.name}' makes none.",
                hint="set model.name=between, or leave 'middle' out",
            )
        if output.between and not pairs.between:
            raise RecipeError(
                f"the model '{recipe.model.name}' makes frames between others, and data.degrade takes none away.",
                hint="set data.degrade=[{name = 'middle'}]",
            )
        return pairs
    if data.degrade or output.scale != 1 or data.frames > 1:
        raise RecipeError(
            "data.unpaired is for models that keep the size, without data.degrade and data.frames.",
            hint="leave it out, or the others",
        )
    return open_unpaired_set(data.source, **known)


def _images(recipe: Recipe, model: Model, on_event: OnEvent) -> ImageSet:
    data, output = recipe.data, model.image
    images = open_images(
        data.source,
        resolution=output.height,
        channels=output.channels,
        max_broken=data.max_broken,
        cache=data.cache,
        on_event=on_event,
        labels=bool(model.classes),
        fit=data.fit,
    )
    note_duplicates(images, on_event=on_event)
    return images


def _texts(recipe: Recipe, model: Model, on_event: OnEvent) -> TextSet:
    data, output = recipe.data, model.text
    texts = open_texts(
        data.source,
        kind=data.tokenizer,
        vocabulary=output.vocabulary,
        steps=output.steps,
        max_broken=data.max_broken,
        on_event=on_event,
        labels=bool(model.classes),
    )
    if (size := Tokenizer(texts.tokenizer).size) != output.vocabulary:
        raise DataError(
            f"'{texts.name}' has {size} different tokens, the model is built for {output.vocabulary}.",
            hint=f"set model.vocabulary={size}",
        )
    return texts
