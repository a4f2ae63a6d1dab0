"""Trainings of networks that make images of images: from photographs to an artifact that enlarges them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import ArtifactError, RecipeError
from gantools.core.recipe import Recipe, resolve_recipe
from gantools.data.pairs.clips import open_clips
from gantools.enhance.files import enhance
from gantools.export.onnx import export
from gantools.train import PARTS, train
from gantools.train.checkpoint import EXAMPLES, load_checkpoint
from tests.enhance.clips import Clip, write

SHRINK = {"name": "shrink", "scale": 2}


def recipe(source: str, cache: str, steps: int = 160, **others: Any) -> Recipe:
    raw: dict[str, Any] = {
        "name": "twice",
        "model": {"name": "compact", "scale": 2, "width": 16, "depth": 2},
        "data": {
            "source": source,
            "cache": cache,
            "patch": 24,
            "mirror": True,
            "turn": True,
            "degrade": [SHRINK],
        },
        "train": {
            "steps": steps,
            "batch": 8,
            "learning_rate": 2e-3,
            "betas": [0.9, 0.99],
            "ema_half_life_images": 160,
            "precision": "fp32",
            "compile": "off",
            "sample_every": 80,
            "checkpoint_every": 80,
        },
        "evaluate": {"every": 80, "samples": 100},
    }
    for section, values in others.items():
        raw[section] = {**raw.get(section, {}), **values}
    return resolve_recipe(raw, "twice", PARTS)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A short training on two photographs, and the cache that it used."""
    folder = tmp_path_factory.mktemp("twice")
    cache = str(folder / "cache")
    train(recipe("builtin:photos", cache), folder / "run", accelerator="cpu")
    return folder / "run", cache


def test_it_learns_and_the_best_is_kept(run: tuple[Path, str]) -> None:
    folder, _ = run
    best = load_checkpoint(folder, "best")
    assert best.quality is not None
    assert best.quality["psnr_given"] > 30, "of bicubic interpolation, which so short a training does not reach"
    assert best.quality["psnr_low"] < best.quality["psnr"] < best.quality["psnr_high"]
    assert best.quality["psnr_of"] == "clips that are learned from"
    scored = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    psnrs = [line["psnr"] for line in scored if "psnr" in line]
    assert len(psnrs) == 2
    assert psnrs[1] > psnrs[0] + 0.3
    assert best.quality["psnr"] == max(psnrs), "the best is the one with the most decibels"
    with Image.open(folder / "samples" / "step-00000160.png") as opened:
        shown = np.asarray(opened)
    assert shown.shape[1] == 6 * 48 + 5 * 2, "two rows of three side by side"
    page = (folder / "report.html").read_text()
    assert "PSNR" in page
    assert (folder / "curves" / "psnr.png").exists()


def test_a_stopped_training_goes_on_bit_for_bit(run: tuple[Path, str], tmp_path: Path) -> None:
    folder, cache = run
    train(recipe("builtin:photos", cache, steps=80), tmp_path / "run", accelerator="cpu")
    train(recipe("builtin:photos", cache), tmp_path / "run", resume=True, accelerator="cpu")
    assert load_checkpoint(tmp_path / "run", "last").digest == load_checkpoint(folder, "last").digest


def test_it_ships_and_enlarges_pictures_of_any_size(run: tuple[Path, str], tmp_path: Path) -> None:
    folder, cache = run
    artifact = export(load_checkpoint(folder), tmp_path / "art")
    assert artifact.manifest.image.scale == 2
    assert artifact.manifest.examples is not None
    assert artifact.manifest.goldens is None
    assert len(artifact.manifest.steps[0].parity) == 2
    photo = open_clips("builtin:photos", channels=3, cache=cache).clips[0][0, :61, :83]
    Image.fromarray(photo).save(tmp_path / "in.png")
    enhance(artifact.path, tmp_path / "in.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as made:
        assert made.size == (166, 122)


def test_what_is_held_out_is_written_down(tmp_path: Path, run: tuple[Path, str]) -> None:
    _, cache = run
    photos = open_clips("builtin:photos", channels=3, cache=cache)
    source = tmp_path / "photos"
    source.mkdir()
    for number in range(4):
        Image.fromarray(photos.clips[number % 2][0, :64, 64 * number : 64 * number + 64]).save(source / f"{number}.png")
    asked = recipe(str(source), cache, steps=2, evaluate={"held_out": 0.25})
    train(asked, tmp_path / "run", accelerator="cpu")
    names = (tmp_path / "run" / "held_out.txt").read_text().split()
    assert len(names) == 1
    quality = load_checkpoint(tmp_path / "run").quality
    assert quality is not None
    assert quality["psnr_of"] == "clips that are held out"
    told = [json.loads(line)["text"] for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert "1 of 4 clips (25.0%) are held out, in held_out.txt: psnr is of them" in told


def test_pairs_are_for_models_that_take_images(tmp_path: Path) -> None:
    for key, value in (("degrade", [{"name": "grey"}]), ("targets", "elsewhere")):
        data = {"source": "builtin:digits", key: value}
        raw = {"model": {"name": "dcgan"}, "data": data, "objective": {"name": "hinge"}}
        with pytest.raises(RecipeError, match=f"has data.{key}, and the model 'dcgan' makes its images of nothing"):
            train(resolve_recipe(raw, "x", PARTS), tmp_path / "run", accelerator="cpu")


def test_damaged_examples_are_said(run: tuple[Path, str], tmp_path: Path) -> None:
    _, cache = run
    train(recipe("builtin:photos", cache, steps=2), tmp_path / "run", accelerator="cpu")
    checkpoint = load_checkpoint(tmp_path / "run", "last")
    (checkpoint.folder / EXAMPLES).write_bytes(b"\x93NUMPY")
    with pytest.raises(ArtifactError, match=r"examples\.npy' is damaged"):
        export(checkpoint, tmp_path / "art")
    assert not (tmp_path / "art").exists()


def test_what_looks_real_is_learned_with_a_judge_and_a_network_that_sees(run: tuple[Path, str], tmp_path: Path) -> None:
    asked = {
        "objective": {"name": "pix2pix", "game": "hinge", "perceptual": 0.5, "perceptual_network": "digits-cnn"},
        "discriminator": {"name": "patch", "width": 4, "layers": 1, "norm": "spectral"},
        "evaluate": {"every": 0},
        "train": {"sample_every": 0, "checkpoint_every": 2},
    }
    train(recipe("builtin:photos", run[1], 2, **asked), tmp_path / "run", accelerator="cpu")
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert {"G.l1", "G.fake", "G.perceptual", "D.real", "D.fake"} <= lines[-1].keys()
    checkpoint = load_checkpoint(tmp_path / "run", "last")
    assert sorted(checkpoint.build_model().nets) == ["D", "G"], "what sees is no part of it"


def test_films_are_learned_with_a_judge_frame_after_frame(run: tuple[Path, str], tmp_path: Path) -> None:
    write(tmp_path / "film.mp4", Clip(times=tuple(512 * n for n in range(8))))
    asked = {
        "model": {"name": "recurrent", "scale": 2, "width": 8, "depth": 1},
        "discriminator": {"name": "patch", "width": 4, "layers": 1, "norm": "spectral"},
        "objective": {"name": "pix2pix", "game": "hinge", "temporal": 1.0},
        "data": {"source": str(tmp_path / "film.mp4"), "cache": run[1], "patch": 16, "frames": 3, "degrade": [SHRINK]},
        "train": {"steps": 2, "batch": 2, "precision": "fp32", "sample_every": 1, "checkpoint_every": 2},
        "evaluate": {"every": 0},
    }
    train(resolve_recipe(asked, "film", PARTS), tmp_path / "run", accelerator="cpu")
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert {"G.l1", "G.fake", "G.temporal", "D.real", "D.fake"} <= lines[-1].keys()
    exported = export(load_checkpoint(tmp_path / "run", "last"), tmp_path / "art")
    assert [one.state_of for one in exported.manifest.graphs["generator"].spec.inputs].count(None) == 1


@pytest.mark.parametrize(
    ("model", "data", "objective", "sentence"),
    [
        (
            {"name": "compact", "scale": 1},
            {"degrade": [{"name": "middle"}]},
            "pixels",
            "takes frames away with 'middle'",
        ),
        ({"name": "between"}, {"degrade": [{"name": "noise"}]}, "pixels", "'between' makes frames between others"),
        (
            {"name": "resnet", "width": 4, "blocks": 1, "beside": "projection"},
            {"degrade": [{"name": "noise"}]},
            "cut",
            "the objective 'cut' learns from single images, and data.frames is 3",
        ),
    ],
)
def test_films_that_do_not_fit_are_refused(
    run: tuple[Path, str], tmp_path: Path, model: dict[str, Any], data: dict[str, Any], objective: str, sentence: str
) -> None:
    write(tmp_path / "film.mp4", Clip(times=tuple(512 * n for n in range(8))))
    asked = {
        "model": model,
        "data": {"source": str(tmp_path / "film.mp4"), "cache": run[1], "patch": 16, "frames": 3, **data},
        "objective": {"name": objective},
        "train": {"steps": 1, "batch": 2, "precision": "fp32", "compile": "off"},
        "evaluate": {"every": 0},
    }
    with pytest.raises(RecipeError, match=sentence) as caught:
        train(resolve_recipe(asked, "film", PARTS), tmp_path / "run", accelerator="cpu")
    assert caught.value.hint
    assert not (tmp_path / "run").exists(), "the same --out can be given again"
