"""One loop in a process of its own: the memory it takes, and images per second.

Memory is the highest resident set while it trains, less what the process held before it made the networks, when all
libraries were imported and all images were in memory. The images themselves are told apart: loops want them in
different forms.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training_loops import OURS, SETTINGS, Loop, Ours, Plain, make_recipe

from gantools.data import open_images

_WARM_UP, _LEAST = 2, 2  # steps


def loop_class(trainer: str) -> type[Loop]:
    """The loop of a trainer."""
    if trainer in ("plain", OURS):
        return Plain if trainer == "plain" else Ours
    from training_peers import PEERS

    return PEERS[trainer]


@dataclass(frozen=True)
class Variant:
    """A trainer in a setting: ``gantools`` has no setting that is not tuned."""

    trainer: str
    setting: str

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.trainer} {self.setting}".replace(" tuned", "" if self.trainer == OURS else " tuned")


def run_alone(variant: Variant, options: dict[str, Any], *, seconds: float, peers: Path | None) -> dict[str, Any]:
    """Start the process and wait for it.

    Args:
        variant: What to measure.
        options: Of ``make_recipe``.
        seconds: About how long it trains.
        peers: Folder of the peers.

    Returns:
        ``peak_bytes``, ``image_bytes``, ``images_per_second``, ``step_seconds``.
    """
    wanted = {
        "trainer": variant.trainer,
        "setting": variant.setting,
        "options": options,
        "seconds": seconds,
        "peers": str(peers) if peers else None,
    }
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(wanted)], check=False, stdout=subprocess.PIPE, encoding="utf-8"
    )
    if done.returncode:
        sys.exit(f"{variant.name} ended with {done.returncode} in a process of its own, with {options}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _status(key: str) -> int:
    """A size of this process in bytes, as Linux tells it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def _main(wanted: dict[str, Any]) -> dict[str, Any]:
    if wanted["peers"]:
        from training_peers import use

        use(Path(wanted["peers"]))
    recipe = make_recipe(**wanted["options"])
    size = recipe.model.options
    images = open_images(recipe.data.source, resolution=size["resolution"], channels=size["channels"])
    of = loop_class(wanted["trainer"])
    data = of.load(images)
    # What loading freed counts for nobody: the system has it back. The peak so far is forgotten.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    loop = of(recipe, SETTINGS[wanted["setting"]], data)
    step = loop.run(_WARM_UP) / _WARM_UP
    steps = max(_LEAST, round(wanted["seconds"] / step))
    seconds = loop.run(steps)
    return {
        "peak_bytes": _status("VmHWM") - before,
        "image_bytes": data.nbytes if hasattr(data, "nbytes") else images.images.nbytes,
        "images_per_second": steps * recipe.train.batch / seconds,
        "step_seconds": seconds / steps,
    }


if __name__ == "__main__":
    print(json.dumps(_main(json.loads(sys.argv[1]))))
