"""How much of a picture a network brings back, beside bicubic interpolation, on the sets that papers tell it of.

    GANTOOLS_DATA=... python benchmarks/restoration_quality.py ART [--sets Set5,Set14,B100-jpg] [--degrade TOML]

Under GANTOOLS_DATA lie ``sr-test`` with a folder for each set; other folders and films are named by their paths.
Pictures are made worse as the artifact's recipe says, or as ``--degrade`` says, such as
``"[{name='noise', sigma=[25, 25]}]"``; the random numbers are those of the picture's place. What the network is given
and gives back are 8 bits, as in an application; published figures of denoising are mostly of noise that was neither
rounded nor cut.

The figures are those of ``gantools evaluate``: PSNR and SSIM of luma without a border of ``scale`` pixels, as in papers
on super-resolution, and PSNR of RGB; of grey networks PSNR and SSIM of grey. ``--seen`` adds the distance of what
networks see in whole pictures, the perceptual loss (``gantools.losses.perceptual``): what was trained with one of them
is judged by another as well. ``--self-ensemble`` measures the mean over eight turned and mirrored views, which is what
``gantools enhance --self-ensemble`` makes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gantools.core.atomic import write_atomic
from gantools.core.recipe import Named
from gantools.data.degradations.shrink import larger
from gantools.data.pairs.pairs import PairSet, open_pair_set
from gantools.data.sources import Pixels
from gantools.losses.perceptual import Perceptual
from gantools.samplers import open_artifact
from gantools.samplers.image_to_image import ImageToImage
from gantools.timing.environment import environment
from gantools.verify.restoration import evaluate_pairs


class Repeated(PairSet):
    """Pairs of frames of which one is missing, where nobody makes it: the one before is shown again."""

    def shown(self, given: Pixels) -> Pixels:
        """See ``PairSet.shown``."""
        return given[..., : given.shape[-1] // 2]


def main() -> None:
    """Measure, print a table, record a line for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--sets", default="Set5,Set14,B100-jpg")
    parser.add_argument("--degrade", help="TOML, instead of the recipe's.")
    parser.add_argument("--metrics", help="Of clips, with commas; none: the usual ones.")
    parser.add_argument("--seen", default="", help="Networks of the perceptual loss, with commas.")
    parser.add_argument("--self-ensemble", action="store_true")
    parser.add_argument("--backend")
    parser.add_argument("--pictures", type=Path, help="A folder for what is given, made, wanted of the first set.")
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    folder = Path(os.environ["GANTOOLS_DATA"]) / "sr-test"
    metrics = given.metrics.split(",") if given.metrics else None
    with open_artifact(given.artifact, backend=given.backend) as generator:
        manifest = generator.artifact.manifest
        net = ImageToImage(generator)
        if given.self_ensemble:
            net.average_views()
        sections = tomllib.loads(f"v = {given.degrade}")["v"] if given.degrade else manifest.recipe["data"]["degrade"]
        for name in given.sets.split(","):
            pairs = open_pair_set(
                str(folder / name) if (folder / name).exists() else name,
                degrade=[Named.model_validate(one) for one in sections],
                channels=3 if net.channels == 3 else 1,
                scale=net.scale,
                patch=16,
                frames=3 if net.between else 1,
            )
            found = evaluate_pairs(net, pairs, metrics=metrics)
            for one in found:
                ends = " to ".join(f"{end:.2f}" for end in one.made.interval)
                print(
                    f"{name:10} {one.made.name:20} given {one.given.value:.4f}  made {one.made.value:.4f} ({ends})",
                    file=sys.stderr,
                )
            repeated = []
            if net.between:
                again = evaluate_pairs(net, Repeated(**vars(pairs)), metrics=metrics)
                repeated = [one.given for one in again]
                print(*(f"repeated {one.name} {one.value:.4f}" for one in repeated), file=sys.stderr)
            seen = {network: _unlike(network, net, pairs) for network in given.seen.split(",") if network}
            for network, unlike in seen.items():
                print(f"{name:10} {network:20} given {unlike['given']:.4f}  made {unlike['made']:.4f}", file=sys.stderr)
            if given.pictures:
                given.pictures.mkdir(parents=True, exist_ok=True)
                for number, title in enumerate(pairs.targets.names):
                    low, target = pairs.whole(number, 1)
                    net.state = {}
                    shown = np.concatenate([larger(low[0], net.scale), net.run(low)[0], target[0]], 1)
                    Image.fromarray(shown.squeeze()).save(given.pictures / f"{Path(title).stem}.png")
            line = {
                "schema": 1,
                "benchmark": "restoration_quality",
                "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "artifact": {"name": manifest.name, "digest": generator.artifact.digest, "recipe": manifest.recipe},
                "set": name,
                "clips": len(pairs.targets.clips),
                "self_ensemble": given.self_ensemble,
                "degrade": sections,
                "made": [one.made.model_dump(mode="json") for one in found],
                "given": [one.given.model_dump(mode="json") for one in found],
                "repeated": [one.model_dump(mode="json") for one in repeated],
                "seen": seen,
                "environment": environment().model_dump(mode="json"),
            }
            if given.record:
                before = given.record.read_bytes() if given.record.exists() else b""
                told = json.dumps(line).replace(str(folder.parent), "$GANTOOLS_DATA")
                write_atomic(given.record, before + told.encode() + b"\n")


def _unlike(network: str, net: ImageToImage, pairs: PairSet) -> dict[str, float]:
    """Mean over pictures of the perceptual distance to what they should be: of what is given, enlarged, and made."""
    seen = Perceptual(network)
    found: dict[str, list[float]] = {"given": [], "made": []}
    for number in range(len(pairs.targets.clips)):
        low, target = pairs.whole(number, 1)
        net.state = {}
        for kind, frame in (("given", pairs.shown(low[0])), ("made", net.run(low)[0])):
            mine, wanted = (torch.tensor(one).permute(2, 0, 1)[None] / 127.5 - 1 for one in (frame, target[0]))
            found[kind].append(float(seen.distance(mine, wanted)))
    return {kind: float(np.mean(values)) for kind, values in found.items()}


if __name__ == "__main__":
    main()
