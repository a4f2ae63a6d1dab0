import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from gantools.core.artifact import GraphFile
from gantools.core.spec import AxisRange
from gantools.runtime.backends import BACKENDS
from gantools.runtime.backends.base import OpenOptions, is_arithmetic
from gantools.runtime.backends.onnxruntime import session_options
from gantools.runtime.backends.openvino import OpenVinoGraph
from gantools.runtime.session import Session
from tests.zoo import write_onnx


@pytest.mark.parametrize(("name", "module"), [("onnxruntime", "onnxruntime"), ("openvino", "openvino")])
def test_a_backend_that_is_not_installed_says_how_to_get_it(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    found = BACKENDS.load(name).probe()
    assert not found.ok
    assert f"'{module}' is needed" in found.reason
    assert found.hint == f"pip install 'gantools[{name}]'"


def test_probes_tell_version_and_device() -> None:
    assert "CPUExecutionProvider" in BACKENDS.load("onnxruntime").probe("cpu").reason
    found = BACKENDS.load("openvino").probe("cuda")
    assert not found.ok
    assert found.hint == "use --device cpu"
    assert not BACKENDS.load("onnxruntime").probe("abacus").ok


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Deconvolution", True),
        ("ConvTranspose", True),
        ("MatMul", True),
        ("Convert", False),
        ("Eltwise", False),
        ("Reorder", False),
    ],
)
def test_only_multiply_adds_count_as_arithmetic(kind: str, expected: bool) -> None:
    assert is_arithmetic(kind) is expected


def test_an_axis_of_one_size_is_told_to_openvino_and_a_free_one_is_not(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx")
    for limits, known in ((AxisRange(min=4, opt=4, max=4), True), (AxisRange(min=1, opt=4, max=8), False)):
        chosen = spec.with_axis("batch", limits)
        entry = GraphFile(file="g.onnx", format="onnx", precision="fp32", spec=chosen, backend="openvino")
        opened = OpenVinoGraph(tmp_path / "g.onnx", entry, OpenOptions())
        assert opened._compiled.input(spec.inputs[0].name).partial_shape.is_static is known
        opened.close()


def test_threads_sleep_between_runs_where_that_is_asked_for(tmp_path: Path) -> None:
    spec = write_onnx(tmp_path / "g.onnx")
    entry = GraphFile(file="g.onnx", format="onnx", precision="fp32", spec=spec)
    key = "session.intra_op.allow_spinning"
    for options, said in ((OpenOptions(sleeps=True), "0"), (OpenOptions(sleeps=True, settings={key: "1"}), "1")):
        assert session_options(onnxruntime, entry, options).get_session_config_entry(key) == said
    with pytest.raises(RuntimeError, match="allow_spinning"):
        session_options(onnxruntime, entry, OpenOptions()).get_session_config_entry(key)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_graph_of_one_size_gives_the_same_samples(tmp_path: Path, backend: str) -> None:
    spec = write_onnx(tmp_path / "g.onnx")
    latent = np.random.default_rng(0).standard_normal(spec.inputs[0].concrete({"batch": 4}), np.float32)
    found = []
    for limits in (AxisRange(min=4, opt=4, max=4), AxisRange(min=1, opt=4, max=8)):
        chosen = spec.with_axis("batch", limits)
        entry = GraphFile(file="g.onnx", format="onnx", precision="fp32", spec=chosen, backend=backend)
        with Session(tmp_path / "g.onnx", entry) as session:
            found.append(session.run({"latent": latent})[spec.outputs[0].name].astype(int))
    assert np.abs(found[0] - found[1]).max() <= 1


def test_a_signal_after_openvino_graphs_were_closed_is_no_crash(
    make_artifact: Callable[..., Path],
) -> None:
    """OpenVINO's cores replace the stack of signal handlers; see ``shared_core`` there. In a process of its own."""
    script = """
import os, signal, sys
from gantools.core.artifact import load_artifact
from gantools.runtime.session import Session
artifact = load_artifact(sys.argv[1])
first, second = Session.of(artifact), Session.of(artifact)
first.close()
second.close()
signal.signal(signal.SIGINT, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGINT)
"""
    command = [sys.executable, "-c", script, str(make_artifact("openvino"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n")
