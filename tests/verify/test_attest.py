import re
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from gantools.core.artifact import GraphFile
from gantools.core.errors import PrecisionError
from gantools.optimize.passes import PASSES
from gantools.runtime.session import Session
from gantools.verify.attest import attest, attest_build, check_precision
from tests.zoo import LATENT, SIZE, Net, needs_bf16, open_graph, save, spec_of, write_onnx


def typed(path: Path, kind: str, precision: str) -> None:
    ir.save(PASSES.load(precision)(ir.load(path)), path)


def test_an_fp32_graph_is_attested_on_both_runtimes(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx", "resize")
    for backend in ("onnxruntime", "openvino"):
        with open_graph(tmp_path / "g.onnx", spec, backend=backend) as session:
            found = attest(session)
        assert (found.computed, found.layers, found.source) == ({"fp32": 1.0}, 3, "runtime")
        check_precision(found, "generator")


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_time_is_told_by_precision(tmp_path: Path, backend: str) -> None:
    spec = write_onnx(tmp_path / "g.onnx", "resize")
    latent = np.zeros((2, LATENT), np.float32)
    with open_graph(tmp_path / "g.onnx", spec, backend=backend) as session:
        found = attest(session, {"latent": latent})
        times = session.times_ms({"latent": latent})
    assert sum(found.time.values()) == pytest.approx(1)
    assert found.time["fp32"] > 0.5  # the rest is bytes
    assert times is not None
    assert 0 < sum(times.values()) < 1000
    assert re.fullmatch(r"asked for fp32, computed 100% fp32 \(3 layers; of the time .*\d+% fp32.*\)", str(found))


@needs_bf16
def test_time_of_a_graph_of_two_precisions_is_shared(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx")
    typed(tmp_path / "g.onnx", "deconv", "bf16")
    with open_graph(tmp_path / "g.onnx", spec, "bf16", backend="openvino") as session:
        found = attest(session, {"latent": np.zeros((2, LATENT), np.float32)})
    assert found.time["bf16"] > 0
    assert len(found.time) > 1  # pixels are made in fp32


@needs_bf16
def test_a_runtime_that_lowers_the_precision_by_itself_is_caught(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx", "resize")
    with open_graph(tmp_path / "g.onnx", spec, backend="openvino", INFERENCE_PRECISION_HINT="bf16") as session:
        found = attest(session)
    assert found.computed == {"bf16": 1.0}
    with pytest.raises(
        PrecisionError, match=r"graph 'generator': asked for fp32, computed 100% bf16 \(3 layers\): .*conv"
    ):
        check_precision(found, "generator")
    assert PrecisionError.exit_code == 4


def test_fp16_that_a_cpu_computes_in_fp32_is_caught(tmp_path: Path) -> None:
    """ONNX Runtime opens the graph without a word and puts casts around every convolution."""
    spec = write_onnx(tmp_path / "g.onnx")
    typed(tmp_path / "g.onnx", "deconv", "fp16")
    with open_graph(tmp_path / "g.onnx", spec, "fp16") as session:
        found = attest(session)
    assert found.computed == {"fp32": 1.0}
    assert len(found.deviating) == 3
    assert not found.ok


@needs_bf16
@pytest.mark.parametrize("kind", ["deconv", "resize"])
def test_a_bf16_graph_is_computed_in_bf16_by_openvino(tmp_path: Path, kind: str) -> None:
    spec = write_onnx(tmp_path / "g.onnx", kind)
    typed(tmp_path / "g.onnx", kind, "bf16")
    with open_graph(tmp_path / "g.onnx", spec, "bf16", backend="openvino") as session:
        found = attest(session)
    assert (found.computed, found.layers) == ({"bf16": 1.0}, 3)
    check_precision(found, "generator")


def test_declared_islands_may_deviate_and_nothing_else(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx")
    typed(tmp_path / "g.onnx", "deconv", "fp16")
    with (
        open_graph(tmp_path / "g.onnx", spec, "fp16", islands=("convtranspose_1",)) as first,
        open_graph(tmp_path / "g.onnx", spec, "fp16", islands=("convtranspose",)) as second,
    ):
        one, every = attest(first), attest(second)
    assert (len(one.deviating), one.ok) == (2, False)
    assert (every.deviating, every.ok, every.computed) == ((), False, {"fp32": 1.0})
    with pytest.raises(PrecisionError, match="every layer is an island, whose values fp16 may not hold") as caught:
        check_precision(every, "generator")
    assert caught.value.hint == "use --precision bf16, which has the range of fp32"
    with pytest.raises(PrecisionError, match="whose values int8 may not hold") as caught:
        check_precision(every.model_copy(update={"asked": "int8"}), "generator")
    assert caught.value.hint == "use --precision bf16"
    mixed = every.model_copy(update={"computed": {"fp32": 1 / 3, "fp16": 2 / 3}})
    assert mixed.ok
    check_precision(mixed, "generator")


def test_islands_whose_names_a_runtime_changed_are_counted(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx")
    typed(tmp_path / "g.onnx", "deconv", "fp16")
    with (
        open_graph(tmp_path / "g.onnx", spec, "fp16", islands=("x1", "x2")) as two,
        open_graph(tmp_path / "g.onnx", spec, "fp16", islands=("x1", "x2", "x3")) as three,
    ):
        assert len(attest(two).deviating) == 3
        assert attest(three).deviating == ()


def test_a_graph_without_arithmetic_is_no_pass(tmp_path: Path) -> None:
    net = Net()
    net.then("Tanh")
    net.then("Reshape", net.constant(np.array([-1, 1, SIZE, 1], np.int64)))
    net.then("Expand", net.constant(np.array([1, 1, SIZE, SIZE], np.int64)), output="image")
    assert LATENT == SIZE
    spec = spec_of("deconv", "float32")
    save(net, spec, tmp_path / "g.onnx")
    with open_graph(tmp_path / "g.onnx", spec) as session:
        found = attest(session)
    assert not found.ok
    with pytest.raises(PrecisionError, match="no layer of it multiplies and adds"):
        check_precision(found, "generator")


def test_what_a_build_recorded_is_told_as_such() -> None:
    entry = GraphFile(file="g.engine", format="tensorrt-rtx", precision="fp16", spec=spec_of("deconv"))
    assert attest_build(entry) is None
    good = attest_build(entry.model_copy(update={"arithmetic_layers": {"fp16": 3}}))
    assert good is not None
    assert (good.ok, good.source, good.layers) == (True, "build", 3)
    mixed = attest_build(entry.model_copy(update={"arithmetic_layers": {"fp16": 3, "fp32": 1}}))
    assert mixed is not None
    assert mixed.computed == {"fp16": 0.75, "fp32": 0.25}
    with pytest.raises(PrecisionError, match=r"1 layers \(fp32\)"):
        check_precision(mixed, "generator")


def test_a_closed_session_attests_nothing(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx")
    session: Session = open_graph(tmp_path / "g.onnx", spec)
    session.close()
    with pytest.raises(Exception, match="session is closed"):
        attest(session)
