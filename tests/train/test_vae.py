"""A variational autoencoder through the whole spine, with no special case: train, resume, export, sample."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

import gantools
from gantools.core.errors import RecipeError
from gantools.core.recipe import Recipe, resolve_recipe
from gantools.data import open_images
from gantools.export.onnx import export
from gantools.losses.objectives.objective import Batch
from gantools.train import PARTS, train
from gantools.train.checkpoint import step_folder
from gantools.train.draws import generator
from gantools.train.learner import Learner


def recipe(cache: str, steps: int, **objective: Any) -> Recipe:
    raw: dict[str, Any] = {
        "model": {"name": "vae", "channels": 1, "latent": 8, "width": 8},
        "data": {"source": "builtin:digits", "cache": cache},
        "train": {"steps": steps, "batch": 16, "sample_every": 0, "checkpoint_every": 5, "precision": "fp32"},
        "evaluate": {"every": 0},
    }
    if objective:
        raw["objective"] = objective
    return resolve_recipe(raw, "tiny", PARTS)


def tensors(run: Path, step: int) -> dict[str, torch.Tensor]:
    files = sorted(step_folder(run, step).glob("*.safetensors"))
    assert len(files) == 4
    return {f"{file.stem}:{name}": tensor for file in files for name, tensor in load_file(file).items()}


def test_the_objective_need_not_be_named(image_cache: str) -> None:
    resolved = recipe(image_cache, 1)
    assert resolved.objective.name == "elbo"
    assert resolved.objective.options["sigma"] == "learned"
    assert resolved.discriminator is None


def test_a_resumed_training_is_equal_bit_for_bit_and_its_artifact_reconstructs(
    tmp_path: Path, image_cache: str
) -> None:
    options = {"name": "elbo", "warmup_steps": 8, "free_bits": 0.01}
    checkpoint = train(recipe(image_cache, 10, **options), tmp_path / "straight")
    train(recipe(image_cache, 5, **options), tmp_path / "resumed")
    train(recipe(image_cache, 10, **options), tmp_path / "resumed", resume=True)
    straight, resumed = (tensors(tmp_path / run, 10) for run in ("straight", "resumed"))
    assert straight.keys() == resumed.keys()
    assert [name for name in straight if not torch.equal(straight[name], resumed[name])] == []
    assert {name.partition(".")[0] for name in straight if name.startswith("ema")} == {"ema:E", "ema:G"}
    artifact = export(checkpoint, tmp_path / "art")
    assert {parity.graph for parity in artifact.manifest.steps[0].parity} == {"generator", "generator_float", "encoder"}
    digits = open_images("builtin:digits", resolution=32, channels=1, cache=image_cache).images[:5]
    model = checkpoint.build_model()
    with gantools.open_artifact(tmp_path / "art") as opened, torch.inference_mode():
        scaled = torch.from_numpy(digits.copy()).permute(0, 3, 1, 2) / 127.5 - 1
        mean, _ = model.nets["E"](scaled)
        np.testing.assert_allclose(opened.encode(digits), mean.numpy(), atol=1e-4)
        assert opened.reconstruct(digits).shape == digits.shape


def test_the_phase_moves_both_nets(image_cache: str) -> None:
    learner = Learner(recipe(image_cache, 1), Fabric(accelerator="cpu", devices=1, precision="32-true"))
    before = {name: tensor.clone() for name, tensor in learner.tensors()["nets.safetensors"].items()}
    (phase,) = learner.objective.phases
    learner.update(phase, Batch(torch.rand(8, 1, 32, 32) * 2 - 1, {}), generator(0, phase.name, 0))
    after = learner.tensors()["nets.safetensors"]
    assert [name for name in before if torch.equal(before[name], after[name])] == []


def test_a_game_that_would_leave_the_encoder_untrained_is_refused(image_cache: str) -> None:
    raw = recipe(image_cache, 1, name="nonsaturating").model_dump(mode="json")
    played = resolve_recipe({**raw, "discriminator": {"name": "dcgan", "width": 4}}, "tiny", PARTS)
    with pytest.raises(RecipeError, match=r"'nonsaturating' does not train E, which the model 'vae' ships") as caught:
        Learner(played, Fabric(accelerator="cpu", devices=1, precision="32-true"))
    assert caught.value.hint == "choose an objective that fits the model, such as objective.name=elbo"
