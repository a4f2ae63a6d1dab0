"""Several processes: they compute what one does, they save what one can go on from, and what stops one stops all."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric

import gantools
from gantools.core.errors import DataError, TrainingError
from gantools.core.recipe import Recipe, dump_recipe, resolve_recipe
from gantools.data import open_images
from gantools.losses.objectives.objective import Batch
from gantools.train import PARTS, speaks, train
from gantools.train.checkpoint import checkpoint_steps, load_checkpoint, step_folder
from gantools.train.draws import Draws
from gantools.train.learner import Learner
from gantools.train.processes import agreed, noticing_lost_processes
from tests.train.test_fit import all_tensors

# Trains, and notes on each process the digest of what it has learned, after restoring it and after each step.
CHILD = """
import os, sys
from pathlib import Path
import torch
from gantools.core.events import Progress
from gantools.core.recipe import Recipe
from gantools.train import train
from gantools.train.learner import Learner
from tests.train.test_processes import learned

torch.set_num_threads(1)
average, restore = Learner.average, Learner.restore

def note(learner):
    with Path(f"{sys.argv[2]}-rank{os.environ['LOCAL_RANK']}.txt").open("a") as file:
        print(learned(learner), file=file)

def watched_average(self, images_seen):
    average(self, images_seen)
    note(self)

def watched_restore(self, checkpoint):
    restore(self, checkpoint)
    note(self)

Learner.average, Learner.restore = watched_average, watched_restore

def watch(event):
    if isinstance(event, Progress) and event.stage == "train":
        print(event.done, flush=True)

recipe = Recipe.model_validate_json(Path(sys.argv[1]).read_text())
train(recipe, Path(sys.argv[2]), resume=sys.argv[3] == "resume", devices=2, accelerator="cpu", on_event=watch)
"""

ROOT = Path(gantools.__file__).parent.parent
WIDTHS = {"channel_base": 256, "channel_max": 8}


def learned(learner: Learner) -> str:
    """A digest of weights, averages, optimizers and the objective's state. Buffers are each process's own."""
    buffers = {f"{net}.{name}" for net, module in learner.model.nets.items() for name, _ in module.named_buffers()}
    digest = hashlib.sha256()
    for file, part in learner.tensors().items():
        for name in sorted(part.keys() - buffers):
            digest.update(f"{file}:{name}".encode() + part[name].detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def styled(cache: str, steps: int, *, objective: dict[str, Any], discriminator: dict[str, Any]) -> Recipe:
    """A generator without batch norm."""
    raw = {
        "model": {"name": "stylegan2", "resolution": 16, "channels": 1, "latent": 8, "style": 8, **WIDTHS},
        "discriminator": discriminator,
        "data": {"source": "builtin:digits", "cache": cache},
        "objective": objective,
        "train": {
            "steps": steps,
            "batch": 8,
            "sample_every": 0,
            "checkpoint_every": 3,
            "ema_half_life_images": 64,
            "precision": "fp32",
            "compile": "off",
        },
        "evaluate": {"every": 0},
    }
    return resolve_recipe(raw, "tiny", PARTS)


def two_processes(tmp_path: Path, recipe: Recipe, run: Path, *, resume: bool = False) -> list[list[str]]:
    """Train with two processes; returns what each noted."""
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "child.json").write_text(dump_recipe(recipe))
    arguments = map(str, [tmp_path / "child.py", tmp_path / "child.json", run, "resume" if resume else "begin"])
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    heard = [int(line) for line in done.stdout.split()]
    assert heard[-1] == recipe.train.steps
    assert heard == sorted(set(heard)), "only the first process speaks"
    return [Path(f"{run}-rank{rank}.txt").read_text().split() for rank in range(2)]


def both_parts(recipe: Recipe, run: Path, steps: int) -> dict[str, torch.Tensor]:
    """What one process makes of the images and the noise that two would draw, all in one batch."""
    learner = Learner(recipe, Fabric(accelerator="cpu", devices=1, precision="32-true"))
    images = open_images("builtin:digits", resolution=16, channels=1, max_broken=0.01, cache=recipe.data.cache)
    parts = [
        Draws(images, learner.model, batch=8, mirror=False, seed=0, rank=rank, world=2, device=torch.device("cpu"))
        for rank in range(2)
    ]
    for step in range(steps):
        due = learner.due(step)
        drawn = [part.batch(step) for part in parts]
        noise = {name: torch.cat([batch.noise[name] for batch in drawn]) for name in drawn[0].noise}
        batch = Batch(torch.cat([batch.real for batch in drawn]), noise, None, tuple(phase.name for phase in due), step)
        for phase in due:
            learner.update(phase, batch, parts[0].rng(phase.name, step))
        learner.average((step + 1) * 8)
    return {f"{file}:{name}": value for file, part in learner.tensors().items() for name, value in part.items()}


def test_two_processes_compute_what_one_does_with_both_their_parts(tmp_path: Path, image_cache: str) -> None:
    """Without batch norm, which sees its own process alone, they differ by the order of sums."""
    recipe = styled(
        image_cache,
        3,
        objective={"name": "nonsaturating", "r1_gamma": 1.0, "r1_every": 2},
        discriminator={"name": "dcgan", "width": 4, "norm": "none"},
    )
    first, second = two_processes(tmp_path, recipe, tmp_path / "run")
    assert len(set(first)) == 3, "the weights move in every step"
    assert first == second
    two, one = all_tensors(tmp_path / "run", 3), both_parts(recipe, tmp_path, 3)
    assert len(two) > 50
    # Adam divides by the size of gradients, so those that are nearly zero may differ by a whole step of the rate.
    rate = recipe.train.learning_rate
    for name, tensor in two.items():
        if name.endswith("mapping.average"):
            continue  # a buffer
        assert torch.allclose(tensor, one[name], rtol=1e-3, atol=rate / 4), name
    # A checkpoint of two processes is one of any number.
    longer = recipe.model_copy(update={"train": recipe.train.model_copy(update={"steps": 4})})
    assert train(longer, tmp_path / "run", resume=True, accelerator="cpu").step == 4


def test_two_processes_go_on_from_what_one_saved_and_agree_on_all_state(tmp_path: Path, image_cache: str) -> None:
    """With all that an objective remembers: adaptive augmentation and path lengths."""
    options: dict[str, Any] = {
        "objective": {"name": "stylegan2", "r1_every": 3, "path_every": 2, "augment": "ada", "ada_target": 0.1},
        "discriminator": {"name": "stylegan2", **WIDTHS},
    }
    train(styled(image_cache, 3, **options), tmp_path / "run", accelerator="cpu")
    folder = step_folder(tmp_path / "run", 3)
    first, second = two_processes(tmp_path, styled(image_cache, 6, **options), tmp_path / "run", resume=True)
    assert len(set(first)) == 4, "what was restored, and three steps"
    assert first == second
    alone = Learner(styled(image_cache, 6, **options), Fabric(accelerator="cpu", devices=1, precision="32-true"))
    assert folder.exists()
    alone.restore(load_checkpoint(folder))
    assert first[0] == learned(alone), "two processes begin with the weights, averages and optimizers of one"


def test_a_lost_process_is_a_sentence_and_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with (
        pytest.raises(TrainingError, match="another process of this training has ended") as caught,
        noticing_lost_processes(tmp_path / "run"),
    ):
        raise RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:31245")
    assert caught.value.hint is not None
    assert "--resume then goes on from the newest checkpoint" in caught.value.hint
    with pytest.raises(RuntimeError, match="shapes"), noticing_lost_processes(tmp_path / "run"):
        raise RuntimeError("shapes do not fit")


def test_a_process_alone_agrees_with_itself_and_speaks() -> None:
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    assert agreed(fabric, lambda: 7, in_turn=True) == 7

    def fails() -> None:
        raise DataError("no images.")

    with pytest.raises(DataError, match="no images"):
        agreed(fabric, fails)
    assert speaks()


def command(tmp_path: Path, recipe: Recipe, run: Path, *arguments: str, torchrun: bool = False) -> list[str]:
    """A training by the command line, on two processes."""
    sections = {key: value for key, value in recipe.model_dump(mode="json").items() if isinstance(value, dict)}
    lines = []
    for section, content in sections.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(v)}" for key, v in content.items() if v is not None)]
    (tmp_path / "recipe.toml").write_text("\n".join(lines))
    words = ["train", str(tmp_path / "recipe.toml"), "--out", str(run), "--accelerator", "cpu", *arguments]
    if not torchrun:
        return [sys.executable, "-m", "gantools.cli.app", *words, "--devices", "2"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(port)]
    return [*launcher, "-m", "gantools.cli.app", *words]


def long_recipe(cache: str, steps: int) -> Recipe:
    """Saved at the end alone."""
    recipe = styled(
        cache,
        steps,
        objective={"name": "nonsaturating"},
        discriminator={"name": "dcgan", "width": 4, "norm": "none"},
    )
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"checkpoint_every": 10**9})})


@pytest.mark.slow
def test_torchrun_starts_the_processes_itself(tmp_path: Path, image_cache: str) -> None:
    line = command(tmp_path, long_recipe(image_cache, 5), tmp_path / "run", torchrun=True)
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("best checkpoint: step 5") == 1, "said once"
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["processes"] == 2
    again = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)
    assert again.returncode != 0
    assert again.stderr.count("error: '") == 1, "an error of all processes is said once"
    assert "holds a training" in again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("torchrun", [False, True])
def test_a_signal_saves_once_and_is_said_once(torchrun: bool, tmp_path: Path, image_cache: str) -> None:
    line = command(tmp_path, long_recipe(image_cache, 10**6), tmp_path / "run", torchrun=torchrun)
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(tmp_path / "run" / "log.jsonl", process)
    if torchrun:
        process.send_signal(signal.SIGINT)  # it hands signals on
    else:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said = process.communicate(timeout=120)[1]
    steps = checkpoint_steps(tmp_path / "run")
    assert len(steps) == 1, said
    assert steps[0] % 20 == 0
    assert said.count("--resume") >= 1
    assert said.count("stopped. Go on with") == 1
    assert process.returncode != 0


@pytest.mark.slow
@pytest.mark.parametrize("torchrun", [False, True])
def test_a_process_that_dies_stops_the_other_with_a_sentence(torchrun: bool, tmp_path: Path, image_cache: str) -> None:
    line = command(tmp_path, long_recipe(image_cache, 10**6), tmp_path / "run", torchrun=torchrun)
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(tmp_path / "run" / "log.jsonl", process)
    os.kill(second_process(process.pid), signal.SIGKILL)
    started = time.monotonic()
    said = process.communicate(timeout=120)[1]
    assert time.monotonic() - started < 60
    assert process.returncode != 0
    assert "error: another process of this training has ended" in said
    assert "Traceback" not in said.split("error: another")[1].split("\n")[0]


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Until a training has logged its first step."""
    for _ in range(2400):
        if path.exists() and path.stat().st_size:
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    raise AssertionError("the training does not begin")


def second_process(launcher: int) -> int:
    """The process id of rank 1: the youngest descendant that has it in its environment."""
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name), reverse=True):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            session = int((entry / "stat").read_text().rpartition(")")[2].split()[3])
            command_line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        ours = launcher in (session, int(parent))
        if ours and b"LOCAL_RANK=1" in environment and b"gantools.cli.app" in command_line:
            return int(entry.name)
    raise AssertionError("there is no second process")
