import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from gantools.core.artifact import Precision
from gantools.core.errors import ParityError
from gantools.core.sampler import Sampler
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.runtime.backends.base import Arrays
from gantools.verify.parity import batch_sizes_of, check, compare_arrays, measure
from gantools.verify.tolerances import TOLERANCES
from gantools.verify.trials import trial_inputs
from tests.zoo import LATENT, SAMPLER, Net, open_graph, save, write_onnx


def with_constant(path: Path, index: int, factor: float) -> None:
    """Multiply one stored tensor, as a fault would."""
    model = onnx.load(path)
    tensor = model.graph.initializer[index]
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), tensor.name))
    onnx.save(model, path)


def test_a_graph_equals_itself_at_sizes_nobody_traced(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx")
    with open_graph(tmp_path / "g.onnx", spec) as graph, open_graph(tmp_path / "g.onnx", spec) as source:
        parity = check(graph, source, SAMPLER, tolerance=TOLERANCES["fp32"], name="generator", source="itself")
    assert parity.batch_sizes == (1, 3, 4, 8)
    assert (parity.max_abs, parity.psnr_db, parity.source) == (0.0, None, "itself")


@pytest.mark.parametrize("output", ["uint8", "float32"])
@pytest.mark.parametrize("kind", ["deconv", "resize"])
def test_two_runtimes_agree_within_the_fp32_tolerance(tmp_path: Path, kind: str, output: str) -> None:
    spec = write_onnx(tmp_path / "g.onnx", kind, output)
    with open_graph(tmp_path / "g.onnx", spec, backend="openvino") as one, open_graph(tmp_path / "g.onnx", spec) as two:
        parity = check(one, two, SAMPLER, tolerance=TOLERANCES["fp32"])
    assert parity.max_abs <= parity.limit == pytest.approx(1.0 if output == "uint8" else 1e-4)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("output", ["uint8", "float32"])
def test_a_dropped_bias_is_found_at_every_precision(tmp_path: Path, output: str, precision: Precision) -> None:
    for name in ("good", "bad"):
        spec = write_onnx(tmp_path / f"{name}.onnx", "deconv", output)
    with_constant(tmp_path / "bad.onnx", 4, 0.0)  # of the middle layer
    with open_graph(tmp_path / "bad.onnx", spec) as bad, open_graph(tmp_path / "good.onnx", spec) as good:
        with pytest.raises(
            ParityError, match=r"graph 'generator' differs from the network:\n  output 'image' differs by"
        ):
            check(bad, good, SAMPLER, tolerance=TOLERANCES[precision], name="generator", source="the network")
        assert measure(bad, good, SAMPLER, TOLERANCES[precision])[0].max_abs > 0


def test_every_output_out_of_bounds_is_named_and_no_other(tmp_path: Path) -> None:
    names = ("one", "two", "three")
    shape = ("batch", LATENT)
    spec = GraphSpec(
        inputs=(TensorSpec(name="latent", dtype="float32", shape=shape),),
        outputs=tuple(TensorSpec(name=name, dtype="float32", shape=shape) for name in names),
        axes={"batch": AxisRange(min=1, opt=1, max=1)},
    )
    for file, factors in (("source", (1, 1, 1)), ("graph", (1, 2, 3))):
        net = Net()
        for name, factor in zip(names, factors, strict=True):
            net.last = "latent"
            net.then("Mul", net.constant(np.array(factor, np.float32)), output=name)
        save(net, spec, tmp_path / f"{file}.onnx")
    with open_graph(tmp_path / "graph.onnx", spec) as graph, open_graph(tmp_path / "source.onnx", spec) as source:
        with pytest.raises(ParityError) as caught:
            check(graph, source, SAMPLER, tolerance=TOLERANCES["fp32"])
        assert [difference.ok for difference in measure(graph, source, SAMPLER, TOLERANCES["fp32"])] == [
            True,
            False,
            False,
        ]
    assert "'two'" in caught.value.message
    assert "'three'" in caught.value.message
    assert "'one'" not in caught.value.message
    assert caught.value.exit_code == 4


def test_what_cannot_be_compared_is_infinitely_far() -> None:
    tensor = TensorSpec(name="image", dtype="float32", shape=(2, 2))
    zeros = np.zeros((2, 2), np.float32)
    spoiled = zeros.copy()
    spoiled[0, 0] = np.nan
    for got in (spoiled, np.zeros((1, 2), np.float32), zeros.astype(np.float64)):
        difference = compare_arrays(tensor, got, zeros, TOLERANCES["bf16"])
        assert not difference.ok
        assert difference.max_abs == math.inf


@pytest.mark.parametrize(
    ("values", "beyond", "off", "ok"),
    [
        (3_000_000, 3, 6, True),
        (3_000_000, 4, 6, False),  # more than one in a million
        (3_000_000, 1, 7, False),  # more than twice as far
        (999_999, 1, 4, False),
        (999_999, 1, 3, True),
    ],
)
def test_one_value_in_a_million_may_lie_twice_as_far_out(values: int, beyond: int, off: int, ok: bool) -> None:
    tensor = TensorSpec(name="image", dtype="uint8", shape=(values,))
    expected = np.full(values, 100, np.uint8)
    got = expected.copy()
    got[:beyond] += off
    difference = compare_arrays(tensor, got, expected, TOLERANCES["fp16"])
    assert (difference.limit, difference.ok) == (3.0, ok)
    assert difference.beyond == (beyond if off > 3 else 0)
    told = f"; {difference.beyond} of {values} values are beyond it" in str(difference)
    assert told == (values >= 1_000_000)


@pytest.mark.parametrize(("rows", "off", "ok"), [(300, 3, True), (300, 4, False), (8, 1, True), (8, 2, False)])
def test_tokens_may_differ_in_few_rows_where_two_are_nearly_tied(rows: int, off: int, ok: bool) -> None:
    tensor = TensorSpec(name="tokens", dtype="int32", shape=("batch", 4))
    expected = np.full((rows, 4), 7, np.int32)
    got = expected.copy()
    got[:off, 1:] = 4000
    difference = compare_arrays(tensor, got, expected, TOLERANCES["fp32"])
    assert difference.ok is ok
    assert (difference.beyond, difference.values) == (off, rows)
    assert f"output 'tokens' differs in {off} of {rows} rows" in str(difference)
    assert not compare_arrays(tensor, got[:1], expected[:, :2][:1], TOLERANCES["fp32"]).ok


def test_the_sizes_tried_hold_an_odd_one_and_stay_inside_the_limits() -> None:
    def sizes(low: int, tuned: int, high: int) -> tuple[int, ...]:
        spec = GraphSpec(inputs=(), outputs=(), axes={"batch": AxisRange(min=low, opt=tuned, max=high)})
        return batch_sizes_of(spec)

    assert sizes(1, 16, 64) == (1, 3, 16, 64)
    assert sizes(1, 3, 8) == (1, 3, 5, 8)
    assert sizes(1, 1, 2) == (1, 2)
    assert sizes(4, 4, 4) == (4,)
    assert batch_sizes_of(GraphSpec(inputs=(), outputs=())) == (1,)


def test_each_batch_size_has_seeds_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that few latents show is found sooner when the sizes do not repeat the same seeds."""
    spec = write_onnx(tmp_path / "g.onnx")
    seen: list[int] = []

    def watched(spec: GraphSpec, sampler: Sampler, seeds: Sequence[int], **options: Any) -> Arrays:
        seen.extend(seeds)
        return trial_inputs(spec, sampler, seeds, **options)

    monkeypatch.setattr("gantools.verify.parity.trial_inputs", watched)
    with open_graph(tmp_path / "g.onnx", spec) as graph, open_graph(tmp_path / "g.onnx", spec) as source:
        check(graph, source, SAMPLER, tolerance=TOLERANCES["fp32"], batch_sizes=(2, 3), seeds_from=10)
    assert seen == [10, 11, 12, 13, 14]
