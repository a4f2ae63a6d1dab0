import sys

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
