from pathlib import Path

import numpy as np
import pytest

from gantools.core.errors import ParityError
from gantools.core.spec import AxisRange, GraphSpec
from gantools.verify.oracles import check_oracles, run_oracles
from gantools.verify.tolerances import TOLERANCES
from tests.zoo import SAMPLER, Net, deconv, open_graph, save, spec_of, write_onnx

ALL = ["repeated", "permuted", "duplicated", "batched"]


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("kind", ["deconv", "resize"])
def test_a_sound_generator_keeps_every_promise(tmp_path: Path, kind: str, backend: str) -> None:
    spec = write_onnx(tmp_path / "g.onnx", kind, "float32")
    with open_graph(tmp_path / "g.onnx", spec, backend=backend) as graph:
        results = run_oracles(graph, SAMPLER, TOLERANCES["fp32"])
    assert [one.name for one in results] == ALL
    assert all(one.ok for one in results)
    assert [one.max_abs for one in results[:3]] == [0.0] * 3
    check_oracles(results, "generator")


def test_on_a_gpu_sums_may_come_in_another_order_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stood in for: the same graph on a CPU, with noise of the last bits that only a GPU is allowed."""
    spec = write_onnx(tmp_path / "g.onnx", "deconv", "float32")
    rng = np.random.default_rng(0)
    with open_graph(tmp_path / "g.onnx", spec) as graph:
        exact, noise = graph._graph, 5e-9
        assert exact is not None
        run = exact.run
        monkeypatch.setattr(
            exact, "run", lambda inputs: {k: v + rng.normal(0, noise, v.shape) for k, v in run(inputs).items()}
        )
        assert [one.ok for one in run_oracles(graph, SAMPLER, TOLERANCES["fp32"])] == [False] * 3 + [True]
        graph.device = "cuda"
        assert all(one.ok for one in run_oracles(graph, SAMPLER, TOLERANCES["fp32"]))
        noise = 1e-2
        assert not any(one.ok for one in run_oracles(graph, SAMPLER, TOLERANCES["fp32"]))


def broken(path: Path, how: str) -> GraphSpec:
    """The deconv generator, whose rows leak into each other or whose calls differ."""
    net, _ = deconv()
    clean, values = net.last, net.constant(np.array(1e-3, np.float32))
    if how == "earlier rows leak into later ones":
        net.then("CumSum", net.constant(np.array(0, np.int64)))
        net.then("Mul", values)
        net.then("Add", clean)
    elif how == "the mean of the batch leaks into its rows":
        net.then("ReduceMean", net.constant(np.array([0], np.int64)), keepdims=1)
        net.then("Add", clean)
    elif how == "noise is drawn inside":
        net.then("RandomNormalLike")
        net.then("Mul", values)
        net.then("Add", clean)
    net.nodes[-1].output[0] = "image"
    spec = spec_of("deconv", "float32")
    save(net, spec, path, opset=21)
    return spec


@pytest.mark.parametrize(
    ("how", "fails"),
    [
        ("earlier rows leak into later ones", ["permuted", "duplicated", "batched"]),
        ("the mean of the batch leaks into its rows", ["batched"]),
        ("noise is drawn inside", ALL),
    ],
)
def test_a_broken_generator_is_found(tmp_path: Path, how: str, fails: list[str]) -> None:
    spec = broken(tmp_path / "g.onnx", how)
    with open_graph(tmp_path / "g.onnx", spec) as graph:
        results = run_oracles(graph, SAMPLER, TOLERANCES["fp32"])
    found = [one.name for one in results if not one.ok]
    assert set(fails) <= set(found)
    assert "repeated" not in found or "repeated" in fails
    with pytest.raises(ParityError, match=f"depend on more than their own seed: .*'{fails[0]}' differs by"):
        check_oracles(results, "generator")


def test_a_graph_of_one_row_is_only_repeated(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx").with_axis("batch", AxisRange(min=1, opt=1, max=1))
    with open_graph(tmp_path / "g.onnx", spec) as graph:
        assert [one.name for one in run_oracles(graph, SAMPLER, TOLERANCES["fp32"])] == ["repeated"]


def test_not_a_number_is_no_equal_sample(tmp_path: Path) -> None:
    net = Net()
    net.then("Neg")
    net.then("Log")
    net.then("Reshape", net.constant(np.array([-1, 1, 16, 1], np.int64)))
    net.then("Expand", net.constant(np.array([1, 1, 16, 16], np.int64)), output="image")
    spec = spec_of("deconv", "float32")
    save(net, spec, tmp_path / "g.onnx")
    with open_graph(tmp_path / "g.onnx", spec) as graph:
        assert not any(one.ok for one in run_oracles(graph, SAMPLER, TOLERANCES["fp32"]))
