import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from gantools.cli.app import COMMANDS
from gantools.core.artifact import load_artifact, seal
from gantools.core.proof import QualityLoss, Step

MakeArtifact = Callable[..., Path]


def gantools(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the real command in a process of its own."""
    command = [str(Path(sys.executable).parent / "gantools"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_a_sentence(command: str) -> None:
    done = gantools(command, "--help")
    assert done.returncode == 0
    assert done.stdout.splitlines()[2].strip().endswith(".") or "." in done.stdout


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert gantools("--version").stdout.strip() == version("gantools")


def test_an_error_is_a_sentence_and_a_hint_on_stderr(tmp_path: Path) -> None:
    done = gantools("inspect", tmp_path / "none")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"error: '{tmp_path / 'none'}' does not exist.",
        "  hint: 'gantools export RUN --out ART' makes an artifact",
    ]


def test_an_unknown_option_and_an_unknown_name_are_usage_errors(make_artifact: MakeArtifact) -> None:
    assert gantools("sample", "--nonsense").returncode == 2
    done = gantools("sample", make_artifact(), "--backend", "onnxruntim")
    assert done.returncode == 2
    assert "did you mean 'onnxruntime'?" in done.stderr


def test_sample_writes_a_grid_that_knows_where_it_comes_from(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    done = gantools("sample", make_artifact(), "--seeds", "0-8", "--out", tmp_path / "grid.png", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    with Image.open(tmp_path / "grid.png") as image:
        assert image.size == (3 * 4 + 2 * 2, 3 * 4 + 2 * 2)
        assert image.info["gantools.seeds"] == "0-8"
        assert image.info["gantools.artifact"] == result["gantools.artifact"]
    again = json.loads(
        gantools("sample", make_artifact(name="b"), "--seeds", "0-8", "--batch", "2", "--json", cwd=tmp_path).stdout
    )
    assert again["sha256"] == result["sha256"]


def test_sample_writes_one_file_a_seed_or_an_array(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    import numpy as np

    folder = make_artifact()
    assert gantools("sample", folder, "--seeds", "3,5", "--out", tmp_path / "out").returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["3.png", "5.png"]
    assert gantools("sample", folder, "--seeds", "3,5", "--out", tmp_path / "a.npy").returncode == 0
    assert np.load(tmp_path / "a.npy").shape == (2, 4, 4, 1)


@pytest.mark.parametrize("seeds", ["a-b", "5-1", ""])
def test_seeds_that_are_none_are_a_sentence(make_artifact: MakeArtifact, seeds: str) -> None:
    done = gantools("sample", make_artifact(), "--seeds", seeds)
    assert done.returncode == 2
    assert f"--seeds takes numbers and ranges such as 0-63 or 1,16, got '{seeds}'" in done.stderr


def test_inspect_shows_graphs_and_tensors_and_layers(make_artifact: MakeArtifact) -> None:
    done = gantools("inspect", make_artifact(), "--layers")
    assert done.returncode == 0, done.stderr
    for text in ("generator", "batch 1..16", "batchx8", "N(0, 1)", "MatMul"):
        assert text in done.stdout
    document = json.loads(gantools("inspect", make_artifact(name="b"), "--layers", "--json").stdout)
    assert document["manifest"]["name"] == "tiny"
    assert any(layer["is_arithmetic"] for layer in document["layers"])


def test_inspect_says_what_was_lost_what_is_left_in_a_float_and_what_is_set(make_artifact: MakeArtifact) -> None:
    path = make_artifact()
    manifest = load_artifact(path).manifest
    tuned = {"islands": ("first", "last"), "threads": 1, "settings": {"ENABLE_CPU_PINNING": False}}
    loss = QualityLoss(
        metric="levels", loss=0.5, interval=(0.4, 0.6), confidence=0.95, budget=1, samples=40, seeds="0-39"
    )
    update = {
        "graphs": {name: entry.model_copy(update=tuned) for name, entry in manifest.graphs.items()},
        "steps": (Step(stage="optimize", losses=(loss,)),),
    }
    seal(path, manifest.model_copy(update=update))
    said = gantools("inspect", path).stdout
    assert "quality: levels lost 0.5 (0.4 to 0.6) over 40 pairs, allowed 1" in said
    assert "islands of 'generator', not in fp32: first, last" in said
    assert "settings of 'generator': threads=1, ENABLE_CPU_PINNING=False" in said


def test_doctor_says_what_runs_here() -> None:
    done = gantools("doctor", "--json")
    assert done.returncode == 0, done.stderr
    rows = {(row["backend"], row["device"]): row for row in json.loads(done.stdout)["backends"]}
    assert rows["onnxruntime", "cpu"]["ok"]
    assert rows["tensorrt", "cuda"]["reason"]
    assert "Backends" in gantools("doctor").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "match"),
    [
        (["train", "none.toml", "--out", "r"], 2, "cannot read the recipe 'none.toml'"),
        (["train"], 2, "give a recipe"),
        (["export", "none", "--out", "a"], 1, "none"),
        (["optimize", "none", "--target", "openvino", "--out", "a"], 1, "'none' does not exist"),
        (["verify", "none"], 1, "'none' does not exist"),
        (["bench", "none"], 1, "'none'"),
        (["evaluate", "none", "--data", "builtin:digits"], 1, "'none' does not exist"),
    ],
)
def test_a_wrong_or_missing_file_is_named(arguments: list[str], code: int, match: str, tmp_path: Path) -> None:
    done = gantools(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert match in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
