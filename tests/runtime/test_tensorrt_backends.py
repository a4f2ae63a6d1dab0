import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantools.core.artifact import Artifact, GraphFile, Requires
from gantools.core.errors import BackendError
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.runtime.backends import BACKENDS, nvidia_engine
from gantools.runtime.backends.nvidia_engine import device_problem, first_complaint, layers_from_inspector
from gantools.runtime.session import Session
from gantools.samplers import open_artifact
from tests.zoo import make_artifact

ENGINES = ("tensorrt", "tensorrt-rtx")


def gpu_is_here() -> bool:
    return device_problem("cuda", "tensorrt-rtx") is None


without_gpu = pytest.mark.skipif(gpu_is_here(), reason="a GPU is here")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("engine")
    return optimize(make_artifact(folder / "art"), Plan(target="tensorrt-rtx", precision="fp16"), folder / "engine")


@without_gpu
def test_probing_says_what_is_there_and_what_is_missing() -> None:
    found = BACKENDS.load("tensorrt-rtx").probe("cuda")
    assert not found.ok
    assert found.reason.startswith("tensorrt-rtx 1.")
    assert "no NVIDIA driver or GPU here: " in found.reason


@pytest.mark.parametrize("name", ENGINES)
def test_probing_a_library_that_is_not_installed_gives_the_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name.replace("-", "_"), None)
    found = BACKENDS.load(name).probe("cuda")
    assert not found.ok
    assert found.hint == f"pip install 'gantools[{name}]'"


@pytest.mark.parametrize("device", ["cpu", "cuda:x", "rocm"])
def test_engines_run_on_cuda_devices(device: str) -> None:
    assert device_problem(device, "tensorrt-rtx") == f"engines run on device 'cuda' or 'cuda:N', got '{device}'."


@without_gpu
def test_an_engine_without_a_driver_is_refused_in_words(engine: Artifact) -> None:
    with pytest.raises(BackendError, match=r"'generator.engine' cannot run: no NVIDIA driver or GPU here"):
        Session.of(engine)


def test_an_engine_of_another_version_is_refused_before_anything_else(engine: Artifact) -> None:
    path, entry = engine.graph()
    other = entry.model_copy(update={"requires": Requires(library="tensorrt-rtx", version="1.2.0.54")})
    with pytest.raises(BackendError, match=r"was built by tensorrt-rtx 1\.2\.0\.54, and 1\.\S+ is here") as caught:
        Session(path, other)
    assert caught.value.hint is not None
    assert "'tensorrt-rtx==1.2.0.54'" in caught.value.hint


def test_an_engine_of_the_other_library_is_refused(engine: Artifact) -> None:
    path, entry = engine.graph()
    with pytest.raises(
        BackendError, match=r"backend 'tensorrt' opens tensorrt, and 'generator.engine' is tensorrt-rtx"
    ):
        Session(path, entry.model_copy(update={"backend": "tensorrt"}))


def test_an_engine_says_what_it_needs(engine: Artifact) -> None:
    entry: GraphFile = engine.graph()[1]
    assert entry.requires is not None
    assert entry.requires.library == "tensorrt-rtx"
    assert entry.requires.compute_capabilities == ()
    assert entry.arithmetic_layers == {"fp16": 3}


def layer(kind: str, name: str, **tensor: str) -> dict[str, Any]:
    return {"Name": name, "LayerType": kind, "Inputs": [{"Name": "x", "Dimensions": [1], **tensor}], "Outputs": []}


def test_the_inspector_is_read_in_the_words_of_every_version() -> None:
    layers = [
        layer("CaskDeconvolutionV2", "a", **{"Format/Datatype": "Channel major FP16 format where channel % 8 == 0"}),
        layer("CaskConvolution", "b", Format="Row major linear format", DataType="BFloat16"),
        layer("gemm", "c", **{"Format/Datatype": "Row major linear FP32"}),
        layer("kgen", "__myl_ConvAddRelu_myl0_1", **{"Format/Datatype": "Half"}),
        layer("kgen", "__myl_Tanh_myl0_2", **{"Format/Datatype": "Half"}),
        layer("Reformat", "Reformatting input 0 of conv_1", **{"Format/Datatype": "Row major Int8 format"}),
        {"Name": "d", "LayerType": "NoOp"},
    ]
    found = layers_from_inspector(json.dumps({"Layers": layers}))
    assert [one.precision for one in found] == ["fp16", "bf16", "fp32", "fp16", "fp16", "int8", "unknown"]
    assert [one.is_arithmetic for one in found] == [True, True, True, True, False, False, False]


@pytest.mark.parametrize("text", ['{"Layers": []}', '{"Layers": ["conv_1"]}', "{}"])
def test_an_engine_that_does_not_tell_its_types_is_an_error(text: str) -> None:
    with pytest.raises(BackendError, match="does not tell the types of its layers"):
        layers_from_inspector(text)


def test_a_complaint_is_one_line_of_bearable_length() -> None:
    assert first_complaint([]) == "it gives no reason."
    assert first_complaint(["", " \n Error  one.\nmore", "two"]) == "Error one."
    assert len(first_complaint(["x" * 10_000])) < 210


def test_an_engine_for_another_gpu_is_refused(engine: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_engine, "device_problem", lambda device, extra: None)
    monkeypatch.setattr(nvidia_engine, "compute_capability", lambda device: "7.5")
    path, entry = engine.graph()
    assert entry.requires is not None
    requires = entry.requires.model_copy(update={"compute_capabilities": ("8.9", "12.0")})
    with pytest.raises(
        BackendError, match=r"was built for compute capability 8\.9, 12\.0, and this GPU has 7\.5"
    ) as caught:
        Session(path, entry.model_copy(update={"requires": requires}))
    assert caught.value.hint == "build it again here: 'gantools optimize ART --target tensorrt-rtx --out OUT'"


@without_gpu
def test_a_refusal_of_cuda_is_put_in_words(engine: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia_engine, "device_problem", lambda device, extra: None)
    with pytest.raises(BackendError, match=r"CUDA refused: CUDA driver version is insufficient"):
        Session.of(engine)


def test_a_gpu_that_the_library_has_no_kernels_for_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is real; the GPU is stood in for."""
    library = pytest.importorskip("tensorrt_rtx")
    monkeypatch.setattr(nvidia_engine, "device_problem", lambda device, extra: None)
    monkeypatch.setattr(nvidia_engine, "gpu_name", lambda device: "NVIDIA H100 (9.0)")
    for capability, offered in (("9.0", False), ("8.9", True)):
        monkeypatch.setattr(nvidia_engine, "compute_capability", lambda device, here=capability: here)
        found = BACKENDS.load("tensorrt-rtx").probe("cuda")
        assert found.ok == offered
        if not offered:
            assert found.reason.startswith(
                f"tensorrt-rtx {library.__version__}: it has no kernels for compute capability 9.0, that of NVIDIA H100"
            )


@pytest.mark.gpu
def test_an_engine_gives_the_samples_of_its_parent(tmp_path: Path) -> None:
    """On a machine with a GPU, ``optimize`` itself runs the engine, attests it and compares it with its parent."""
    parent = make_artifact(tmp_path / "art")
    child = optimize(parent, Plan(target="tensorrt-rtx", precision="fp16"), tmp_path / "engine")
    assert child.manifest.steps[-1].notes == ()
    with open_artifact(child.path) as fast, open_artifact(parent.path) as exact:
        difference = np.abs(fast.sample(range(20)).astype(int) - exact.sample(range(20)))
    assert difference.max() <= 3
