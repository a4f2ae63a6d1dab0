"""Walk from one seed's digit to another's: python interpolate.py ARTIFACT SEED SEED OUT.png (no PyTorch needed)."""

import sys
from pathlib import Path

import gantools
from gantools.media.grid import save_grid

STEPS = 10


def main(artifact: str, first: str, second: str, out: str) -> None:
    with gantools.open_artifact(artifact) as generator:
        (images,) = generator.interpolate([int(first), int(second)], STEPS)
    save_grid(Path(out), images, columns=STEPS, scale=2, metadata={"gantools.seeds": f"{first} to {second}"})


if __name__ == "__main__":
    main(*sys.argv[1:5])
