import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from gantools.core.errors import ArtifactError, BackendError, DataError, RecipeError, TrainingError
from gantools.core.events import Event, Note, Progress
from gantools.core.recipe import dump_recipe
from gantools.data import open_images
from gantools.losses.adversarial import real_loss
from gantools.train import train
from gantools.train.checkpoint import checkpoint_steps, load_checkpoint, step_folder
from tests.train.conftest import MakeRecipe

CHILD = """
import os, signal, sys
from pathlib import Path
import torch
from gantools.core.events import Progress
from gantools.core.recipe import Recipe
from gantools.train import train

torch.set_num_threads(int(sys.argv[4]))
def watch(event):
    if isinstance(event, Progress) and event.stage == "train":
        print(event.done, flush=True)
        if event.done >= 30 and sys.argv[3] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)

recipe = Recipe.model_validate_json(Path(sys.argv[1]).read_text())
train(recipe, Path(sys.argv[2]), accelerator="cpu", on_event=watch)
"""


def child(tmp_path: Path, recipe: Any, run: Path, how: str) -> list[str]:
    """The command of a process that trains."""
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "child.json").write_text(dump_recipe(recipe))
    arguments = [tmp_path / "child.py", tmp_path / "child.json", run, how, torch.get_num_threads()]
    return [sys.executable, "-W", "error", *map(str, arguments)]


def all_tensors(run: Path, step: int) -> dict[str, torch.Tensor]:
    folder = step_folder(run, step)
    files = ("nets.safetensors", "ema.safetensors", "optimizers.safetensors")
    return {f"{file}:{name}": tensor for file in files for name, tensor in load_file(folder / file).items()}


def assert_equal_bit_for_bit(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert len(one) > 50
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_a_killed_training_goes_on_bit_for_bit(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    """Also with mirrored images, a lazy penalty and spectral norm, whose vectors are state."""
    recipe = make_recipe(
        train__steps=40,
        train__checkpoint_every=20,
        train__sample_every=10,
        data__mirror=True,
        objective__r1_gamma=1.0,
        objective__r1_every=3,
        discriminator__norm="spectral",
    )
    train(recipe, tmp_path / "straight")
    killed = subprocess.run(child(tmp_path, recipe, tmp_path / "killed", "kill"), check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert checkpoint_steps(tmp_path / "killed") == [20]
    (tmp_path / "killed" / "checkpoints" / ".step-00000040.x.partial").mkdir()  # as a kill while saving leaves it
    assert train(recipe, tmp_path / "killed", resume=True).step == 40
    for step in (20, 40):
        assert_equal_bit_for_bit(all_tensors(tmp_path / "killed", step), all_tensors(tmp_path / "straight", step))
    steps = [json.loads(line)["step"] for line in (tmp_path / "killed" / "log.jsonl").read_text().splitlines()]
    assert steps == [10, 20, 30, 40], "each step is logged once"
    assert not list((tmp_path / "killed" / "checkpoints").glob(".*"))


def test_small_images_are_brought_to_size_as_the_recipe_says(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    for fit in ("resize", "pad"):
        state = train(make_recipe(train__steps=1, data__fit=fit), tmp_path / fit).state
        cache = state.recipe.data.cache
        images = open_images("builtin:digits", resolution=32, channels=1, fit=fit, cache=cache)
        assert state.data_sha256 == images.digest


def test_the_seed_is_all_that_makes_two_trainings_differ(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    runs = [(0, "a"), (0, "b"), (1, "c")]
    for seed, name in runs:
        torch.manual_seed(len(name) + seed)  # what the caller did with random numbers is of no matter
        train(make_recipe(train__steps=3, train__seed=seed), tmp_path / name)
    first, second, third = (all_tensors(tmp_path / name, 3) for _, name in runs)
    assert_equal_bit_for_bit(first, second)
    assert any(not torch.equal(first[name], third[name]) for name in first)


def test_a_finished_run_goes_on_when_steps_grow(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    train(make_recipe(train__steps=3), tmp_path / "run")
    assert train(make_recipe(train__steps=6), tmp_path / "run", resume=True).step == 6
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["train"]["steps"] == 6
    train(make_recipe(train__steps=6), tmp_path / "straight")
    assert_equal_bit_for_bit(all_tensors(tmp_path / "run", 6), all_tensors(tmp_path / "straight", 6))
    assert train(make_recipe(train__steps=6), tmp_path / "run", resume=True).step == 6, "nothing is left to do"


def test_resuming_with_another_recipe_names_every_key(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    train(make_recipe(), tmp_path / "run")
    with pytest.raises(RecipeError) as caught:
        train(make_recipe(train__steps=5, train__batch=4, model__width=8), tmp_path / "run", resume=True)
    assert "train.batch: the run has 8, the recipe 4" in caught.value.message
    assert "model.width: the run has 4, the recipe 8" in caught.value.message
    assert "train.steps: the run has done 6, the recipe wants 5" in caught.value.message


def test_resuming_with_other_images_is_refused(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    (tmp_path / "images").mkdir()
    for number in range(8):
        Image.new("L", (32, 32), number * 30).save(tmp_path / "images" / f"{number}.png")
    recipe = make_recipe(data__source=str(tmp_path / "images"))
    train(recipe, tmp_path / "run")
    (tmp_path / "images" / "0.png").unlink()
    with pytest.raises(DataError, match=r"the images of '.*images' have digest"):
        train(recipe, tmp_path / "run", resume=True)


def test_images_are_brought_to_size_as_the_recipe_says_and_duplicates_are_told(
    tmp_path: Path, make_recipe: MakeRecipe
) -> None:
    (tmp_path / "images").mkdir()
    for number in range(6):
        Image.new("L", (28, 28), number // 2 * 30).save(tmp_path / "images" / f"{number}.png")
    digests = {}
    for how in ("pad", "resize"):
        told: list[Event] = []
        recipe = make_recipe(train__steps=1, data__source=str(tmp_path / "images"), data__fit=how)
        digests[how] = train(recipe, tmp_path / how, on_event=told.append).state.data_sha256
        images = open_images(str(tmp_path / "images"), resolution=32, channels=1, fit=how, cache=recipe.data.cache)
        assert digests[how] == images.digest
        assert any("equal" in event.text for event in told if isinstance(event, Note))
    assert digests["pad"] != digests["resize"]


def test_a_run_folder_is_never_overwritten(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    with pytest.raises(ArtifactError, match="holds no training to resume"):
        train(make_recipe(), tmp_path / "run", resume=True)
    train(make_recipe(train__steps=1), tmp_path / "run")
    with pytest.raises(ArtifactError, match="run' holds a training") as caught:
        train(make_recipe(), tmp_path / "run")
    assert caught.value.hint is not None
    assert "--resume" in caught.value.hint
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(ArtifactError, match="mine' holds something else") as caught:
        train(make_recipe(), tmp_path / "mine")
    assert caught.value.hint == "give another --out"


def test_a_training_scores_itself_and_returns_its_best(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    events: list[Event] = []
    recipe = make_recipe(
        train__steps=24, train__keep=1, train__sample_every=12, evaluate__every=8, evaluate__samples=100
    )
    best = train(recipe, tmp_path / "run", on_event=events.append)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    kids = {line["step"]: line["kid"] for line in lines if "kid" in line}
    assert sorted(kids) == [8, 16, 24]
    assert best.quality is not None
    assert best.quality["kid"] == min(kids.values()) == kids[best.step]
    assert sorted({best.step, 24}) == checkpoint_steps(tmp_path / "run")
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any(f"KID {kids[8]:.4f} (best so far)" in note for note in notes)
    progress = [event for event in events if isinstance(event, Progress) and event.stage == "train"]
    assert progress[-1].done == progress[-1].total == 24
    assert {"samples/s", "D.real", "D.fake", "G.fake"} <= progress[-1].values.keys()
    assert progress[-1].values["samples/s"] > 0
    grids = sorted((tmp_path / "run" / "samples").iterdir())
    assert [path.name for path in grids] == ["step-00000012.png", "step-00000024.png"]
    with Image.open(grids[1]) as grid:
        assert grid.text["seeds"] == "0-63"  # type: ignore[attr-defined]
        shown = np.asarray(grid)[:32, :32]
    from gantools.train.quality import sample

    drawn = sample(load_checkpoint(tmp_path / "run", 24).build_model(), [0], torch.device("cpu"))
    # One level of 255, because the picture was drawn by a network in another memory layout.
    assert np.abs(shown.astype(int) - drawn[0, ..., 0]).max() <= 1, "the picture shows what ships for seed 0"
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))


def test_a_loss_that_is_not_finite_ends_the_training_by_name(
    tmp_path: Path, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def fails_at_step_5(logits: torch.Tensor, smoothing: float) -> torch.Tensor:
        calls.append(1)
        return real_loss(logits, smoothing) * (float("nan") if len(calls) >= 5 else 1.0)

    monkeypatch.setattr("gantools.losses.adversarial.real_loss", fails_at_step_5)
    with pytest.raises(TrainingError, match=r"the loss term 'D.real' became nan at step 5") as caught:
        train(make_recipe(train__steps=20, safety__enabled=False), tmp_path / "run")
    assert caught.value.hint is not None
    assert "lower train.learning_rate; the checkpoint of step 3 is kept" in caught.value.hint
    left = load_checkpoint(tmp_path / "run", "last").build_model("raw")
    assert all(parameter.isfinite().all() for net in left.nets.values() for parameter in net.parameters())


def test_a_training_that_diverges_at_once_leaves_no_checkpoint(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    with pytest.raises(TrainingError):
        train(make_recipe(train__learning_rate=1e38, train__checkpoint_every=1), tmp_path / "run")
    assert checkpoint_steps(tmp_path / "run") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_and_saves(number: int, tmp_path: Path, make_recipe: MakeRecipe) -> None:
    events: list[Event] = []

    def watch(event: Event) -> None:
        events.append(event)
        if isinstance(event, Progress) and event.stage == "train" and event.done == 20:
            os.kill(os.getpid(), number)

    recipe = make_recipe(train__steps=40, train__checkpoint_every=40)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "run", on_event=watch)
    assert checkpoint_steps(tmp_path / "run") == [21]
    assert isinstance(events[-1], Note)
    assert "stopped after step 21 of 40, which is saved; --resume" in events[-1].text
    train(recipe, tmp_path / "run", resume=True)
    train(recipe, tmp_path / "straight")
    assert_equal_bit_for_bit(all_tensors(tmp_path / "run", 40), all_tensors(tmp_path / "straight", 40))


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_the_precision_that_was_asked_for_is_computed(
    precision: str, dtype: torch.dtype, tmp_path: Path, make_recipe: MakeRecipe
) -> None:
    seen: dict[str, set[torch.dtype]] = {"weights": set(), "results": set()}

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.training:
            seen["weights"].add(module.weight.dtype)
            seen["results"].add(output.dtype)

    hook = nn.modules.module.register_module_forward_hook(note)
    try:
        train(make_recipe(train__steps=2, train__precision=precision), tmp_path / "run")
    finally:
        hook.remove()
    assert seen == {"weights": {torch.float32}, "results": {dtype}}


def test_an_accelerator_that_is_not_there_is_refused(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(BackendError, match="accelerator 'cuda' with 1 devices on 1 nodes cannot be had"):
        train(make_recipe(), tmp_path / "run", accelerator="cuda")
    with pytest.raises(BackendError, match="accelerator 'nonsense'"):
        train(make_recipe(), tmp_path / "run", accelerator="nonsense")


def test_a_training_says_nothing_but_its_events(
    tmp_path: Path, make_recipe: MakeRecipe, capfd: pytest.CaptureFixture[str]
) -> None:
    train(make_recipe(evaluate__every=3, evaluate__samples=100), tmp_path / "run")
    assert capfd.readouterr() == ("", "")


def test_a_batch_that_processes_cannot_share_is_refused(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    with pytest.raises(RecipeError, match=r"train.batch is 7, which 2 processes cannot share equally"):
        train(make_recipe(train__batch=7), tmp_path / "run", devices=2, accelerator="cpu")
