"""Self-check: noise bit for bit, and the golden samples. Exits with 1 where something differs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from generator import HERE, Generator
from noise import normals, uniforms, words

LEVELS, SHARE = 1, 0.999  # of images: so many pixels are within so many levels of 255


def check(generator: Generator, folder: Path = HERE, levels: int = LEVELS) -> list[str]:
    """What differs from ``folder/golden``, one sentence each; none: all is well. Pixels may be ``levels`` off."""
    golden = json.loads((folder / "golden" / "golden.json").read_text(encoding="utf-8"))
    problems = check_noise(json.loads((folder / "golden" / "noise.json").read_text(encoding="utf-8")))
    expected = np.load(folder / "golden" / golden["samples"], allow_pickle=False)
    seeds = [int(seed) for seed in golden["seeds"]]
    image = np.load(folder / "golden" / golden["image"], allow_pickle=False) if golden["image"] else None
    if image is not None and generator.description["film"]:
        found = np.stack(list(generator.film(image)))
    else:
        found = generator.outputs(seeds, image=image)
    if golden["texts"] is None:
        problems += compare_images(found, expected, levels)
    elif not np.array_equal(found, expected):
        rows = np.flatnonzero((found != expected).any(axis=1))
        problems.append(f"the tokens of {len(rows)} of {len(seeds)} seeds differ, first of seed {seeds[rows[0]]}")
    elif [generator.decode(row) for row in expected] != golden["texts"]:
        problems.append("tokens are put together to other texts")
    return problems


def check_noise(vectors: Any) -> list[str]:
    """What differs from the vectors that every language has."""
    problems = []
    for one in vectors:
        seeds, stream, count = [int(one["seed"])], one["stream"], len(one["words"])
        bits = {
            "words": words(seeds, stream, count)[0].astype(np.uint32),
            "uniforms": uniforms(seeds, stream, (count,))[0].view(np.uint32),
            "normals": normals(seeds, stream, (count,))[0].view(np.uint32),
        }
        problems += [
            f"{name} of seed {one['seed']}, stream {stream} differ"
            for name, found in bits.items()
            if found.tolist() != one[name]
        ]
    return problems


def compare_images(found: npt.NDArray[Any], expected: npt.NDArray[Any], levels: int = LEVELS) -> list[str]:
    """What differs between images by more than runtimes and processors do."""
    if found.shape != expected.shape:
        return [f"images are {found.shape}, expected {expected.shape}"]
    near = float((np.abs(found.astype(np.int16) - expected) <= levels).mean())
    return (
        [] if near >= SHARE else [f"{100 * near:.2f} % of pixels are within {levels} of 255, expected {100 * SHARE} %"]
    )


def report(problems: list[str]) -> None:
    """Say it, and end with 1 where something differs."""
    for problem in problems:
        print(f"differs: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
    print("equal to the golden samples")


if __name__ == "__main__":
    report(check(Generator()))
