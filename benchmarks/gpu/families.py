"""The model families of the GPU suite: made on the spot, because weights do not matter for speed, and are large.

Each has the size of its paper or of the file it comes as, and is trained for two steps.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from gantools.core.artifact import Artifact, load_artifact
from gantools.core.recipe import resolve_recipe
from gantools.core.spec import AxisRange
from gantools.export.onnx import export
from gantools.optimize.foreign.adopt import adopt
from gantools.optimize.foreign.interface import Adoption
from gantools.train import PARTS, train

MODELS: dict[str, dict[str, Any]] = {
    "dcgan-64": {"name": "dcgan", "resolution": 64},
    "sngan-64": {"name": "sngan", "resolution": 64},
    "stylegan2-64": {"name": "stylegan2", "resolution": 64, "channel_base": 16384, "channel_max": 512},
    "light-64": {"name": "light", "resolution": 64},
    "vae-64": {"name": "vae", "resolution": 64},
    "sngan-32": {"name": "sngan", "resolution": 32},
}
FOREIGN = "sr-x4"
"""A foreign x4 enlarger, found through GANTOOLS_DATA: 320x180 pixels to 1280x720."""
FAMILIES = (FOREIGN, *MODELS)
_SMALL = {"stylegan2": {"channel_base": 256, "channel_max": 8}, "dcgan": {"width": 8}, "resnet": {"width": 32}}
_JUDGES = {"sngan": "resnet", "stylegan2": "stylegan2"}


def made(name: str, folder: Path) -> tuple[Artifact, Path | None]:
    """The exported artifact of a family and the run it comes from, which a foreign file has not; made once."""
    out, run = folder / "art", None if name == FOREIGN else folder / "run"
    if not out.exists():
        shutil.rmtree(folder, ignore_errors=True)  # a training whose export did not come about
        folder.mkdir(parents=True)
        if run is None:
            return _foreign(out), None
        _exported(MODELS[name], name, run, out)
    return load_artifact(out), run


def _exported(model: dict[str, Any], name: str, run: Path, out: Path) -> None:
    judge = _JUDGES.get(model["name"], "dcgan")
    vae = model["name"] == "vae"
    parts: dict[str, Any] = {"model": model, "data": {"source": "builtin:digits"}, "evaluate": {"every": 0}}
    parts["train"] = {"steps": 2, "batch": 4, "precision": "fp32", "sample_every": 0}
    if vae:
        parts["objective"] = {"name": "elbo"}
    else:
        parts["discriminator"] = {"name": judge, **_SMALL[judge]}
        parts["objective"] = {"name": "stylegan2" if judge == "stylegan2" else "nonsaturating"}
        parts["train"]["ema_half_life_images"] = 2
    export(train(resolve_recipe(parts, name, PARTS), run, accelerator="cpu"), out)


def _foreign(out: Path) -> Artifact:
    path = Path(os.environ["GANTOOLS_DATA"]) / "generators-exported" / "realesr_animevideov3_x4.onnx"
    limits = {"height": AxisRange(min=32, opt=180, max=1080), "width": AxisRange(min=32, opt=320, max=1920)}
    return adopt(path, Adoption(input_range=(0, 1), axes=limits), out)
