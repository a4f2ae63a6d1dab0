"""Facades of labels, learned within a fixed budget of CPU time: from pairs (pix2pix), and without (CUT, CycleGAN).

    GANTOOLS_DATA=... python benchmarks/style_quality.py --out /tmp/style [--rows pix2pix,cut] [--cpu-seconds 1200]

Under GANTOOLS_DATA lies ``facades`` with the folders ``train`` and ``test`` of pictures that hold a photograph and its
labels side by side. They are made 64 pixels large, and 72 for the training, which sees squares of 64. The paired
trainings see all pairs; the unpaired ones the labels of one half of them and the photographs of the other, so that no
pair is among them.

What is measured is of the test labels, which no training saw: PSNR and SSIM (RGB) beside the true photographs, and KID
between all that was made and all test photographs. Beside them stand what needs no network: the mean colour of each
label, and the photograph of the training picture whose labels are nearest; and, for KID, real photographs of the
training set.

A training is a process with one thread, which is asked to stop when its CPU seconds are spent, and goes on where it was
when the benchmark is run again with more. With ``--accelerator cuda`` the nets are on a GPU, whose name stands in the
line, and the CPU seconds are those of the process that starts its kernels. What is measured is its last averaged
checkpoint. One line for each row goes to ``--record``, a picture of all to ``OUT/facades.png``: labels, each row of the
table, and photographs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from PIL import Image

from gantools.core.atomic import write_atomic
from gantools.core.events import Event, Progress
from gantools.core.recipe import resolve_recipe
from gantools.metrics.features import load_extractor
from gantools.metrics.pairs import psnr
from gantools.metrics.ssim import ssim
from gantools.timing.environment import environment
from gantools.train import PARTS, train
from gantools.train.checkpoint import load_checkpoint
from gantools.train.pair_quality import restore
from gantools.train.quality import Distance

SIZE, TRAINED = 64, 72
EXTRACTOR = "efficientnet-lite0-96"
SHOWN = 8
# The colours of the twelve labels, as the pictures have them before JPEG.
PALETTE = np.array(
    [
        *((0, 0, 170), (0, 0, 255), (0, 85, 255), (0, 170, 255), (0, 255, 255), (85, 255, 170)),
        *((170, 255, 85), (255, 255, 0), (255, 170, 0), (255, 85, 0), (255, 0, 0), (170, 0, 0)),
    ]
)
_UNET = {"name": "unet", "width": 32, "depth": 5, "dropout": 0.5}
_RESNET = {"name": "resnet", "width": 32, "blocks": 6}
_PATCH = {"name": "patch", "width": 32, "layers": 2, "norm": "instance"}
ROWS: dict[str, dict[str, Any]] = {
    "pix2pix": {
        "model": _UNET,
        "discriminator": {**_PATCH, "conditional": True},
        "objective": {"name": "pix2pix"},
    },
    "regression": {
        "model": _UNET,
        "discriminator": {**_PATCH, "conditional": True},
        "objective": {"name": "pix2pix", "adversarial": False},
    },
    "cut": {
        "model": {**_RESNET, "beside": "projection"},
        "discriminator": _PATCH,
        "objective": {"name": "cut", "places": 64},
        "unpaired": True,
    },
    "cyclegan": {
        "model": {**_RESNET, "beside": "inverse"},
        "discriminator": _PATCH,
        "objective": {"name": "cyclegan"},
        "unpaired": True,
    },
}


def prepare(source: Path, out: Path) -> None:
    """Write the pictures in the sizes that trainings and tests take: ``both`` halves, and ``labels`` and ``photos``."""
    for number, path in enumerate(sorted((source / "train").glob("*.jpg"))):
        photo, labels = _halves(path, TRAINED)
        name = f"{path.stem}.png"
        _save(np.concatenate([labels, photo], 1), out / "both" / name)
        kind, picture = ("labels", labels) if number % 2 else ("photos", photo)
        _save(picture, out / kind / name)


def pairs_of(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Labels and photographs: (n, SIZE, SIZE, 3) uint8 each."""
    found = [_halves(path, SIZE) for path in sorted(folder.glob("*.jpg"), key=lambda path: int(path.stem))]
    photos, labels = (np.stack(side) for side in zip(*found, strict=True))
    return labels, photos


def _halves(path: Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The photograph and the labels of a picture."""
    whole = Image.open(path).convert("RGB")
    middle = whole.width // 2
    boxes = (0, 0, middle, whole.height), (middle, 0, whole.width, whole.height)
    photo, labels = (whole.resize((size, size), Image.Resampling.BOX, box=box) for box in boxes)
    return np.asarray(photo, np.uint8), np.asarray(labels, np.uint8)


def _save(image: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def recipe_of(row: str, out: Path) -> dict[str, Any]:
    """The recipe of a training, as data."""
    parts = dict(ROWS[row])
    unpaired = parts.pop("unpaired", False)
    sources = (
        {"source": str(out / "labels"), "targets": str(out / "photos"), "unpaired": True}
        if unpaired
        else {"source": str(out / "both"), "halves": "left-to-right"}
    )
    return {
        "name": row,
        **parts,
        "data": {**sources, "patch": SIZE, "mirror": True, "cache": str(out / "cache")},
        "train": {
            "steps": 10**6,
            "batch": 4,
            "ema_half_life_images": 2000,
            "sample_every": 500,
            "checkpoint_every": 250,
            "keep": 1,
            "compile": "off",
        },
        "evaluate": {"every": 0},
    }


def train_on(row: str, out: Path, cpu_seconds: float, accelerator: str) -> None:
    """Train until this process has used its CPU time. To be run in a new process."""
    torch.set_num_threads(1)
    before = _cpu_seconds()

    def watch(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "train" and _cpu_seconds() - before > cpu_seconds:
            os.kill(os.getpid(), signal.SIGINT)

    run = out / row / "run"
    with contextlib.suppress(KeyboardInterrupt):
        recipe = resolve_recipe(recipe_of(row, out), row, PARTS)
        train(recipe, run, resume=(run / "checkpoints").exists(), accelerator=accelerator, on_event=watch)
    _spend(out / row, _cpu_seconds() - before, accelerator)


def spent(folder: Path) -> dict[str, Any]:
    """CPU seconds that a training has had so far, and where it ran."""
    path = folder / "spent.json"
    return dict(json.loads(path.read_text())) if path.exists() else {"cpu_s": 0.0}


def _spend(folder: Path, seconds: float, accelerator: str) -> None:
    device = torch.cuda.get_device_name() if accelerator == "cuda" else accelerator
    known = {"cpu_s": spent(folder)["cpu_s"] + seconds, "trained_on": device}
    write_atomic(folder / "spent.json", json.dumps(known).encode())


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def colours_of(labels: np.ndarray, known: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Each label painted in the mean colour that it has in the training photographs."""
    kinds = _kinds(known[0])
    means = np.stack([known[1][kinds == kind].mean(0) for kind in range(len(PALETTE))])
    painted: np.ndarray = np.rint(means[_kinds(labels)]).astype(np.uint8)
    return painted


def _kinds(labels: np.ndarray) -> np.ndarray:
    """Which label each pixel is nearest to."""
    kinds: np.ndarray = np.square(labels[..., None, :].astype(np.int64) - PALETTE).sum(-1).argmin(-1)
    return kinds


def neighbours_of(labels: np.ndarray, known: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The training photographs with the most similar labels."""
    one, other = (side.reshape(len(side), -1).astype(np.float64) for side in (labels, known[0]))
    distances = np.square(one).sum(1)[:, None] - 2 * one @ other.T + np.square(other).sum(1)
    nearest: np.ndarray = known[1][distances.argmin(1)]
    return nearest


def figures(made: np.ndarray, photos: np.ndarray, distance: Distance) -> dict[str, Any]:
    """What the docstring of this file says, of pictures (n, SIZE, SIZE, 3) uint8."""
    kid = {key: value for key, value in distance.of(made).items() if key.startswith("kid")}
    together = list(zip(made, photos, strict=True))
    return {
        "psnr_db": fmean(psnr(one, other) for one, other in together),
        "ssim": fmean(ssim(one, other) for one, other in together),
        **kid,
    }


def main() -> None:
    """Train what is missing, measure, print a table, record a line for each row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cpu-seconds", type=float, default=1200.0, help="Of each training, earlier runs included.")
    parser.add_argument("--accelerator", default="cpu", help="Where it is trained: cpu or cuda.")
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--record", type=Path)
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    rows = given.rows.split(",")
    if given.one is not None:
        train_on(rows[0], given.out, given.one, given.accelerator)
        return
    source = Path(os.environ["GANTOOLS_DATA"]) / "facades"
    if not (given.out / "both").exists():
        prepare(source, given.out)
    for row in rows:
        (given.out / row).mkdir(parents=True, exist_ok=True)
        if (missing := given.cpu_seconds - spent(given.out / row)["cpu_s"]) > 1:
            words = [sys.executable, __file__, "--out", str(given.out), "--rows", row, "--one", str(missing)]
            subprocess.run([*words, "--accelerator", given.accelerator], check=True)
    measure(rows, source, given.out, given.record)


def measure(rows: list[str], source: Path, out: Path, record: Path | None) -> None:
    """Every row and every baseline on the test pictures."""
    known, (labels, photos) = pairs_of(source / "train"), pairs_of(source / "test")
    extractor = load_extractor(EXTRACTOR)
    distance = Distance(extractor, extractor.features(photos), len(photos))
    made = {"mean colours": colours_of(labels, known), "nearest neighbour": neighbours_of(labels, known)}
    facts: dict[str, dict[str, Any]] = {name: {} for name in made}
    for row in rows:
        checkpoint = load_checkpoint(out / row / "run", "last")
        made[row] = restore(checkpoint.build_model(), labels[:, None], torch.device("cpu"))
        facts[row] = {
            "steps": checkpoint.step,
            "images_seen": checkpoint.images_seen,
            **spent(out / row),
            "recipe": checkpoint.recipe.model_dump(mode="json", exclude={"data"}),
        }
    found = {name: figures(images, photos, distance) for name, images in made.items()}
    floor = distance.of(known[1])
    print(f"{'':18} PSNR dB   SSIM     KID (95 % interval)")
    for name, one in found.items():
        interval = f"{one['kid']:.3f} ({one['kid_low']:.3f} to {one['kid_high']:.3f})"
        print(f"{name:18} {one['psnr_db']:7.2f}  {one['ssim']:.4f}  {interval}")
    interval = f"{floor['kid']:.3f} ({floor['kid_low']:.3f} to {floor['kid_high']:.3f})"
    print(f"{'real photographs':18} {'':7}  {'':6}  {interval}")
    shown = [labels[:SHOWN], *(images[:SHOWN] for images in made.values()), photos[:SHOWN]]
    _save(np.concatenate([np.concatenate(list(row), 1) for row in shown], 0), out / "facades.png")
    if record is None:
        return
    whole = environment().model_dump(mode="json")
    lines = [
        {
            "schema": 1,
            "benchmark": "style_quality",
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "row": name,
            "size": SIZE,
            "test_pictures": len(photos),
            "extractor": EXTRACTOR,
            **one,
            "kid_of_real": {key: value for key, value in floor.items() if key.startswith("kid")},
            **facts[name],
            "environment": whole,
        }
        for name, one in found.items()
    ]
    before = record.read_bytes() if record.exists() else b""
    write_atomic(record, before + b"".join(json.dumps(line).encode() + b"\n" for line in lines))


if __name__ == "__main__":
    main()
