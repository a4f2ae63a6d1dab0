"""How much of a picture a network brings back, beside bicubic interpolation, on the sets that papers tell it of.

    GANTOOLS_DATA=... python benchmarks/restoration_quality.py ART [--sets Set5,Set14,B100-jpg] [--degrade TOML]

Under GANTOOLS_DATA lies ``sr-test`` with a folder for each set. Pictures are cut to multiples of 12 pixels and made
worse as the artifact's recipe says, or as ``--degrade`` says, such as ``"[{name='noise', sigma=[25, 25]}]"``; the
random numbers are those of the picture's place. What the network is given and gives back are 8 bits, as in an
application; published figures of denoising are mostly of noise that was neither rounded nor cut.

PSNR and SSIM are of luma (ITU-R BT.601, 16 to 235, as MATLAB's ``rgb2ycbcr`` has it) without a border of ``scale``
pixels, as in papers on super-resolution, and PSNR of RGB without any border. Means over pictures. Networks that keep
the size are compared with what they are given. Pictures in grey have one channel three times.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image

from gantools.core.atomic import write_atomic
from gantools.data.degradations import DEGRADATIONS
from gantools.metrics.pairs import psnr
from gantools.metrics.psnr import psnr_db
from gantools.metrics.ssim import ssim
from gantools.samplers import open_artifact
from gantools.samplers.image_to_image import ImageToImage
from gantools.timing.environment import environment
from gantools.train.pair_quality import enlarged

SETS = ("Set5", "Set14", "B100-jpg")
WHOLE = 12  # a multiple of every scale
_LUMA = np.array([65.481, 128.553, 24.966]) / 255


def luma(image: np.ndarray) -> np.ndarray:
    """(height, width, channels) uint8 -> (height, width, 1) float64, 16..235; of grey pictures themselves."""
    if image.shape[-1] == 1:
        return image.astype(np.float64)
    weighted: np.ndarray = image.astype(np.float64) @ _LUMA + 16
    return weighted[..., None]


def figures(made: np.ndarray, target: np.ndarray, border: int) -> dict[str, float]:
    """PSNR and SSIM of one picture."""
    inner = (slice(border, -border or None),) * 2
    y, wanted = luma(made)[inner], luma(target)[inner]
    return {"psnr_y": psnr_db(y, wanted) or 100.0, "ssim_y": ssim(y, wanted), "psnr_rgb": psnr(made, target)}


def main() -> None:
    """Measure, print a table, record a line for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--degrade", help="TOML, instead of the recipe's.")
    parser.add_argument("--backend")
    parser.add_argument("--pictures", type=Path, help="A folder for what is given, made, wanted of the first set.")
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    folder = Path(os.environ["GANTOOLS_DATA"]) / "sr-test"
    with open_artifact(given.artifact, backend=given.backend) as generator:
        manifest = generator.artifact.manifest
        net = ImageToImage(generator)
        sections = tomllib.loads(f"v = {given.degrade}")["v"] if given.degrade else manifest.recipe["data"]["degrade"]
        chain = []
        for section in sections:
            row = DEGRADATIONS.load(section["name"])
            chain.append(row.build(row.Config(**{key: value for key, value in section.items() if key != "name"})))
        for name in given.sets.split(","):
            rows: dict[str, list[dict[str, float]]] = {"given": [], "made": []}
            for place, path in enumerate(sorted((folder / name).iterdir())):
                mode = "L" if net.channels == 1 else "RGB"
                whole = np.asarray(Image.open(path).convert(mode), np.uint8)
                whole = whole.reshape(*whole.shape[:2], -1)
                target = whole[: len(whole) // WHOLE * WHOLE, : whole.shape[1] // WHOLE * WHOLE]
                low, rng = target[None], np.random.default_rng(place)
                for one in chain:
                    low = one.apply(low, rng)
                made = net.run(low)[0]
                border = net.scale if net.scale > 1 else 0
                rows["given"].append(figures(enlarged(low[0], net.scale), target, border))
                rows["made"].append(figures(made, target, border))
                if given.pictures and name == given.sets.split(",")[0]:
                    given.pictures.mkdir(parents=True, exist_ok=True)
                    shown = np.concatenate([enlarged(low[0], net.scale), made, target], 1)
                    Image.fromarray(shown.squeeze()).save(given.pictures / f"{path.stem}.png")
            means = {kind: {key: fmean(row[key] for row in found) for key in found[0]} for kind, found in rows.items()}
            told = "  ".join(
                f"{kind} {one['psnr_y']:.2f} dB (SSIM {one['ssim_y']:.4f}, RGB {one['psnr_rgb']:.2f} dB)"
                for kind, one in means.items()
            )
            print(f"{name:10} {told}", file=sys.stderr)
            line = {
                "schema": 1,
                "benchmark": "restoration_quality",
                "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "artifact": {"name": manifest.name, "digest": generator.artifact.digest, "recipe": manifest.recipe},
                "set": name,
                "pictures": len(rows["made"]),
                "degrade": sections,
                "border": net.scale if net.scale > 1 else 0,
                **means,
                "environment": environment().model_dump(mode="json"),
            }
            if given.record:
                before = given.record.read_bytes() if given.record.exists() else b""
                write_atomic(given.record, before + json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    main()
