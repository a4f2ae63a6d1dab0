import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from gantools.core.errors import BackendError
from gantools.core.events import Event, Note
from gantools.losses.objectives.objective import Batch
from gantools.train import choices, train
from gantools.train.checkpoint import load_checkpoint
from gantools.train.choices import choose_compile, choose_precision, steps_s
from gantools.train.draws import Draws, generator
from gantools.train.learner import Learner
from tests.train.conftest import MakeRecipe
from tests.train.test_fit import all_tensors, assert_equal_bit_for_bit

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")


class FakeClock:
    """Stands for the steps that are timed: a compiled one takes ``compiled_s``."""

    def __init__(self, eager_s: float, compiled_s: float) -> None:
        self.eager_s, self.compiled_s, self.tried = eager_s, compiled_s, False

    def __call__(self, learner: Learner, draws: Draws, steps: int) -> float:
        self.tried = self.tried or bool(learner.compiled)
        return steps * (self.compiled_s if learner.compiled else self.eager_s)


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="32-true")


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize(("bf16_s", "chosen"), [(0.5, "bf16"), (0.9, "fp32"), (10.0, "fp32")])
def test_bf16_is_chosen_where_it_pays(bf16_s: float, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    times = {torch.float32: 1.0, torch.bfloat16: bf16_s}
    monkeypatch.setattr(choices, "_convolution_s", lambda device, dtype: times[dtype])
    found, why = choose_precision(torch.device("cpu"))
    assert found == chosen
    assert f"in bf16 is {1 / bf16_s:.2g} times as fast" in why


def test_a_real_measurement_takes_a_moment_and_decides() -> None:
    assert choose_precision(torch.device("cpu"))[0] in ("bf16", "fp32")


@pytest.mark.parametrize(
    ("steps", "eager_s", "compiled_s", "tried", "chosen", "why"),
    [
        (499, 100.0, 1.0, False, "off", "499 steps are too few to try it"),
        (1000, 1.0, 0.5, False, "off", "the training takes about 17 min, and trying pays above 50 min"),
        (10000, 1.0, 0.5, True, "on", "compiled steps are 2.00 times as fast here; compiling took"),
        (10000, 1.0, 0.99, True, "off", "compiled steps are 1.01 times as fast here"),
        (10000, 1.0, 2.0, True, "off", "compiled steps are 0.50 times as fast here"),
    ],
)
def test_compiling_is_tried_in_long_trainings_and_kept_where_it_pays(
    steps: int,
    eager_s: float,
    compiled_s: float,
    tried: bool,
    chosen: str,
    why: str,
    make_recipe: MakeRecipe,
    fabric: Fabric,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = make_recipe(train__steps=steps)
    learner, clock, draws = Learner(recipe, fabric), FakeClock(eager_s, compiled_s), object()
    monkeypatch.setattr(nn.Module, "compile", lambda net, **_: None)
    monkeypatch.setattr(choices, "missing_compiler", lambda device: None)
    monkeypatch.setattr(choices, "steps_s", clock)
    found, reason = choose_compile(recipe, learner, draws, fabric)  # type: ignore[arg-type]
    assert (found, clock.tried) == (chosen, tried)
    assert why in reason


def test_networks_that_cannot_be_compiled_are_trained_eager(
    make_recipe: MakeRecipe, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(learner: Learner, draws: Draws, steps: int) -> float:
        if learner.compiled:
            raise RuntimeError("no kernel for this\nmore of it")
        return float(steps)

    recipe = make_recipe(train__steps=10000)
    monkeypatch.setattr(nn.Module, "compile", lambda net, **_: None)
    monkeypatch.setattr(choices, "missing_compiler", lambda device: None)
    monkeypatch.setattr(choices, "steps_s", fails)
    found = choose_compile(recipe, Learner(recipe, fabric), object(), fabric)  # type: ignore[arg-type]
    assert found == ("off", "compiling failed: no kernel for this")


def test_without_a_compiler_a_training_runs_eager_or_says_what_is_missing(
    tmp_path: Path, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    events: list[Event] = []
    train(make_recipe(train__steps=1, train__compile="auto"), tmp_path / "auto", on_event=events.append)
    missing = "the C++ compiler 'no-such-compiler', which makes kernels for a CPU, is not there"
    assert f"train.compile auto: off, because {missing}" in [e.text for e in events if isinstance(e, Note)]
    assert load_checkpoint(tmp_path / "auto", "last").recipe.train.compile == "off"
    with pytest.raises(BackendError, match=r"train.compile is on, and the C\+\+ compiler 'no-such-compiler'"):
        train(make_recipe(train__compile="on"), tmp_path / "on")
    assert not (tmp_path / "on").exists()


def test_timing_leaves_no_trace_in_a_training(tmp_path: Path, make_recipe: MakeRecipe, fabric: Fabric) -> None:
    """The steps that were timed are undone, and the real ones are those of a training that was not timed."""

    def timed(recipe: Any, learner: Learner, draws: Draws, fabric: Fabric) -> tuple[str, str]:
        assert steps_s(learner, draws, 3) > 0
        learner.begin_again()
        return "off", "the test says so"

    options = {"discriminator__norm": "spectral", "objective__augment": "ada", "train__steps": 3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choices, "choose_compile", timed)
        train(make_recipe(**options, train__compile="auto"), tmp_path / "timed")
    train(make_recipe(**options, train__compile="off"), tmp_path / "untimed")
    assert_equal_bit_for_bit(all_tensors(tmp_path / "timed", 3), all_tensors(tmp_path / "untimed", 3))


def test_what_was_chosen_is_kept_when_the_training_goes_on(
    tmp_path: Path, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    undecided = {"train__precision": "auto", "train__compile": "auto"}
    monkeypatch.setattr(choices, "choose_precision", lambda device: ("bf16", "the test says so"))
    monkeypatch.setattr(choices, "choose_compile", lambda *_: ("off", "the test says this, too"))
    train(make_recipe(**undecided, train__steps=2), tmp_path / "run", on_event=events.append)
    notes = [event.text for event in events if isinstance(event, Note)]
    assert "train.precision auto: bf16, because the test says so" in notes
    assert "train.compile auto: off, because the test says this, too" in notes
    monkeypatch.setattr(choices, "choose_precision", lambda device: ("fp32", "it says otherwise now"))
    monkeypatch.setattr(choices, "choose_compile", lambda *_: ("on", "it says otherwise now"))
    train(make_recipe(**undecided, train__steps=3), tmp_path / "run", resume=True)
    kept = load_checkpoint(tmp_path / "run", "last").recipe.train
    assert (kept.precision, kept.compile) == ("bf16", "off")


def test_compiled_networks_are_used_where_a_phase_differentiates_once(
    make_recipe: MakeRecipe, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by which networks dynamo hands to its backend; kernels are not made."""
    compiled: list[str] = []

    def count(net: nn.Module, **_: Any) -> None:
        def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
            compiled.append(type(net).__name__)
            return graph.forward

        net._compiled_call_impl = torch.compile(net._call_impl, backend=backend, dynamic=False)

    monkeypatch.setattr(nn.Module, "compile", count)
    learner = Learner(make_recipe(objective__r1_gamma=1.0, discriminator__norm="none"), fabric)
    names = set(learner.tensors()["nets.safetensors"])
    learner.compile(enabled=True)
    assert set(learner.tensors()["nets.safetensors"]) == names
    batch = Batch(torch.rand(8, 1, 32, 32) * 2 - 1, {"latent": torch.randn(8, 8)}, due=("D", "D_r1", "G"))
    seen = []
    for phase in learner.objective.phases:
        compiled.clear()
        learner.update(phase, batch, generator(0, phase.name, 0))
        seen.append((phase.name, sorted(set(compiled))))
    assert seen == [("D", ["DCGANDiscriminator", "Generator"]), ("D_r1", []), ("G", ["DCGANDiscriminator"])]
    learner.compile(enabled=False)
    torch.compiler.reset()
    compiled.clear()
    learner.update(learner.objective.phases[0], batch, generator(0, "D", 0))
    assert compiled == []


@needs_compiler
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own modules, when they are imported
@pytest.mark.parametrize("norm", ["batch", "spectral"])
def test_a_compiled_training_computes_the_same_and_goes_on_bit_for_bit(
    norm: str, tmp_path: Path, make_recipe: MakeRecipe, fresh_compiler: None
) -> None:
    options = {"discriminator__norm": norm}
    if norm == "spectral":
        options |= {"objective__r1_gamma": 1.0, "objective__r1_every": 3}  # type: ignore[dict-item]
    train(make_recipe(**options, train__compile="on"), tmp_path / "straight")
    train(make_recipe(**options, train__compile="on", train__steps=3), tmp_path / "resumed")
    torch.compiler.reset()
    train(make_recipe(**options, train__compile="on"), tmp_path / "resumed", resume=True)
    straight = all_tensors(tmp_path / "straight", 6)
    assert_equal_bit_for_bit(all_tensors(tmp_path / "resumed", 6), straight)
    train(make_recipe(**options, train__compile="off"), tmp_path / "eager")
    eager = all_tensors(tmp_path / "eager", 6)
    assert eager.keys() == straight.keys(), "compiled networks are saved under their own names"
    moved = [name for name in eager if name.endswith(("running_mean", "_u"))]
    assert len(moved) >= 3, "buffers follow"
    for name, tensor in eager.items():
        assert torch.allclose(tensor, straight[name], rtol=1e-2, atol=2e-4), name
