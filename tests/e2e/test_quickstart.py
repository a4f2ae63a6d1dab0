"""The whole way through the command line, with a training of a few steps."""

import io
import json
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.zoo import cpu_multiplies_bf16

COMMAND = [str(Path(sys.executable).parent / "gantools"), "quickstart", "--json", "--seconds", "0.3"]
OF_THIS_CPU = "bf16" if cpu_multiplies_bf16() else "fp32"
SHORT = [
    "train.steps=12",
    "train.checkpoint_every=6",
    "evaluate.every=6",
    "evaluate.samples=100",
    "train.sample_every=6",
]


def quickstart(out: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    settings = [part for override in overrides for part in ("--set", override)]
    return subprocess.run([*COMMAND, "--out", str(out), *settings], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("e2e") / "quickstart"
    done = quickstart(out, *SHORT)
    assert done.returncode == 0, done.stderr
    (out / "stdout.json").write_text(done.stdout)
    return out


def test_it_makes_every_artifact_and_proves_them(folder: Path) -> None:
    document = json.loads((folder / "stdout.json").read_text())
    assert document["failed"] == {}
    assert set(document["artifacts"]) == {"digits", "digits-ov-fp32", "digits-ov", "digits-trt"}
    verdicts = {name: proof["verdict"] for name, proof in document["verify"].items()}
    assert verdicts["digits-ov"] == verdicts["digits-ov-fp32"] == "passed"
    assert verdicts["digits-trt"] in ("passed", "built, not run")
    attested = {
        name: {graph["attestation"]["asked"] for graph in proof["graphs"]} for name, proof in document["verify"].items()
    }
    assert attested == {"digits-ov-fp32": {"fp32"}, "digits-ov": {OF_THIS_CPU}, "digits-trt": {"fp16"}}


def test_it_scores_and_measures_what_can_run(folder: Path) -> None:
    document = json.loads((folder / "quickstart.json").read_text())
    assert set(document["metrics"]) >= {"digits", "digits-ov-fp32", "digits-ov"}
    rows = {(row["name"], row["batch"]): row for row in document["bench"]["rows"]}
    assert {name for name, _ in rows} >= {"torch eager", "digits", "digits-ov"}
    assert {batch for _, batch in rows} == {1, 16}
    assert all(row["status"] == "ok" and row["values_ms"] for row in rows.values())


def test_its_grid_holds_pictures_that_differ(folder: Path) -> None:
    with Image.open(folder / "grid.png") as image:
        assert image.info["gantools.seeds"] == "0-63"
        pixels = np.asarray(image)
    assert pixels.shape == (8 * 34 * 2 - 4, 8 * 34 * 2 - 4)
    tiles = {
        pixels[row * 68 : row * 68 + 64, col * 68 : col * 68 + 64].tobytes() for row in range(8) for col in range(8)
    }
    assert len(tiles) == 64


def test_its_page_stands_alone(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 2
    for picture in pictures:
        Image.open(io.BytesIO(b64decode(picture))).verify()
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', page)
    assert "<script" not in page
    for text in ("torch eager", "digits-ov", OF_THIS_CPU, "kid-digits-cnn"):
        assert text in page


def test_a_second_run_goes_on_and_makes_the_same_samples(folder: Path) -> None:
    def pixels() -> np.ndarray:
        with Image.open(folder / "grid.png") as opened:
            return np.asarray(opened).astype(int)

    before = pixels()
    done = quickstart(folder, *SHORT)
    assert done.returncode == 0, done.stderr
    # Layers get the form that is faster, which is measured anew: the last bits may differ, and nothing that is seen.
    assert np.abs(pixels() - before).mean() < 0.5
