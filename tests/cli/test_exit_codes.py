"""What a script that calls gantools can rely on: exit codes, and nothing left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gantools.cli.app import app
from gantools.core.artifact import MANIFEST, seal
from gantools.core.atomic import staged_folder
from tests.cli.test_app import gantools
from tests.conftest import tiny_manifest, tiny_onnx
from tests.zoo import needs_bf16

MakeArtifact = Callable[..., Path]
COMMAND = Path(sys.executable).parent / "gantools"
RECIPE = """
[model]
name = "dcgan"
resolution = 32
channels = 1
latent = 8
width = 4
[data]
source = "builtin:digits"
[objective]
name = "nonsaturating"
[train]
steps = 100000
batch = 8
sample_every = 0
compile = "off"
[evaluate]
every = 0
"""


def promising(precision: str, folder: Path) -> Path:
    """An artifact whose manifest promises a precision that its fp32 graph does not have."""
    manifest = tiny_manifest()
    entry = manifest.graphs["generator"].model_copy(update={"precision": precision})
    with staged_folder(folder, marker=MANIFEST) as staged:
        tiny_onnx(staged / "generator.onnx")
        seal(staged, manifest.model_copy(update={"graphs": {"generator": entry}}))
    return folder


def test_a_sound_artifact_verifies_with_0(make_artifact: MakeArtifact) -> None:
    done = gantools("verify", make_artifact(), "--against", make_artifact(name="same"), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "passed"


def test_a_precision_that_was_not_computed_is_4(tmp_path: Path) -> None:
    done = gantools("verify", promising("bf16", tmp_path / "art"))
    assert done.returncode == 4
    assert "asked for bf16, computed 100% fp32" in done.stderr
    assert "NO" in done.stdout
    assert (
        gantools("bench", tmp_path / "art", "--seconds", "0.02", "--batch", "1", "--together", "--no-limits").returncode
        == 4
    )


def test_another_generator_is_4(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    import numpy as np
    import onnx

    other = tmp_path / "other"
    with staged_folder(other, marker=MANIFEST) as staged:
        tiny_onnx(staged / "generator.onnx")
        model = onnx.load(staged / "generator.onnx")
        weights = onnx.numpy_helper.to_array(model.graph.initializer[0])
        model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights * np.float32(1.1), "w"))
        onnx.save(model, staged / "generator.onnx")
        seal(staged, tiny_manifest())
    done = gantools("verify", other, "--against", make_artifact())
    assert done.returncode == 4
    assert "output 'image' differs by" in done.stderr


def test_an_optimization_that_the_runtime_does_not_honour_is_4_and_leaves_nothing(
    make_artifact: MakeArtifact, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = gantools("optimize", make_artifact(), "--target", "onnxruntime", "--precision", "fp16", "--out", out)
    assert done.returncode == 4
    assert "asked for fp16, computed 100% fp32" in done.stderr
    assert "hint: " in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["art"]


@needs_bf16
def test_a_quality_budget_that_is_broken_is_4_and_leaves_nothing(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    parent = make_artifact()
    budget = ["--max-loss", "levels=0.000001", "--samples", "40"]
    command: list[str | Path] = ["optimize", parent, "--target", "onnxruntime", "--out", tmp_path / "out", *budget]
    done = gantools(*command)
    assert done.returncode == 0, done.stderr
    assert "levels lost 0 (0 to 0) over 40 pairs, allowed 1e-06." in done.stderr
    shutil.rmtree(tmp_path / "out")
    openvino = ["openvino" if word == "onnxruntime" else word for word in command]
    done = gantools(*openvino, "--precision", "bf16")
    assert done.returncode == 4
    assert "the precision bf16 on openvino costs too much: levels lost" in done.stderr
    assert "hint: use a precision with more bits" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["art"]


def test_a_search_prints_every_candidate_and_keeps_the_fastest(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    out = tmp_path / "best"
    budget = ["--max-loss", "levels=9", "--samples", "40", "--budget", "5m"]
    done = gantools("optimize", make_artifact(), "--target", "auto", *budget, "--out", out)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads((out / "search.json").read_text())["outcomes"]
    names = [outcome["name"] for outcome in outcomes]
    assert set(names) >= {"onnxruntime-fp32", "openvino-fp32", "openvino-int8", "as exported"}
    assert (out / "search.png").stat().st_size > 1000
    assert done.stdout.count("> ") == 1
    assert [name for name in names if name not in done.stdout] == []


def test_a_search_prints_json_where_it_is_asked_to(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    done = gantools("optimize", make_artifact(), "--target", "auto", "--out", tmp_path / "best", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["search"] == json.loads((tmp_path / "best/search.json").read_text())
    assert document["search"]["chosen"] in {outcome["name"] for outcome in document["search"]["outcomes"]}


@pytest.mark.parametrize(
    ("words", "match", "hint"),
    [
        (["--target", "auto", "--precision", "bf16"], "--target auto tries every precision.", "leave --precision out"),
        (["--target", "openvino", "--budget", "5m"], "--budget is the time of a search.", "use it with --target auto"),
        (["--target", "auto", "--budget", "soon"], "--budget takes a time such as 90s, 5m or 1h, got 'soon'.", ""),
        (["--target", "auto", "--budget", "-1m"], "--budget takes a time such as 90s, 5m or 1h, got '-1m'.", ""),
        (["--target", "openvino", "--max-loss", "kid"], "--max-loss takes NAME=VALUE with a number", "kid=0.001"),
        (
            ["--target", "openvino", "--max-loss", "kid=0.1"],
            "the loss of 'kid' needs real images",
            "give --data SOURCE",
        ),
        (["--target", "auto", "--max-loss", "kid=0.1"], "the loss of 'kid' needs real images", "give --data SOURCE"),
        (["--target", "openvino", "--max-loss", "levels=0"], "which no measurement can prove", "a number above 0"),
    ],
)
def test_options_of_a_search_and_a_budget_that_do_not_fit_are_2(
    make_artifact: MakeArtifact, tmp_path: Path, words: list[str], match: str, hint: str
) -> None:
    done = gantools("optimize", make_artifact(), *words, "--extractor", "digits-cnn", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert match in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_runtime_that_is_not_installed_is_3(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    """The library is hidden behind a module of the same name that says it is not there."""
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide/openvino.py").write_text("raise ModuleNotFoundError('No module named openvino', name='openvino')")
    command = [
        str(Path(sys.executable).parent / "gantools"),
        "sample",
        str(make_artifact("openvino")),
        "--out",
        str(tmp_path / "g.png"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "hide")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "error: 'openvino' is needed to run graphs with OpenVINO, and is not installed.",
        "  hint: pip install 'gantools[openvino]'",
    ]
    assert not (tmp_path / "g.png").exists()


def test_ctrl_c_in_a_training_saves_ends_with_130_and_can_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    run = tmp_path / "run"
    command = [str(COMMAND), "train", str(tmp_path / "recipe.toml"), "--out", str(run)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
        log = run / "log.jsonl"
        while training.poll() is None and not (log.exists() and log.read_text().count("\n") >= 2):
            time.sleep(0.05)
        training.send_signal(signal.SIGINT)
        assert training.stderr is not None
        errors = training.stderr.read()
    assert training.returncode == 130
    assert f"gantools train {tmp_path / 'recipe.toml'} --out {run} --resume" in errors
    assert "Traceback" not in errors
    (saved,) = (run / "checkpoints").iterdir()
    step = int(saved.name.removeprefix("step-"))
    more = ["--resume", "--set", f"train.steps={step + 3}"]
    done = gantools(*command[1:], *more)
    assert done.returncode == 0, done.stderr
    assert f"best checkpoint: step {step + 3}" in done.stderr


def test_a_lone_onnx_samples_without_its_folder(make_artifact: MakeArtifact, tmp_path: Path) -> None:
    lone = tmp_path / "lone.onnx"
    lone.write_bytes((make_artifact() / "generator.onnx").read_bytes())
    assert gantools("sample", lone, "--seeds", "0-3", "--out", tmp_path / "g.png").returncode == 0
    assert (tmp_path / "g.png").exists()


def test_doctor_works_where_little_is_installed(tmp_path: Path) -> None:
    (tmp_path / "psutil.py").write_text("raise ModuleNotFoundError('No module named psutil', name='psutil')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([str(COMMAND), "doctor"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "onnxruntime" in done.stdout
    assert "pip install 'gantools[bench]'" in done.stderr


def test_results_that_nobody_can_take_are_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        command = [str(Path(sys.executable).parent / "gantools"), "bench", "schema"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: cannot write to standard output: No space left on device.\n"


def test_a_search_that_is_stopped_names_the_command_that_goes_on(
    make_artifact: MakeArtifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    line = ["optimize", str(make_artifact()), "--target", "auto", "--out", str(tmp_path / "out")]
    monkeypatch.setattr("gantools.optimize.search.search", stopped)
    monkeypatch.setattr("sys.argv", ["gantools", *line])
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 130
    assert f"stopped. What was made is kept. Go on with: gantools {' '.join(line)}" in done.stderr
