"""An optimization within a quality budget: defects break it, sound rebuilds do not, and the step is named."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from gantools.core.artifact import Artifact, GraphFile
from gantools.core.errors import BackendError, QualityError
from gantools.optimize import optimize as room
from gantools.optimize import typed
from gantools.optimize.forms import rewritten
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.optimize.typed import Draft
from tests.zoo import make_artifact, needs_bf16

BUDGET = {"levels": 0.3}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_artifact(tmp_path_factory.mktemp("zoo") / "art", "resize")


def _weights(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """Kernels (4 axes) and the bias of the first layer, in the order of the layers."""
    return [one for one in model.graph.initializer if numpy_helper.to_array(one).size > 16]


def _changed(tensor: onnx.TensorProto, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(change(numpy_helper.to_array(tensor))), tensor.name))


def dropped_bias(model: onnx.ModelProto) -> None:
    _changed(next(one for one in _weights(model) if len(one.dims) == 1), np.zeros_like)


def flipped_kernel(model: onnx.ModelProto) -> None:
    _changed(next(one for one in _weights(model) if len(one.dims) == 4), lambda kernel: kernel[..., ::-1])


def wrong_axis(model: onnx.ModelProto) -> None:
    """Height and width of a kernel exchanged."""
    _changed(next(one for one in _weights(model) if len(one.dims) == 4), lambda kernel: kernel.swapaxes(2, 3))


def saturated_layer(model: onnx.ModelProto) -> None:
    """One layer clipped to half of its range, as a badly calibrated quantizer does."""
    node = next(one for one in model.graph.node if one.op_type == "LeakyRelu")
    limits = [numpy_helper.from_array(np.array(value, np.float32), name) for value, name in ((-1, "lo"), (1, "hi"))]
    model.graph.initializer.extend(limits)
    inner = f"{node.output[0]}_whole"
    clip = onnx.helper.make_node("Clip", [inner, "lo", "hi"], [node.output[0]], name="saturated")
    node.output[0] = inner
    model.graph.node.insert(list(model.graph.node).index(node) + 1, clip)


DEFECTS = (dropped_bias, flipped_kernel, wrong_axis, saturated_layer)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_fires_the_gate_where_parity_is_blind(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: Callable[[onnx.ModelProto], None]
) -> None:
    """Element-wise checks are switched off, so that only the gate stands between the defect and the artifact."""
    right = Draft.write

    def wrong(draft: Draft, path: Path, islands: Collection[str] = ()) -> GraphFile:
        made = right(draft, path, islands)
        model = onnx.load(path)
        defect(model)
        onnx.save(model, path)
        return made

    monkeypatch.setattr(Draft, "write", wrong)
    monkeypatch.setattr(room, "_judge_compiled", lambda *given: [])
    plan = Plan(target="onnxruntime", rewrite="off", max_loss=BUDGET, samples=100, threads=1)
    with pytest.raises(QualityError, match=r"costs too much: levels lost \d") as caught:
        optimize(parent, plan, tmp_path / "child")
    assert caught.value.exit_code == 4
    assert list(tmp_path.iterdir()) == []


def test_twenty_sound_rebuilds_give_no_alarm(parent: Artifact, tmp_path: Path) -> None:
    """Other forms, other runtimes, other numbers of threads: the same generator."""
    kept = 0
    for number in range(20):
        form = ("transposed", "phases", "split_phases")[number % 3]
        forms = {name: {"upsampling": {"conv_3": form, "conv_6": form}} for name in parent.manifest.graphs}
        target, threads = ("onnxruntime", "openvino")[number % 2], 1 + number // 10
        plan = Plan(target=target, forms=forms, max_loss=BUDGET, samples=40, threads=threads)
        (loss,) = optimize(parent, plan, tmp_path / str(number)).manifest.steps[-1].losses
        kept += loss.ok
        assert loss.loss < 0.01
    assert kept == 20


@needs_bf16
def test_the_step_that_costs_too_much_is_named(parent: Artifact, tmp_path: Path) -> None:
    plan = Plan(target="openvino", precision="bf16", max_loss={"levels": 0.01}, samples=100, threads=1)
    with pytest.raises(QualityError, match=r"^the precision bf16 on openvino costs too much: levels lost"):
        optimize(parent, plan, tmp_path / "child")
    assert list(tmp_path.iterdir()) == []
    allowed = plan.model_copy(update={"max_loss": {"levels": 5.0}})
    (loss,) = optimize(parent, allowed, tmp_path / "child").manifest.steps[-1].losses
    assert 0.01 < loss.loss < loss.interval[1] < 5
    assert (loss.samples, loss.seeds) == (100, "2000000-2000099")


def test_a_wrong_rewrite_is_named(parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = rewritten

    def wrong(*given: object) -> object:
        model, forms = right(*given)  # type: ignore[arg-type]
        bias = next(value for value in model.graph.initializers.values() if str(value.name).endswith("weight"))
        assert bias.const_value is not None
        bias.const_value = type(bias.const_value)(bias.const_value.numpy() * np.float32(0.5), name=bias.name)  # type: ignore[call-arg]
        return model, forms

    monkeypatch.setattr(typed, "rewritten", wrong)
    monkeypatch.setattr(room, "_judge_compiled", lambda *given: [])
    forms = {name: {"upsampling": {"conv_3": "transposed"}} for name in parent.manifest.graphs}
    plan = Plan(target="onnxruntime", forms=forms, max_loss=BUDGET, samples=100, threads=1)
    with pytest.raises(QualityError, match=r"^rewriting costs too much"):
        optimize(parent, plan, tmp_path / "child")


def test_a_budget_is_not_judged_on_a_stand_in(parent: Artifact, tmp_path: Path) -> None:
    plan = Plan(target="tensorrt-rtx", precision="fp16", max_loss=BUDGET)
    with pytest.raises(BackendError, match="--max-loss is measured on the graph that ships") as caught:
        optimize(parent, plan, tmp_path / "child")
    assert caught.value.hint == "optimize where it will run, or leave --max-loss out"
    assert list(tmp_path.iterdir()) == []
