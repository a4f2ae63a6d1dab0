"""Trainings that begin with the nets of another one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from gantools.core.errors import ArtifactError, RecipeError
from gantools.core.events import Event, Note
from gantools.core.recipe import Recipe, resolve_recipe
from gantools.data import open_images
from gantools.train import PARTS, train
from gantools.train.checkpoint import EMA, NETS, OPTIMIZERS, load_checkpoint, step_folder
from gantools.train.draws import Draws, generator
from gantools.train.learner import Learner
from gantools.train.processes import start_fabric
from tests.train.conftest import MakeRecipe

CODER = {"latent": 4, "width": 8, "norm": "batch"}
LATENTS = {"name": "nmg", "channels": 1, "autoencoder": CODER, "steps": 2}
MakeFit = Callable[..., Recipe]


def recipe_of(cache: str, model: dict[str, Any], **others: Any) -> Recipe:
    """A short training of any model, whose options ``train`` are those given."""
    section = {"steps": 4, "batch": 16, "sample_every": 0, "checkpoint_every": 2, "precision": "fp32"}
    raw = {
        "model": model,
        "data": {"source": "builtin:digits", "cache": cache},
        "train": section | others.pop("train", {}),
        "evaluate": {"every": 0},
    }
    return resolve_recipe(raw | others, "tiny", PARTS)


@pytest.fixture(scope="module")
def adversarial(tmp_path_factory: pytest.TempPathFactory, image_cache: str) -> Path:
    """A run of a GAN."""
    run = tmp_path_factory.mktemp("runs") / "adversarial"
    small = {"discriminator": {"name": "dcgan", "width": 4}, "objective": {"name": "nonsaturating"}}
    train(recipe_of(image_cache, {"name": "dcgan", "channels": 1, "latent": 8, "width": 4}, **small), run)
    return run


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory, image_cache: str) -> Path:
    """A run of an autoencoder."""
    run = tmp_path_factory.mktemp("runs") / "coded"
    train(recipe_of(image_cache, {"name": "vae", "channels": 1, **CODER}, train={"learning_rate": 1e-2}), run)
    return run


@pytest.fixture
def make_fit(image_cache: str) -> MakeFit:
    """From ``train.start_from`` and other options of a training to the recipe of a fit to latents."""

    def make(source: Path | None, model: dict[str, Any] = LATENTS, judged: bool = False, **section: Any) -> Recipe:
        start = {"start_from": str(source)} if source else {}
        others: dict[str, Any] = {"objective": {"name": "gaussian", "fit_every": 2}}
        if judged:
            others = {"objective": {"name": "gaussian_judged"}, "discriminator": {"name": "mlp", "hidden": [8]}}
        return recipe_of(image_cache, model, train=start | section, **others)

    return make


def parts(run: Path, step: int, file: str, nets: str) -> dict[str, Tensor]:
    found = load_file(step_folder(run, step) / file)
    return {name: tensor for name, tensor in found.items() if name.partition(".")[0] in nets}


def differing(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    assert one.keys() == other.keys()
    assert len(one) >= 4
    return [name for name in one if not torch.equal(one[name], other[name])]


def test_a_training_without_effective_steps_has_the_weights_it_began_with(
    tmp_path: Path, make_recipe: MakeRecipe, adversarial: Path
) -> None:
    told: list[Event] = []
    recipe = make_recipe(train__start_from=str(adversarial), train__learning_rate=1e-30, train__steps=2)
    checkpoint = train(recipe, tmp_path / "run", on_event=told.append)
    averaged, raw = (parts(adversarial, 4, file, "G") for file in (EMA, NETS))
    assert len(differing(averaged, raw)) > 5, "or it could not be told which of both were taken"
    nets = checkpoint.build_model().nets
    weights = {f"{net}.{name}" for net in nets for name, _ in nets[net].named_parameters()}
    for file, net, expected in (
        (NETS, "G", averaged),
        (EMA, "G", averaged),
        (NETS, "D", parts(adversarial, 4, NETS, "D")),
    ):
        changed = differing(parts(tmp_path / "run", 2, file, net), expected)
        assert weights & expected.keys()
        assert not weights & set(changed), "statistics of batch norm alone move without a step"
    source = load_checkpoint(adversarial)
    assert checkpoint.state.origin is not None
    assert checkpoint.state.origin.model_dump() == {
        "source": str(adversarial),
        "step": 4,
        "digest": source.digest,
        "nets": ("G", "D"),
    }
    text = f"the training begins with G, D from '{adversarial}', step 4, digest {source.digest[:12]}"
    assert Note(text) in told
    events = [json.loads(line) for line in (tmp_path / "run/events.jsonl").read_text().splitlines()]
    assert [event["origin"]["digest"] for event in events if event["text"] == text] == [source.digest]


def test_a_resumed_training_does_not_need_its_source(
    tmp_path: Path, make_recipe: MakeRecipe, adversarial: Path
) -> None:
    shutil.copytree(adversarial, source := tmp_path / "source")
    recipe = make_recipe(train__start_from=str(source))
    train(recipe, tmp_path / "whole")
    train(recipe.model_copy(update={"train": recipe.train.model_copy(update={"steps": 3})}), tmp_path / "halves")
    shutil.rmtree(source)
    resumed = train(recipe, tmp_path / "halves", resume=True)
    for file in (NETS, EMA, OPTIMIZERS):
        assert differing(*(load_file(step_folder(tmp_path / run, 6) / file) for run in ("whole", "halves"))) == []
    assert resumed.state.origin == load_checkpoint(tmp_path / "whole").state.origin
    assert resumed.state.origin is not None


def test_to_begin_again_is_to_become_what_was_begun_with(
    tmp_path: Path, make_recipe: MakeRecipe, adversarial: Path
) -> None:
    shutil.copytree(adversarial, source := tmp_path / "source")
    recipe = make_recipe(train__start_from=str(source))
    fabric = start_fabric(recipe, devices=1, nodes=1, accelerator="cpu")
    learner = Learner(recipe, fabric)
    built = {name: tensor.clone() for name, tensor in learner.tensors()[NETS].items()}
    learner.start_from()
    shutil.rmtree(source)
    begun = [{name: tensor.clone() for name, tensor in learner.tensors()[file].items()} for file in (NETS, EMA)]
    assert len(differing(built, begun[0])) > 10
    images = open_images("builtin:digits", resolution=32, channels=1, cache=recipe.data.cache)
    with Draws(images, learner.model, batch=8, mirror=False, seed=0, rank=0, world=1, device=fabric.device) as draws:
        batch = draws.batch(0, ("D", "G"))
        for phase in learner.due(0):
            learner.update(phase, batch, generator(0, phase.name, 0))
        learner.average(8)
    assert len(differing(learner.tensors()[NETS], begun[0])) > 10
    learner.begin_again()
    for file, expected in zip((NETS, EMA), begun, strict=True):
        assert differing(learner.tensors()[file], expected) == []


def test_what_cannot_be_begun_with_is_refused_before_anything_is_written(
    tmp_path: Path, make_recipe: MakeRecipe, adversarial: Path, coded: Path, make_fit: MakeFit
) -> None:
    pixels = {"name": "nmg", "resolution": 8, "channels": 1, "rank": 4}
    other = {**LATENTS, "autoencoder": {**CODER, "latent": 5}}
    cases: list[tuple[Recipe, type[Exception], str]] = [
        (make_recipe(train__start_from=str(tmp_path / "none")), ArtifactError, "none' does not exist"),
        (make_recipe(train__start_from=str(coded)), ArtifactError, "does not fit the model: 'G"),
        (
            make_fit(adversarial, pixels),
            RecipeError,
            r"train.start_from: the model 'dcgan' in '.*' has the nets D, G, and the model 'nmg' has N\.",
        ),
        (
            make_fit(adversarial),
            RecipeError,
            r"'dcgan' in '.*' has the nets D, G, and the model 'nmg' needs all of E, G",
        ),
        (make_fit(coded, other), ArtifactError, r"fit the model: 'E.mean.weight' is \(4, 512\) .* \(5, 512\)"),
        (make_fit(None), RecipeError, "'nmg' does not train its nets E, G, and the recipe does not say where they"),
    ]
    for recipe, kind, message in cases:
        with pytest.raises(kind, match=message):
            train(recipe, tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_a_fit_to_latents_leaves_the_autoencoder_as_it_was(tmp_path: Path, coded: Path, make_fit: MakeFit) -> None:
    shutil.copytree(coded, source := tmp_path / "source")
    recipe = make_fit(source, judged=True, steps=6, batch=300, checkpoint_every=3)
    train(recipe, tmp_path / "whole")
    half = recipe.model_copy(update={"train": recipe.train.model_copy(update={"steps": 3})})
    train(half, tmp_path / "halves")
    shutil.rmtree(source)
    checkpoint = train(recipe, tmp_path / "halves", resume=True)
    learned = parts(coded, 4, EMA, "EG")
    for file in (NETS, EMA):
        assert differing(parts(tmp_path / "halves", 6, file, "EG"), learned) == []
        assert differing(*(load_file(step_folder(tmp_path / run, 6) / file) for run in ("whole", "halves"))) == []
    moved = load_file(step_folder(tmp_path / "halves", 6) / OPTIMIZERS)
    assert {name.partition(".")[0] for name in moved} == {"D"}
    model: Any = checkpoint.build_model()
    images = open_images("builtin:digits", resolution=32, channels=1, cache=recipe.data.cache).images
    rows = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        codes = model.nets["E"](rows)[0]
    assert int(model.nets["N"].fitted) == 1800, "three images of the second epoch are in it too"
    assert (model.nets["N"].mean - codes.mean(0)).abs().max() < 0.01 * codes.std()
    assert (model.nets["N"].deviation() / codes.std(0) - 1).abs().max() < 0.01
