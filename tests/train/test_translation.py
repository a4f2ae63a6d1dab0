"""Trainings of translators: from pairs side by side, from two kinds of pictures, and what ships of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantools.core.errors import RecipeError
from gantools.core.recipe import Recipe, resolve_recipe
from gantools.data.pairs.clips import open_clips
from gantools.enhance.files import enhance
from gantools.enhance.plan import reach_in
from gantools.export.onnx import export
from gantools.samplers import open_artifact
from gantools.samplers.image_to_image import ImageToImage
from gantools.train import PARTS, train
from gantools.train.checkpoint import OBJECTIVE, load_checkpoint, read_tensors

_PATCHES = {"name": "patch", "width": 4, "layers": 1, "norm": "instance"}
_RESNET = {"name": "resnet", "width": 4, "blocks": 1}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parts of a photograph beside themselves in grey: ``both``; and each kind in a folder of its own."""
    folder = tmp_path_factory.mktemp("pictures")
    photo = open_clips("builtin:photos", channels=3, cache=str(folder / "cache")).clips[0][0]
    for name in ("both", "photos", "greys"):
        (folder / name).mkdir()
    for number in range(6):
        part = photo[40 * number : 40 * number + 40, 200:248]
        grey = np.repeat(part.mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
        for name, image in (("both", np.concatenate([grey, part], 1)), ("photos", part), ("greys", grey)):
            Image.fromarray(image).save(folder / name / f"{number}.png")
    return folder


def recipe(pictures: Path, model: dict[str, Any], name: str, steps: int = 4, **others: Any) -> Recipe:
    unpaired = name != "pix2pix"
    sources = (
        {"source": str(pictures / "greys"), "targets": str(pictures / "photos"), "unpaired": True}
        if unpaired
        else {"source": str(pictures / "both"), "halves": "left-to-right"}
    )
    raw: dict[str, Any] = {
        "name": "style",
        "model": model,
        "discriminator": {**_PATCHES, "conditional": not unpaired},
        "objective": {"name": name},
        "data": {**sources, "cache": str(pictures / "cache"), "patch": 16},
        "train": {
            **{"steps": steps, "batch": 2, "precision": "fp32", "compile": "off"},
            **{"sample_every": 4, "checkpoint_every": 2, "ema_half_life_images": 0},
        },
        "evaluate": {"every": 0},
    }
    for section, values in others.items():
        raw[section] = {**raw[section], **values}
    return resolve_recipe(raw, "style", PARTS)


@pytest.fixture(scope="module")
def coloured(pictures: Path) -> Path:
    """The run of a short training that gives pictures their colours back."""
    model = {"name": "unet", "width": 8, "depth": 2}
    options = {"train": {"learning_rate": 2e-3}, "evaluate": {"every": 60, "samples": 100, "held_out": 0.2}}
    train(recipe(pictures, model, "pix2pix", 120, **options), pictures / "run", accelerator="cpu")
    return pictures / "run"


def test_pix2pix_learns_colours_from_pairs_side_by_side(coloured: Path) -> None:
    scored = [json.loads(line) for line in (coloured / "log.jsonl").read_text().splitlines()]
    psnrs = [line["psnr"] for line in scored if "psnr" in line]
    assert len(psnrs) == 2
    assert psnrs[1] > 18, "it begins with 9 dB"


def test_it_ships_and_takes_pictures_of_any_size_whole(coloured: Path, tmp_path: Path) -> None:
    artifact = export(load_checkpoint(coloured), tmp_path / "art")
    photo = open_clips("builtin:photos", channels=3, cache=str(coloured.parent / "cache")).clips[0][0, :37, :51]
    Image.fromarray(photo).save(tmp_path / "in.png")
    report = enhance(artifact.path, tmp_path / "in.png", tmp_path / "out.png")
    assert report.plan.startswith("whole images")
    with Image.open(tmp_path / "out.png") as made:
        assert made.size == (51, 37)
    with open_artifact(artifact.path) as generator:
        reason = reach_in(generator.artifact, None, ImageToImage(generator))
    assert isinstance(reason, str)
    assert "takes the mean of the whole image" in reason


@pytest.mark.parametrize(
    ("objective", "beside", "nets"), [("cut", "projection", "DGH"), ("cyclegan", "inverse", ["D", "D_A", "F", "G"])]
)
def test_a_stopped_training_without_pairs_goes_on_bit_for_bit(
    objective: str, beside: str, nets: Any, pictures: Path, tmp_path: Path
) -> None:
    model = {**_RESNET, "beside": beside}
    options: dict[str, Any] = (
        {"objective": {"pool": 3}} if objective == "cyclegan" else {}
    )  # full after two steps of two
    whole = recipe(pictures, model, objective, **options)
    train(whole, tmp_path / "whole", accelerator="cpu")
    train(recipe(pictures, model, objective, 2, **options), tmp_path / "run", accelerator="cpu")
    train(whole, tmp_path / "run", resume=True, accelerator="cpu")
    last = load_checkpoint(tmp_path / "run", "last")
    assert last.digest == load_checkpoint(tmp_path / "whole", "last").digest
    assert sorted(last.build_model().nets) == sorted(nets)
    remembered = read_tensors(last.folder / OBJECTIVE)
    assert {name: tuple(found.shape) for name, found in remembered.items()} == (
        {"pool.D": (3, 3, 16, 16), "pool.D_A": (3, 3, 16, 16)} if objective == "cyclegan" else {}
    )
    with Image.open(tmp_path / "run" / "samples" / "step-00000004.png") as opened:
        assert opened.size[0] == 6 * 16 + 5 * 2, "three pairs side by side"


def test_kid_chooses_where_there_are_no_pairs(pictures: Path, tmp_path: Path) -> None:
    wanted = {"every": 2, "samples": 100, "extractor": "digits-cnn", "held_out": 0.2}
    asked = recipe(pictures, {**_RESNET, "beside": "projection"}, "cut", evaluate=wanted)
    train(asked, tmp_path / "run", accelerator="cpu")
    quality = load_checkpoint(tmp_path / "run").quality
    assert quality is not None
    assert quality["kid_low"] < quality["kid"] < quality["kid_high"]
    assert quality["samples"] == 100
    told = [json.loads(line)["text"] for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert "1 of 6 clips (16.7%) are held out, in held_out.txt: kid is of them" in told


def test_a_missing_net_is_said_with_what_to_set(pictures: Path, tmp_path: Path) -> None:
    for objective, beside, missing in (("cut", "projection", "H"), ("cyclegan", "inverse", "D_A, F")):
        with pytest.raises(RecipeError, match=f"model 'resnet' has no {missing}") as caught:
            train(recipe(pictures, _RESNET, objective), tmp_path / "run", accelerator="cpu")
        assert caught.value.hint == f"set model.beside={beside}"


def test_degradations_are_of_pairs(pictures: Path, tmp_path: Path) -> None:
    asked = recipe(pictures, {**_RESNET, "beside": "projection"}, "cut", data={"degrade": [{"name": "grey"}]})
    with pytest.raises(RecipeError, match=r"data\.unpaired is for models that keep the size"):
        train(asked, tmp_path / "run", accelerator="cpu")
