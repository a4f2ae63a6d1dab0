"""Recipes: what a training shall do, as data. Read from TOML, overridden by ``--set``, never executed.

Precedence: defaults, then the recipe, then ``--set``. Every mistake of a file is reported in one error.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gantools.core.errors import GantoolsError, RecipeError
from gantools.core.registry import Table
from gantools.core.spec import Frozen


class Named(BaseModel):
    """A part chosen by its name in a table; the other keys are that part's own options, checked by its own Config."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """The keys beside ``name``."""
        return dict(self.__pydantic_extra__ or {})


class DataSection(Frozen):
    """Where training images or texts come from.

    Attributes:
        source: A folder, an archive or an array of images, ``dataset:NAME``, ``hf:NAME`` or ``builtin:NAME``; see
            ``gantools.data.open_images``. For models of text a file with one text a line, or a folder of such files;
            see ``gantools.data.open_texts``.
        fit: What happens to images that are smaller than the model's: enlarged, or laid in the middle of black.
        mirror: Also train on left-right mirrored images.
        tokenizer: What a token of a text is: a word, a piece of UTF-8 bytes learned from the texts, or a character. How
            many tokens there are, and how many a text has at most, are options of the model. Images have none.
        max_broken: Largest share of files, or of lines of text, that may be unreadable before it is an error.
        cache: Folder of the decoded cache; none: beside the other caches of the user.
        degrade: For models that make images of images: what makes the images of ``source`` worse, in order, so that the
            model learns to undo it; each is drawn anew for every sample. Such sources may hold films, too.
        targets: For the same models: what the images of ``source`` should become, by the same file names.
        halves: Instead of ``targets``: each picture of ``source`` holds both side by side, and this one is given.
        unpaired: Whether ``targets`` are pictures of the kind that should come out and belong to none of ``source``,
            for objectives that need no pairs.
        patch: For the same models: edge of the squares that they are given in the training, in pixels.
        frames: For the same models: frames that follow each other in what they are given, of films; recurrent ones need
            several.
        turn: Also train on quarter turns.
    """

    source: str
    fit: Literal["resize", "pad"] = "resize"
    mirror: bool = False
    tokenizer: Literal["word", "bpe", "char"] = "word"
    max_broken: float = Field(default=0.01, ge=0, le=1)
    cache: str | None = None
    degrade: tuple[Named, ...] = ()
    targets: str | None = None
    halves: Literal["left-to-right", "right-to-left"] | None = None
    unpaired: bool = False
    patch: int = Field(default=48, ge=16)
    frames: int = Field(default=1, ge=1, le=64)
    turn: bool = False


TrainPrecision = Literal["fp32", "bf16"]


class TrainSection(Frozen):
    """The loop.

    Attributes:
        steps: Batches of real images. An objective may update the generator less often than in every one.
        batch: Images a step, over all devices.
        learning_rate: Adam's, for the generator.
        discriminator_learning_rate: Adam's, for the discriminator; none: the same.
        schedule: How the learning rates fall until the last step, where they are next to 0. Going on with more steps
            than a training was begun with makes them fall later.
        hold: Share of the steps at the full learning rates, before they begin to fall.
        betas: Adam's decay rates.
        ema_half_life_images: Half-life of the averaged generator, in images seen (StyleGAN2's unit).
        precision: What matrix products are computed in; parameters stay fp32. ``auto``: whichever this machine is
            faster in, which is settled when the training begins and kept when it is resumed.
        compile: Whether ``torch.compile`` makes kernels of the networks. ``auto``: where measuring at the start says
            that it saves more time than it costs; settled and kept as ``precision``.
        start_from: A run folder or one of its checkpoints, whose averaged nets the training begins with, wherever the
            model has a net of the same name; none: it begins with random ones. Read once, when the training begins.
        seed: Start of every random stream of the training.
        sample_every: Steps between sample grids; 0: none.
        checkpoint_every: Steps between checkpoints; the last step always makes one.
        keep: Newest checkpoints kept, besides the best.
    """

    steps: int = Field(default=2000, ge=1)
    batch: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=2e-4, gt=0)
    discriminator_learning_rate: float | None = Field(default=None, gt=0)
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    hold: float = Field(default=0.0, ge=0, lt=1)
    betas: tuple[float, float] = (0.5, 0.999)
    ema_half_life_images: int = Field(default=5000, ge=0)
    precision: Literal["auto"] | TrainPrecision = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    start_from: str | None = None
    seed: int = Field(default=0, ge=0)
    sample_every: int = Field(default=500, ge=0)
    checkpoint_every: int = Field(default=500, ge=1)
    keep: int = Field(default=2, ge=1)


class EvaluateSection(Frozen):
    """KID during the training, or PSNR where what should be made is known, which chooses the best checkpoint.

    Attributes:
        every: Steps between two scores; 0: none at all.
        samples: Generated images in a score.
        extractor: Name in the table of feature extractors.
        held_out: Share of the texts that the training does not see; ``nats`` of a token is then of these. A text falls
            on a side by what it says, so that it always falls on the same one, and its repetitions with it. The
            vocabulary is that of all texts. Of clips that are made worse, the share on which ``psnr`` is measured.
            Images that are to be generated have no such share.
    """

    every: int = Field(default=500, ge=0)
    samples: int = Field(default=1000, ge=100)
    extractor: str = "efficientnet-lite0-96"
    held_out: float = Field(default=0.0, ge=0, lt=1)


class SafetySection(Frozen):
    """What happens when a training goes wrong: it warns, goes back to its best checkpoint, and at last stops.

    Judged are the loss terms, in windows of 20 steps, and the scores of ``evaluate``. The best score so far is never
    bad: at the beginning every generator lacks variety.

    Attributes:
        enabled: Off: nothing is judged, and the first loss that is not finite ends the training.
        rollbacks: How often to go back before the training stops. Each time other images and noise are drawn, because
            the same ones would fail the same way.
        learning_rate_factor: Of all networks, applied at each going back: too large steps are the usual cause.
        patience: Bad scores in a row that mean failure; one alone may be chance.
        worse: A KID is bad when it is more than this many times the best one, and the intervals of both lie apart. Two,
            because a healthy training moves up and down by less.
        min_diversity: A score is bad when the samples' features have less than this share of the real images' variance
            or effective rank; collapsed generators have next to none. 0: not judged.
        max_accuracy: A discriminator that is right more often than this for 500 steps teaches nothing any more. It is
            a reason to warn, and makes a KID bad that is worse than the best one at all. 1: not judged.
        explosion: A loss term is bad when it is more than this many times its running median (or 1, if that is more);
            two windows in a row mean failure. 0: not judged.
    """

    enabled: bool = True
    rollbacks: int = Field(default=3, ge=0)
    learning_rate_factor: float = Field(default=0.5, gt=0, le=1)
    patience: int = Field(default=3, ge=1)
    worse: float = Field(default=2.0, ge=1)
    min_diversity: float = Field(default=0.25, ge=0, lt=1)
    max_accuracy: float = Field(default=0.995, gt=0.5, le=1)
    explosion: float = Field(default=20.0, ge=0)


class Recipe(Frozen):
    """A whole training.

    Attributes:
        name: What artifacts of it are called.
        model: What generates, from the table of models.
        discriminator: What judges, from the table of discriminators; none: the one the model names as its usual one,
            or none at all for models that are trained without.
        data: Where images come from.
        objective: What is minimized, from the table of objectives.
        train: The loop.
        evaluate: How checkpoints are scored.
        safety: What happens when the training goes wrong.
    """

    name: str = "generator"
    model: Named
    discriminator: Named | None = None
    data: DataSection
    objective: Named
    train: TrainSection = TrainSection()
    evaluate: EvaluateSection = EvaluateSection()
    safety: SafetySection = SafetySection()


def load_recipe(path: Path, overrides: Sequence[str] = (), tables: Mapping[str, Table[Any]] | None = None) -> Recipe:
    """Read and check a recipe.

    Args:
        path: A TOML file.
        overrides: ``section.key=value`` strings; values are TOML values, bare words are strings.
        tables: Section -> table in which the section's ``name`` must stand. The row's ``Config`` checks the section's
            options, and its ``defaults`` stand in for sections the recipe does not have; the resolved recipe then holds
            every option with its value. ``"data.degrade"`` is a list of such sections.

    Raises:
        RecipeError: All mistakes, each with its key and the near match.
    """
    try:
        raw = tomllib.loads(path.read_text())
    except OSError as err:
        raise RecipeError(f"cannot read the recipe '{path}': {err.strerror}.") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise RecipeError(f"'{path}' is not TOML: {err}.") from err
    for override in overrides:
        _apply(raw, override)
    return resolve_recipe(raw, path.name, tables or {})


def resolve_recipe(raw: dict[str, Any], where: str, tables: Mapping[str, Table[Any]]) -> Recipe:
    """Check a recipe that is already a dict. See ``load_recipe``."""
    problems: list[str] = []
    resolved = _with_defaults(raw, tables)
    for section, table in tables.items():
        holder, _, key = section.rpartition(".")
        inside = resolved.get(holder) if holder else resolved
        if not isinstance(inside, dict):
            continue
        if isinstance(given := inside.get(key), list):
            parts = [_checked(table, one, f"{section}.{number}", problems) for number, one in enumerate(given)]
            resolved[holder] = {**inside, key: parts}
        elif not holder and section in resolved:
            resolved[section] = _checked(table, given, section, problems)
    try:
        recipe = Recipe.model_validate(resolved)
    except ValidationError as err:
        problems += [_sentence(item, Recipe, ()) for item in err.errors()]
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise RecipeError(
            f"{where} has {count}:\n  " + "\n  ".join(sorted(problems)),
            hint="'gantools train --schema' prints every key",
        )
    return recipe


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe, for editors."""
    return Recipe.model_json_schema()


def _with_defaults(raw: dict[str, Any], tables: Mapping[str, Table[Any]]) -> dict[str, Any]:
    """The recipe with the sections that its parts bring along, for sections that are missing or have no name.

    An unknown name brings none; it is reported later.
    """
    resolved = dict(raw)
    for section, table in tables.items():
        name = given.get("name") if isinstance(given := raw.get(section), dict) else None
        if isinstance(name, str) and name in table:
            with contextlib.suppress(GantoolsError):
                for other, default in getattr(table.load(name), "defaults", {}).items():
                    own = resolved.get(other, {})
                    if isinstance(own, dict) and "name" not in own:
                        resolved[other] = {**default, **own}
    return resolved


def _checked(table: Table[Any], given: Any, section: str, problems: list[str]) -> Any:
    """A section with all its options; what is none is returned as it is, and reported later."""
    if not isinstance(given, dict) or not isinstance(name := given.get("name"), str):
        return given
    options = {key: value for key, value in given.items() if key != "name"}
    return {"name": name, **_checked_options(table, name, options, section, problems)}


def _checked_options(
    table: Table[Any], name: str, options: dict[str, Any], section: str, problems: list[str]
) -> dict[str, Any]:
    try:
        config: type[BaseModel] = table.load(name).Config
    except GantoolsError as err:
        problems.append(f"{section}.name: {err.message.rstrip('.')}" if err.exit_code == 2 else err.message)
        return options
    try:
        return config.model_validate(options).model_dump(mode="json")
    except ValidationError as err:
        problems += [_sentence(item, config, (section,)) for item in err.errors()]
        return options


def _sentence(item: Any, model: type[BaseModel], prefix: tuple[str, ...]) -> str:
    location = [str(part) for part in item["loc"]]
    key = ".".join((*prefix, *location))
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _keys_at(model, location[:-1]), n=1)
        return f"{key}: unknown key" + (f"; did you mean '{near[0]}'?" if near else "")
    if item["type"] == "missing":
        return f"{key}: is missing"
    return f"{key}: {item['msg'][0].lower()}{item['msg'][1:]}, got {item['input']!r}"


def _keys_at(model: type[BaseModel], location: list[str]) -> list[str]:
    for part in location:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        kinds = (annotation, *get_args(annotation))  # a section that may be absent is one of two kinds
        sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not sections:
            return []
        model = sections[0]
    return list(model.model_fields)


def _apply(raw: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(
            f"--set takes section.key=value, got '{override}'.", hint="for example --set train.steps=2000"
        )
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    *path, last = key.split(".")
    here = raw
    for part in path:
        here = here.setdefault(part, {})
        if not isinstance(here, dict):
            raise RecipeError(f"--set {override}: '{part}' is a value, not a section.")
    here[last] = value


def dump_recipe(recipe: Recipe) -> str:
    """The resolved recipe as JSON, as it is stored in a run."""
    return json.dumps(recipe.model_dump(mode="json"), indent=2)
