import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gantools.runtime.backends import BACKENDS
from gantools.runtime.backends.base import is_arithmetic


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


def test_a_signal_after_openvino_graphs_were_closed_is_no_crash(
    make_artifact: Callable[..., Path],
) -> None:
    """OpenVINO's cores replace the stack that signal handlers run on; see ``_core`` there. In a process of its own."""
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
