"""One row of images for each demand on their brightness, from the same seeds, and what the walk says of itself.

python demand.py ARTIFACT OUT.png
"""

import sys
from pathlib import Path

import numpy as np

import gantools
from gantools.media.grid import save_grid
from gantools.samplers.feedforward import inputs_of

SEEDS = range(12)


def main(artifact: str, out: str) -> None:
    rows = []
    with gantools.open_artifact(artifact, graph="walk") as generator:
        session, sampler = generator.session, generator.artifact.manifest.sampler
        for brightness in (-0.4, -0.2, 0.0, 0.2):
            inputs = inputs_of(session.spec.inputs, sampler, SEEDS)
            inputs["brightness"] = np.full(len(SEEDS), brightness, np.float32)
            found = session.run(inputs)
            least = found["image"].mean((1, 2, 3)).min() / 127.5 - 1
            print(
                f"at least {brightness:4.1f}: least {least:5.2f}, moved {found['accepted'].mean():.0%} of the steps, "
                f"violation {found['violation'].max():.3f}"
            )
            rows.append(found["image"])
    save_grid(Path(out), np.concatenate(rows), columns=len(SEEDS), scale=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
