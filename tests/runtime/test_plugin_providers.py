"""Providers of ONNX Runtime that come in packages, on a stand-in for both: none of them is in the tested set."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from gantools.core.artifact import GraphFile, load_artifact
from gantools.core.errors import BackendError
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.optimize.targets import TARGETS
from gantools.runtime.backends import BACKENDS
from gantools.runtime.backends.base import OpenOptions
from gantools.runtime.session import Session, Where
from gantools.samplers import open_artifact
from gantools.verify.report import verify

MODULES = {
    "onnxruntime-openvino": "onnxruntime_ep_openvino",
    "onnxruntime-tensorrt-rtx": "onnxruntime_ep_nv_tensorrt_rtx",
}
DEVICES = {"onnxruntime-openvino": "cpu", "onnxruntime-tensorrt-rtx": "cuda"}
MakeArtifact = Callable[..., Path]


class FakeOrt:
    """The module ``onnxruntime`` with a provider that computes as its CPU does, and may have devices or none."""

    __version__ = "1.99.0"
    OrtHardwareDeviceType = onnxruntime.OrtHardwareDeviceType

    def __init__(self, *kinds: Any, capabilities: str = "FP32 BF16 INT8") -> None:
        told = {"version": "1.8", "OPTIMIZATION_CAPABILITIES": capabilities}
        self.devices = [
            SimpleNamespace(ep_name="FakeProvider", ep_metadata=told, device=SimpleNamespace(type=kind))
            for kind in kinds
        ]
        self.registered: list[tuple[str, str]] = []
        self.opened: list[dict[str, Any]] = []

    def register_execution_provider_library(self, name: str, path: str) -> None:
        if (name, path) in self.registered:
            raise RuntimeError(f"EP library is already registered under {name}")
        self.registered.append((name, path))

    def get_ep_devices(self) -> list[Any]:
        return self.devices if self.registered else []

    def SessionOptions(self) -> Any:  # noqa: N802 - the library's name
        given: dict[str, Any] = {"entries": {}, "axes": {}}
        return SimpleNamespace(
            given=given,
            add_session_config_entry=given["entries"].__setitem__,
            add_free_dimension_override_by_name=given["axes"].__setitem__,
            add_provider_for_devices=lambda devices, options: given.update(devices=devices, options=options),
        )

    def InferenceSession(self, path: Path, settings: Any) -> Any:  # noqa: N802
        if "broken" in path.parts:
            raise RuntimeError("This session contains graph nodes that are assigned to the default CPU EP.\nMore.")
        self.opened.append(settings.given)
        return onnxruntime.InferenceSession(path)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], None]:
    """A function that puts a provider's package and an ONNX Runtime in place."""

    def put(backend: str, ort: Any) -> None:
        plugin = SimpleNamespace(get_ep_name=lambda: "FakeProvider", get_library_path=lambda: "/packages/fake.so")
        monkeypatch.setitem(sys.modules, MODULES[backend], plugin)
        monkeypatch.setitem(sys.modules, "onnxruntime", ort)

    return put


Install = Callable[[str, Any], None]
CPU, GPU = onnxruntime.OrtHardwareDeviceType.CPU, onnxruntime.OrtHardwareDeviceType.GPU


def test_an_artifact_is_sampled_and_the_provider_gets_all_of_it(install: Install, make_artifact: MakeArtifact) -> None:
    ort = FakeOrt(CPU, GPU)
    with open_artifact(make_artifact()) as plain:
        expected = plain.sample(range(9))
    install("onnxruntime-openvino", ort)
    for _ in range(2):
        with open_artifact(make_artifact(), backend="onnxruntime-openvino", threads=3) as generator:
            np.testing.assert_array_equal(generator.sample(range(9)), expected)
        generator.close()
    assert ort.registered == [("onnxruntime_ep_openvino", "/packages/fake.so")], "once for a process"
    for opened in ort.opened:
        assert opened["entries"] == {"session.disable_cpu_ep_fallback": "1"}
        assert opened["devices"] == [ort.devices[0]]
        assert json.loads(opened["options"]["load_config"]) == {
            "CPU": {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "3"}
        }


def test_nothing_is_attested_of_what_is_one_node(install: Install, make_artifact: MakeArtifact) -> None:
    install("onnxruntime-openvino", FakeOrt(CPU))
    artifact = load_artifact(make_artifact())
    where = Where("onnxruntime-openvino")
    with Session.of(artifact, None, where) as session, pytest.raises(BackendError) as caught:
        session.layers()
    sentence = "onnxruntime-openvino does not tell in what precision it computes: the graph is one node there."
    assert caught.value.message == sentence
    assert caught.value.hint == "--backend openvino has the same library behind it, and tells"
    with pytest.raises(BackendError, match="does not tell in what precision"):
        verify(artifact, where=where)


def test_they_are_no_targets_since_nothing_is_attested() -> None:
    assert set(TARGETS) & set(MODULES) == set()


@pytest.mark.parametrize("backend", MODULES)
def test_a_package_that_is_not_installed_gives_the_command(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULES[backend], None)
    found = BACKENDS.load(backend).probe(DEVICES[backend])
    assert not found.ok
    assert found.reason == f"'{MODULES[backend]}' is needed to run graphs with {backend}, and is not installed."
    assert found.hint == f"pip install 'gantools[{backend}]'"


@pytest.mark.parametrize("backend", MODULES)
def test_probing_tells_the_provider_and_its_version(backend: str, install: Install) -> None:
    install(backend, FakeOrt(CPU, GPU))
    found = BACKENDS.load(backend).probe(DEVICES[backend])
    assert (found.ok, found.reason) == (True, "onnxruntime 1.99.0: FakeProvider 1.8")


@pytest.mark.parametrize(
    ("backend", "device"),
    [
        ("onnxruntime-openvino", "cuda"),
        ("onnxruntime-openvino", "cpu:1"),
        ("onnxruntime-tensorrt-rtx", "cpu"),
        ("onnxruntime-tensorrt-rtx", "cuda:x"),
    ],
)
def test_a_device_of_another_kind_is_refused(backend: str, device: str) -> None:
    found = BACKENDS.load(backend).probe(device)
    assert not found.ok
    assert found.reason == f"{backend} runs on device '{DEVICES[backend]}', got '{device}'."
    assert found.hint == f"use --device {DEVICES[backend]}"


def test_a_machine_that_the_provider_does_not_take_is_told(install: Install) -> None:
    install("onnxruntime-openvino", FakeOrt())
    for _ in range(2):  # the second time, its library is registered
        found = BACKENDS.load("onnxruntime-openvino").probe("cpu")
        assert not found.ok
        assert found.reason == "FakeProvider takes CPUs of Intel, and does not take 'cpu' of this machine."
        assert found.hint == "use --backend openvino"


def test_a_gpu_is_chosen_by_its_number(install: Install) -> None:
    install("onnxruntime-tensorrt-rtx", FakeOrt(CPU, GPU, GPU))
    backend = BACKENDS.load("onnxruntime-tensorrt-rtx")
    assert [backend.probe(f"cuda{index}").ok for index in ("", ":0", ":1", ":2")] == [True, True, True, False]


def test_a_library_that_cannot_be_loaded_is_one_sentence(install: Install) -> None:
    install("onnxruntime-tensorrt-rtx", onnxruntime)
    found = BACKENDS.load("onnxruntime-tensorrt-rtx").probe("cuda")
    assert not found.ok
    assert found.reason.startswith("onnxruntime-tensorrt-rtx cannot be loaded: ")
    assert "/packages/fake.so" in found.reason
    assert found.hint == "it takes NVIDIA GPUs from Ampere on, with a driver for CUDA 13"


def test_an_onnx_runtime_before_plugins_is_told(install: Install) -> None:
    install("onnxruntime-openvino", SimpleNamespace(__version__="1.21.0"))
    found = BACKENDS.load("onnxruntime-openvino").probe("cpu")
    assert found.reason == "onnxruntime 1.21.0 takes no providers from packages."
    assert found.hint == "pip install --upgrade onnxruntime"


def test_a_graph_that_the_provider_does_not_take_whole_is_refused(
    install: Install, make_artifact: MakeArtifact
) -> None:
    install("onnxruntime-openvino", FakeOrt(CPU))
    path, entry = load_artifact(make_artifact(name="broken")).graph()
    with pytest.raises(BackendError) as caught:
        Session(path, entry, Where("onnxruntime-openvino"))
    assert caught.value.message == (
        "onnxruntime-openvino cannot open 'generator.onnx': "
        "This session contains graph nodes that are assigned to the default CPU EP."
    )
    assert caught.value.hint == "use --backend openvino"


@pytest.mark.parametrize(("precision", "kept"), [("fp32", True), ("bf16", True), ("int8", True), ("fp16", False)])
def test_openvino_opens_what_the_cpu_multiplies_in(
    install: Install, make_artifact: MakeArtifact, precision: str, kept: bool
) -> None:
    install("onnxruntime-openvino", FakeOrt(CPU))
    path, entry = load_artifact(make_artifact()).graph()
    typed = entry.model_copy(update={"precision": precision})
    if kept:
        Session(path, typed, Where("onnxruntime-openvino")).close()
        return
    with pytest.raises(BackendError) as caught:
        Session(path, typed, Where("onnxruntime-openvino"))
    assert caught.value.message == "OpenVINO does not compute in fp16 on this CPU, and the graph is fp16."
    assert caught.value.hint == "use an artifact in fp32"


def test_fp32_would_be_tf32_on_a_gpu_and_is_refused(install: Install, make_artifact: MakeArtifact) -> None:
    ort = FakeOrt(GPU)
    install("onnxruntime-tensorrt-rtx", ort)
    path, entry = load_artifact(make_artifact()).graph()
    where = Where("onnxruntime-tensorrt-rtx", "cuda")
    with pytest.raises(BackendError) as caught:
        Session(path, entry, where)
    assert caught.value.message == (
        "TensorRT-RTX inside ONNX Runtime computes fp32 graphs in TF32, and cannot be told otherwise."
    )
    assert caught.value.hint is not None
    assert "gantools optimize ART --target tensorrt-rtx" in caught.value.hint
    Session(path, entry.model_copy(update={"precision": "fp16"}), where).close()
    assert len(ort.opened) == 1


def test_tensorrt_rtx_is_told_the_limits_of_free_sizes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from gantools.runtime.backends.onnxruntime_tensorrt_rtx import provider_options

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    spec = GraphSpec(
        inputs=(
            TensorSpec(name="latent", dtype="float32", shape=("batch", 16)),
            TensorSpec(name="label", dtype="int64", shape=("batch",)),
            TensorSpec(name="fixed", dtype="float32", shape=(3,)),
        ),
        outputs=(TensorSpec(name="image", dtype="uint8", shape=("batch", 4, 4, 1)),),
        axes={"batch": AxisRange(min=1, opt=4, max=8)},
    )
    entry = GraphFile(file="g.onnx", format="onnx", precision="fp16", spec=spec)
    assert provider_options(entry, OpenOptions("cuda")) == {
        "nv_runtime_cache_path": str(tmp_path / "gantools/kernels/onnxruntime"),
        "nv_profile_min_shapes": "latent:1x16;label:1",
        "nv_profile_opt_shapes": "latent:4x16;label:4",
        "nv_profile_max_shapes": "latent:8x16;label:8",
    }
