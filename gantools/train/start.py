"""A training that begins with nets of an earlier one: the same model on other images, or a part that stays as it is."""

from __future__ import annotations

from collections.abc import Iterable

from gantools.core.errors import RecipeError
from gantools.core.recipe import Recipe
from gantools.models.model import Model
from gantools.train.checkpoint import EMA, NETS, Checkpoint, Origin, load_checkpoint, load_nets, read_tensors


def check_start(model: Model, recipe: Recipe) -> None:
    """Refuse a model with nets that must have learned before, where the recipe has none for it.

    Raises:
        RecipeError: See above.
    """
    if model.frozen and recipe.train.start_from is None:
        raise RecipeError(
            f"the model '{recipe.model.name}' does not train its nets {_list(model.frozen)}, and the recipe does not "
            "say where they come from.",
            hint="set train.start_from to a run folder that has them",
        )


def copy_nets(model: Model, recipe: Recipe) -> Origin:
    """Make every net that ``train.start_from`` has too the one that is there: averaged, where it was averaged.

    Args:
        model: Whose nets are changed.
        recipe: With ``train.start_from``.

    Raises:
        RecipeError: It has none of the model's nets, or not all that the model does not train itself.
        ArtifactError: It is no checkpoint, or its nets are of another architecture.
    """
    assert recipe.train.start_from is not None
    source = load_checkpoint(recipe.train.start_from)
    there, averaged = (_nets_in(source, file) for file in (NETS, EMA))
    shared = tuple(name for name in model.nets if name in there)
    if not shared or set(model.frozen) - set(shared):
        wanted = f"needs all of {_list(model.frozen)}" if model.frozen else f"has {_list(model.nets)}"
        raise RecipeError(
            f"train.start_from: the model '{source.recipe.model.name}' in '{source.folder}' has the nets "
            f"{_list(there)}, and the model '{recipe.model.name}' {wanted}.",
            hint="give a run of a model that has them",
        )
    for name in shared:
        load_nets({name: model.nets[name]}, source.folder / (EMA if name in averaged else NETS))
    return Origin(source=recipe.train.start_from, step=source.step, digest=source.digest, nets=shared)


def _nets_in(checkpoint: Checkpoint, file: str) -> list[str]:
    return sorted({name.partition(".")[0] for name in read_tensors(checkpoint.folder / file)})


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
