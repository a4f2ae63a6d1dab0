import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from gantools.core.errors import ArtifactError, TrainingError
from gantools.train import PARTS, train
from gantools.train.checkpoint import (
    EMA,
    NETS,
    OBJECTIVE,
    OPTIMIZERS,
    State,
    keep_best_and_newest,
    load_checkpoint,
    save_checkpoint,
    step_folder,
)
from tests.train.conftest import MakeRecipe

ONE = {"G.w": torch.ones(2)}
FILES = {NETS: ONE, EMA: ONE, OPTIMIZERS: ONE, OBJECTIVE: {}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, image_cache: str) -> Path:
    from gantools.core.recipe import resolve_recipe

    raw = {
        "model": {"name": "dcgan", "channels": 1, "latent": 8, "width": 4},
        "discriminator": {"name": "dcgan", "width": 4},
        "data": {"source": "builtin:digits", "cache": image_cache},
        "objective": {"name": "nonsaturating"},
        "train": {"steps": 4, "batch": 8, "sample_every": 0, "checkpoint_every": 2},
        "evaluate": {"every": 0},
    }
    run = tmp_path_factory.mktemp("checkpoint") / "run"
    train(resolve_recipe(raw, "tiny", PARTS), run)
    return run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


def saved(run: Path, make_recipe: MakeRecipe, step: int, kid: float | None) -> None:
    quality = None if kid is None else {"kid": kid}
    state = State(step=step, images_seen=step * 8, data_sha256="", quality=quality, recipe=make_recipe())
    save_checkpoint(run, state, FILES)


def test_a_checkpoint_is_found_by_run_by_step_and_by_its_own_folder(run: Path) -> None:
    assert load_checkpoint(run).step == 4, "nothing was scored, so the best is the last"
    assert load_checkpoint(run, "last").step == 4
    by_step = load_checkpoint(run, 2)
    assert (by_step.step, by_step.images_seen, by_step.quality) == (2, 16, None)
    assert load_checkpoint(step_folder(run, 2)).digest == by_step.digest
    assert load_checkpoint(str(run)).digest != by_step.digest


def test_nothing_in_a_run_is_a_pickle(run: Path) -> None:
    files = [path for path in run.rglob("*") if path.is_file() and "tensorboard" not in path.parts]
    assert len(files) >= 10
    assert {path.suffix for path in files} == {".safetensors", ".json", ".jsonl", ".png", ".html"}


def test_the_model_comes_with_the_weights_that_were_asked_for(run: Path) -> None:
    checkpoint = load_checkpoint(run)
    for weights, file in (("ema", EMA), ("raw", NETS)):
        model = checkpoint.build_model(weights)
        stored = load_file(checkpoint.folder / file)
        assert not any(module.training for graph in model.graphs.values() for module in graph.module.modules())
        for name, tensor in model.nets["G"].state_dict().items():
            assert torch.equal(tensor, stored[f"G.{name}"])
    averaged, raw = (checkpoint.build_model(weights).nets["G"].state_dict() for weights in ("ema", "raw"))
    assert any(not torch.equal(averaged[name], raw[name]) for name in raw)


def test_building_a_model_leaves_the_random_numbers_of_the_caller_alone(run: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_checkpoint(run).build_model()
    assert torch.equal(torch.rand(3), expected)


def test_the_digest_follows_every_file(run: Path) -> None:
    checkpoint = load_checkpoint(run)
    digests = {checkpoint.digest}
    for path in sorted(checkpoint.folder.iterdir()):
        path.write_bytes(path.read_bytes() + b" ")
        digests.add(checkpoint.digest)
    assert len(digests) == 6


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".ckpt"])
def test_a_pickle_is_refused_with_a_sentence(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=f"model{suffix}' is a pickle, which can run code"):
        load_checkpoint(tmp_path / f"model{suffix}")


def test_what_holds_no_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"'.*nowhere' does not exist"):
        load_checkpoint(tmp_path / "nowhere")
    with pytest.raises(ArtifactError, match="holds no checkpoint"):
        load_checkpoint(tmp_path)
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(ArtifactError, match=r"file.txt' is no run folder"):
        load_checkpoint(tmp_path / "file.txt")


def test_an_unknown_step_or_kind_of_weights_lists_what_there_is(run: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no checkpoint of step 3") as caught:
        load_checkpoint(run, 3)
    assert caught.value.hint == "there are: best, last, 2, 4"
    with pytest.raises(ArtifactError, match="no weights 'newest'"):
        load_checkpoint(run).build_model("newest")


def test_weights_that_do_not_fit_are_all_named(run: Path) -> None:
    path = step_folder(run, 4) / EMA
    tensors = load_file(path)
    del tensors["G.project.weight"]
    tensors["G.surplus"] = torch.zeros(1)
    tensors["G.blocks.0.weight"] = torch.zeros(3)
    save_file(tensors, path)
    with pytest.raises(ArtifactError) as caught:
        load_checkpoint(run).build_model()
    message = caught.value.message
    assert "'G.project.weight' is missing" in message
    assert "'G.surplus' is not of this model" in message
    assert "'G.blocks.0.weight' is (3,) float32 and the model's is (16,) float32" in message
    load_checkpoint(run).build_model("raw")


def test_a_damaged_or_missing_file_is_one_sentence(run: Path) -> None:
    folder = step_folder(run, 4)
    (folder / NETS).write_bytes((folder / NETS).read_bytes()[:100])
    with pytest.raises(ArtifactError, match=r"nets.safetensors' is damaged"):
        load_checkpoint(run).build_model()
    (folder / NETS).unlink()
    with pytest.raises(ArtifactError, match=r"nets.safetensors' does not exist"):
        load_checkpoint(run).build_model()
    (folder / "state.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"state.json' cannot be read: step: Field required"):
        load_checkpoint(run)
    (run / "best.json").write_text("nothing")
    with pytest.raises(ArtifactError, match=r"best.json' is damaged"):
        load_checkpoint(run)


def test_the_best_and_the_newest_are_kept(tmp_path: Path, make_recipe: MakeRecipe) -> None:
    for step, kid in ((1, 0.5), (2, 0.1), (3, None), (4, 0.3), (5, 0.2)):
        saved(tmp_path, make_recipe, step, kid)
        keep_best_and_newest(tmp_path, 2)
    left = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert left == ["step-00000002", "step-00000004", "step-00000005"]
    assert json.loads((tmp_path / "best.json").read_text()) == {
        "step": 2,
        "checkpoint": "checkpoints/step-00000002",
        "kid": 0.1,
    }
    assert load_checkpoint(tmp_path, "best").step == 2
    assert load_checkpoint(tmp_path, "last").step == 5


@pytest.mark.parametrize("file", [NETS, EMA])
def test_weights_that_are_not_finite_are_never_saved(file: str, tmp_path: Path, make_recipe: MakeRecipe) -> None:
    bad = {"G.w": torch.tensor([1.0, float("nan")])}
    state = State(step=7, images_seen=56, data_sha256="", recipe=make_recipe())
    with pytest.raises(TrainingError, match=r"the weight 'G.w' is not finite at step 7"):
        save_checkpoint(tmp_path, state, {**FILES, file: bad})
    assert not list(tmp_path.rglob("*"))
