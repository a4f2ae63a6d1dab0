"""What StyleGAN2 remembers from step to step, through a real training of seconds."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from gantools.core.recipe import Recipe, resolve_recipe
from gantools.train import PARTS, train
from gantools.train.checkpoint import step_folder


def recipe(cache: str, steps: int) -> Recipe:
    widths = {"channel_base": 256, "channel_max": 8}
    raw = {
        "model": {"name": "stylegan2", "resolution": 16, "channels": 1, "latent": 8, "style": 8, **widths},
        "discriminator": {"name": "stylegan2", **widths},
        "data": {"source": "builtin:digits", "cache": cache},
        "objective": {"name": "stylegan2", "r1_every": 3, "path_every": 2, "augment": "ada", "ada_target": 0.1},
        "train": {
            "steps": steps,
            "batch": 8,
            "sample_every": 0,
            "checkpoint_every": 5,
            "ema_half_life_images": 64,
            "precision": "fp32",
        },
        "evaluate": {"every": 0},
    }
    return resolve_recipe(raw, "tiny", PARTS)


def tensors(run: Path, step: int) -> dict[str, torch.Tensor]:
    files = sorted(step_folder(run, step).glob("*.safetensors"))
    assert len(files) == 4
    return {f"{file.stem}:{name}": tensor for file in files for name, tensor in load_file(file).items()}


def test_a_resumed_training_is_equal_to_an_uninterrupted_one_bit_for_bit(tmp_path: Path, image_cache: str) -> None:
    train(recipe(image_cache, 10), tmp_path / "straight")
    train(recipe(image_cache, 5), tmp_path / "resumed")
    train(recipe(image_cache, 10), tmp_path / "resumed", resume=True)
    straight, resumed = (tensors(tmp_path / run, 10) for run in ("straight", "resumed"))
    assert straight.keys() == resumed.keys()
    assert [name for name in straight if not torch.equal(straight[name], resumed[name])] == []
    for name in ("objective:path_length", "nets:G.mapping.average", "nets:D.deviation.average", "objective:ada.count"):
        assert straight[name].any(), f"{name} has moved"
    assert torch.equal(straight["nets:G.mapping.average"], straight["ema:G.mapping.average"])
