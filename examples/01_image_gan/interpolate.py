"""Walk from one seed's digit to another's: python interpolate.py ARTIFACT SEED SEED OUT.png (no PyTorch needed)."""

import sys
from pathlib import Path

import numpy as np

import gantools
from gantools.media.grid import save_grid
from gantools.runtime.philox import normals

STEPS = 10


def main(artifact: str, first: str, second: str, out: str) -> None:
    with gantools.open_artifact(artifact) as generator:
        (latent,) = generator.session.spec.inputs
        start, end = normals([int(first), int(second)], stream=0, shape=latent.concrete({"batch": 1})[1:])
        # A Gaussian of many dimensions lives near a sphere, so the walk follows it and not the chord.
        angle = np.arccos(np.dot(start, end) / (np.linalg.norm(start) * np.linalg.norm(end)))
        shares = np.linspace(0, 1, STEPS)[:, None]
        path = (np.sin((1 - shares) * angle) * start + np.sin(shares * angle) * end) / np.sin(angle)
        images = generator.session.run({latent.name: path.astype(np.float32)})["image"]
    save_grid(Path(out), images, columns=STEPS, scale=2, metadata={"gantools.seeds": f"{first} to {second}"})


if __name__ == "__main__":
    main(*sys.argv[1:5])
