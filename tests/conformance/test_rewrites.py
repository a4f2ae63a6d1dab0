"""What every exact rewrite must keep: the interface, the outputs but for rounding, and what ONNX says of operations."""

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from onnx.backend.test.case import node as cases

from gantools.optimize.rewrites import REWRITES
from gantools.optimize.rewrites.site import Site, apply
from gantools.optimize.rewrites.tidy import tidy
from gantools.verify.parity import check
from gantools.verify.tolerances import TOLERANCES
from tests.zoo import NETS, SAMPLER, open_graph, write_onnx

FORMS = {
    "affine": ("folded", "folded_after", "in_table"),
    "commute": ("enlarge_last", "average_first"),
    "projection": ("product",),
    "fir": ("composed",),
    "zero_insertion": ("padded", "transposed"),
    "upsampling": ("transposed", "phases", "split_phases"),
}


def test_every_form_of_every_rewrite_is_tried() -> None:
    assert {name: len(forms) for name, forms in FORMS.items()} == dict.fromkeys(REWRITES, 0) | {
        "affine": 3, "commute": 2, "projection": 1, "fir": 1, "upsampling": 3, "zero_insertion": 2,
    }  # fmt: skip


def everything(model: ir.Model, last: int = 0) -> int:
    """Tidy and put a form in every site: the first, or the last that it has. How many sites there were."""
    tidy(model)
    places = (0, -1)
    return sum(apply(model, REWRITES.load(name), lambda site: list(site.forms)[places[last]]) for name in REWRITES)


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("output", ["uint8", "float32"])
@pytest.mark.parametrize("kind", NETS)
def test_the_interface_and_the_outputs_are_kept(tmp_path: Path, kind: str, output: str, last: int) -> None:
    spec = write_onnx(tmp_path / "source.onnx", kind, output)
    before, after = (ir.load(tmp_path / "source.onnx") for _ in range(2))
    assert everything(after, last) >= 2
    for values in ("inputs", "outputs"):
        described = [
            [(value.name, value.dtype, str(value.shape)) for value in getattr(model.graph, values)]
            for model in (before, after)
        ]
        assert described[0] == described[1]
    ir.save(after, tmp_path / "rewritten.onnx")
    onnx.checker.check_model(tmp_path / "rewritten.onnx", full_check=True)
    with (
        open_graph(tmp_path / "rewritten.onnx", spec) as rewritten,
        open_graph(tmp_path / "source.onnx", spec) as source,
    ):
        check(rewritten, source, SAMPLER, tolerance=TOLERANCES["fp32"])


@pytest.mark.parametrize("name", REWRITES)
def test_a_graph_without_the_pattern_is_unchanged(name: str) -> None:
    """A graph of every rewrite's neighbours, and none of its patterns."""
    nodes = [
        onnx.helper.make_node("Resize", ["x", "", "scales"], ["large"], mode="linear", name="a"),
        onnx.helper.make_node("Conv", ["large", "w"], ["y"], pads=[1] * 4, name="b"),
        onnx.helper.make_node("Mul", ["y", "large"], ["z"], name="c"),
    ]
    constants = {
        "scales": np.array([1, 1, 2, 2], np.float32),
        "w": np.random.default_rng(0).standard_normal((3, 3, 3, 3)).astype(np.float32),
    }
    graph = onnx.helper.make_graph(
        nodes,
        "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 3, 4, 4])],
        [onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [onnx.numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 22)], ir_version=10)
    tidied = tidy(ir.from_proto(model))
    before = ir.to_proto(tidied).SerializeToString()

    def never(site: Site) -> str | None:
        raise AssertionError(f"{site.name} is no site")

    assert apply(tidied, REWRITES.load(name), never) == 0
    assert ir.to_proto(tidied).SerializeToString() == before


# Node tests whose outputs are no function of their inputs.
_RANDOM = ("bernoulli", "randomuniform", "randomnormal", "multinomial", "dropout")


@pytest.mark.filterwarnings("ignore")  # ONNX's reference code warns of what it does on purpose
def test_onnx_backend_tests_hold_after_all_rewrites() -> None:
    """Each of ONNX's node tests that ONNX Runtime passes, it passes when everything has been tidied and rewritten.

    Each is tried as it is, and with all inputs but the first as constants, which is what weights are.
    """
    for module in pkgutil.iter_modules(cases.__path__):
        importlib.import_module(f"{cases.__name__}.{module.name}")
    tried, with_constants = 0, 0
    left_out = {"random": 0, "not in this runtime": 0, "the runtime differs from ONNX": 0}
    for case in cases._NodeTestCases:
        if any(word in case.name for word in _RANDOM):
            left_out["random"] += 1
            continue
        inputs, expected = case.data_sets[0]
        for constant in (False, True):
            model = _with_constants(case.model, inputs) if constant else case.model
            if model is None:
                continue
            given = inputs[:1] if constant else inputs
            exact = _outputs(model, given)
            if exact is None:
                left_out["not in this runtime"] += 1
                continue
            after = ir.from_proto(model)
            everything(after)
            found = _outputs(ir.to_proto(after), given)
            assert found is not None, case.name
            for right, one, other in zip(expected, exact, found, strict=True):
                if not _close(one, right):
                    left_out["the runtime differs from ONNX"] += 1
                    continue
                assert _close(other, right), case.name
                tried, with_constants = tried + 1, with_constants + constant
    assert tried >= 2000, left_out
    assert with_constants >= 500


def _with_constants(model: onnx.ModelProto, inputs: list[Any]) -> onnx.ModelProto | None:
    """The model with constants for all inputs but the first; None where that changes nothing or cannot be said."""
    names = [one.name for one in model.graph.input]
    if len(names) != len(inputs) or len(inputs) < 2 or not all(isinstance(one, np.ndarray) for one in inputs[1:]):
        return None
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.input[1:]
    made.graph.initializer.extend(map(onnx.numpy_helper.from_array, inputs[1:], names[1:]))
    return made


def _outputs(model: onnx.ModelProto, inputs: list[Any]) -> list[Any] | None:
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.intra_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])
        names = [one.name for one in session.get_inputs()]
        return list(session.run(None, dict(zip(names, inputs, strict=True))))
    except Exception:
        return None


def _close(found: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(_close, found, expected))
    if expected is None or found is None:
        return found is expected
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        return False
    if not np.issubdtype(expected.dtype, np.number):
        return bool(found.tolist() == expected.tolist())
    return bool(np.allclose(found, expected, rtol=1e-3, atol=1e-5, equal_nan=True))
