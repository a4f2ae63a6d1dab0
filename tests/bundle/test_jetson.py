import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from gantools.bundle import bundle
from gantools.bundle.preflight import TARGETS, preflight
from gantools.bundle.source import Source
from gantools.core.artifact import GraphFile, ImageOutput, Manifest, load_artifact, seal
from gantools.core.errors import ArtifactError, UnknownNameError
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from tests.bundle.pages import run_page
from tests.bundle.programs import program, run
from tests.cli.test_app import gantools
from tests.zoo import SAMPLER, Net, save

TRTEXEC = """#!/bin/sh
echo "&&&& RUNNING TensorRT.trtexec [TensorRT v{0}] [b1] # trtexec"
for one in "$@"; do echo "$one"; done
"""
# What engine.py calls of TensorRT and CUDA, as far as ONNX Runtime can stand in: addresses are those of NumPy's arrays.
STAND_IN = """
import ctypes, sys, types
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("generator.onnx", providers=["CPUExecutionProvider"])
memory, places, shapes, runs = {}, {}, {}, []

class Context:
    def set_input_shape(self, name, shape): shapes[name] = tuple(shape)
    def set_tensor_address(self, name, place): places[name] = place
    def get_tensor_shape(self, name): return (shapes["latent"][0], 16, 16, 3)
    def execute_async_v3(self, stream):
        given = np.frombuffer(memory[places["latent"]], np.float32)[: int(np.prod(shapes["latent"]))]
        made = session.run(None, {"latent": given.reshape(shapes["latent"])})[0].tobytes()
        memory[places["image"]][: len(made)] = made
        runs.append(shapes["latent"][0])
        return True

class Engine:
    num_io_tensors = 2
    def create_execution_context(self): return Context()
    def get_tensor_name(self, place): return ("latent", "image")[place]
    def get_tensor_mode(self, name): return name == "image"
    def get_tensor_dtype(self, name): return name
    def get_tensor_profile_shape(self, name, profile): return [(1, 16), (2, 16), (4, 16)]

tensorrt = types.ModuleType("tensorrt")
tensorrt.__version__ = "11.4.1"
tensorrt.Logger = type("Logger", (), {"__init__": lambda self, level: None, "WARNING": 2})
tensorrt.Runtime = lambda logger: types.SimpleNamespace(deserialize_cuda_engine=lambda data: Engine() if data else None)
tensorrt.TensorIOMode = types.SimpleNamespace(INPUT=False)
tensorrt.nptype = lambda name: np.uint8

def malloc(size):
    memory[len(memory) + 1] = bytearray(size)
    return 0, len(memory)

def copy(target, source, size, way, stream):
    if way == "in": memory[target][:size] = ctypes.string_at(source, size)
    else: ctypes.memmove(target, bytes(memory[source][:size]), size)
    return (0,)

runtime = types.ModuleType("cuda.bindings.runtime")
runtime.cudaMemcpyKind = types.SimpleNamespace(cudaMemcpyHostToDevice="in", cudaMemcpyDeviceToHost="out")
runtime.cudaStreamCreate, runtime.cudaStreamSynchronize = lambda: (0, 1), lambda stream: (0,)
runtime.cudaMalloc, runtime.cudaFree, runtime.cudaMemcpyAsync = malloc, lambda place: (0,), copy
bindings = types.ModuleType("cuda.bindings")
bindings.runtime = runtime
sys.modules |= {"tensorrt": tensorrt, "cuda": types.ModuleType("cuda"), "cuda.bindings": bindings,
                "cuda.bindings.runtime": runtime}
sys.path.insert(0, ".")
sys.argv = ["engine.py", *sys.argv[1:]]
import runpy
try:
    runpy.run_path("engine.py", run_name="__main__")
finally:
    print(runs, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def folder(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("jetson") / "images"
    bundle(artifacts["images"], "jetson", out)
    return out


def built(folder: Path, version: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """build.sh with a trtexec of some version that says what it is told."""
    program("bash")
    stand_in = folder.parent / f"trtexec-{version}"
    stand_in.write_text(TRTEXEC.format(version))
    stand_in.chmod(0o755)
    line = [str(folder / "build.sh"), *arguments]
    return subprocess.run(line, env={"PATH": "/usr/bin:/bin", "TRTEXEC": str(stand_in)}, capture_output=True, text=True)


def test_the_script_builds_for_the_gpu_in_the_types_of_the_graph(folder: Path) -> None:
    ten, eleven = (built(folder, version) for version in ("100300", "110401"))
    assert (ten.returncode, eleven.returncode) == (0, 0), ten.stderr
    shared = ["--onnx=generator.onnx", "--saveEngine=generator.engine", "--skipInference"]
    shared += ["--minShapes=latent:1x16", "--optShapes=latent:4x16", "--maxShapes=latent:8x16"]
    assert ten.stdout.splitlines()[1:] == [*shared, "--stronglyTyped"]
    assert eleven.stdout.splitlines()[1:] == shared


def test_the_script_builds_for_dla_at_one_size_where_there_is_one(folder: Path) -> None:
    shared = ["--shapes=latent:1x16", "--useDLACore=1", "--allowGPUFallback"]
    assert built(folder, "100700", "--dla", "1").stdout.splitlines()[4:] == [*shared, "--fp16"]
    assert built(folder, "110401", "--dla", "1").stdout.splitlines()[4:] == shared
    for version in ("101300", "110300", "110400"):
        done = built(folder, version, "--dla", "0")
        assert done.returncode == 3
        assert f"TensorRT {version} has no DLA" in done.stderr
    assert built(folder, "100300", "--dla").returncode == 1


def test_the_script_says_what_it_lacks(folder: Path) -> None:
    done = built(folder, "080602")
    assert (done.returncode, "TensorRT 10 or 11 is needed" in done.stderr) == (3, True)
    env = {"PATH": "/usr/bin:/bin", "TRTEXEC": "/nowhere/trtexec"}
    done = subprocess.run([folder / "build.sh"], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, "trtexec is not at /nowhere/trtexec" in done.stderr) == (3, True)


def test_the_engine_is_asked_for_as_many_samples_as_it_takes(folder: Path) -> None:
    (folder / "generator.engine").write_bytes(b"an engine")
    done = run([sys.executable, "-c", STAND_IN, "--check"], folder)
    assert (done.returncode, done.stdout) == (0, "equal to the golden samples\n"), done.stderr
    assert done.stderr == "[4, 2]\n"
    (folder / "generator.engine").write_bytes(b"")
    done = run([sys.executable, "-c", STAND_IN, "--check"], folder)
    assert done.returncode == 1
    assert "TensorRT 11.4.1 does not open" in done.stderr


def test_the_check_on_a_desktop_runs_as_the_readme_says(folder: Path) -> None:
    assert run_page(folder, {"python": [sys.executable]}) == ["equal to the golden samples\n"]
    assert "Not run on a device" in (folder / "README.md").read_text()


def test_dla_takes_what_its_documentation_lists(artifacts: dict[str, Path]) -> None:
    told = preflight(Source.of(artifacts["enlarger"]), "dla")
    by_kind = {layer.kind: layer for layer in told.layers}
    assert {layer.place for layer in told.layers if layer.kind in ("Conv", "Relu", "LeakyRelu", "Add")} == {"dla"}
    assert by_kind["DepthToSpace"].reason == "DepthToSpace is no layer of DLA"
    assert "no dynamic dimensions: build.sh --dla builds for batch 1, height 64, width 64" in told.notes[0]
    assert told.notes[-1] == "By documented rules alone: nothing was built or run on a device."
    assert told.count() == {"dla": 12, "gpu": 5, "nowhere": 0}
    assert told.loadables() == 3


def layers(net: Net, tmp_path: Path, shape: tuple[int | str, ...] = ("batch", 8, 16, 16)) -> dict[str, str]:
    """Kind of layer -> why it is not on DLA, of a net that ends in an image of any shape."""
    axes = {"batch": AxisRange(min=1, opt=1, max=4)}
    spec = GraphSpec(
        inputs=(TensorSpec(name="latent", dtype="float32", shape=shape),),
        outputs=(TensorSpec(name="image", dtype="float32", shape=("batch", "c", "h", "w")),),
        axes=axes,
    )
    net.nodes[-1].output[0] = "image"
    (tmp_path / "art").mkdir()
    save(net, spec, tmp_path / "art" / "generator.onnx")
    graph = GraphFile(file="generator.onnx", format="onnx", precision="fp32", spec=spec)
    output = ImageOutput(height=16, width=16, channels=1)
    facts: dict[str, Any] = {"graphs": {"generator": graph}, "sampler": SAMPLER, "output": output}
    seal(tmp_path / "art", Manifest(schema=1, name="net", modality="image", **facts))
    return {layer.kind: layer.reason for layer in preflight(Source.of(tmp_path / "art"), "dla").layers}


@pytest.mark.parametrize(
    ("attributes", "kernel", "reason"),
    [
        ({"kernel_shape": [2, 2], "strides": [2, 2]}, (8, 4, 2, 2), ""),
        ({"kernel_shape": [4, 4], "strides": [2, 2], "pads": [1] * 4}, (8, 4, 4, 4), "padding of [1, 1, 1, 1]"),
        ({"kernel_shape": [4, 4], "strides": [2, 2], "auto_pad": "SAME_UPPER"}, (8, 4, 4, 4), "padding of SAME"),
        ({"kernel_shape": [2, 2], "group": 2}, (8, 4, 2, 2), "2 groups, and transposed convolutions of DLA have one"),
        ({"kernel_shape": [2, 2], "dilations": [2, 2]}, (8, 4, 2, 2), "dilation, and transposed convolutions"),
        ({"kernel_shape": [2, 2], "strides": [2, 2], "output_padding": [1, 1]}, (8, 4, 2, 2), "output padding"),
        ({"kernel_shape": [24, 24]}, (8, 4, 24, 24), "a square kernel of 24, which TensorRT has switched off"),
        ({"kernel_shape": [33, 1]}, (8, 4, 33, 1), "a kernel of [33, 1] with strides [1, 1], and DLA takes 1 to 32"),
    ],
)
def test_transposed_convolutions_of_dla_have_rules_of_their_own(
    tmp_path: Path, attributes: dict[str, Any], kernel: tuple[int, ...], reason: str
) -> None:
    net = Net()
    net.then("ConvTranspose", net.weight(*kernel, fan_in=8), **attributes)
    found = layers(net, tmp_path)["ConvTranspose"]
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(
    ("kind", "others", "attributes", "reason"),
    [
        ("Clip", [0.0, 6.0], {}, ""),
        ("Clip", [-1.0, 1.0], {}, "limits other than 0 to between 1 and 127"),
        ("MaxPool", [], {"kernel_shape": [9, 9]}, "a window of [9, 9]"),
        ("AveragePool", [], {"kernel_shape": [2, 2], "strides": [2, 2]}, ""),
        ("Transpose", [], {"perm": [0, 2, 3, 1]}, ""),
        ("Transpose", [], {"perm": [1, 0, 2, 3]}, "a batch that is moved"),
        ("Softmax", [], {"axis": 1}, ""),
        ("InstanceNormalization", [np.ones(8), np.ones(8)], {}, "InstanceNormalization is no layer of DLA"),
        ("PRelu", [np.ones((8, 1, 1))], {}, ""),
    ],
)
def test_other_layers_have_limits(
    tmp_path: Path, kind: str, others: list[Any], attributes: dict[str, Any], reason: str
) -> None:
    net = Net()
    net.then(kind, *(net.constant(np.asarray(one, np.float32)) for one in others), **attributes)
    found = layers(net, tmp_path)[kind]
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(
    ("mode", "factors", "moved", "reason"),
    [
        ("nearest", [1, 1, 2, 2], "asymmetric", ""),
        ("nearest", [1, 1, 1.5, 1.5], "asymmetric", "a factor that is no whole number from 1 to 32, for nearest"),
        ("linear", [1, 1, 2, 2], "half_pixel", ""),
        ("linear", [1, 1, 2, 2], "asymmetric", "coordinates 'asymmetric'"),
        ("linear", [1, 1, 8, 8], "half_pixel", "a factor that is no whole number from 1 to 4, for linear"),
        ("cubic", [1, 1, 2, 2], "half_pixel", "interpolation 'cubic'"),
    ],
)
def test_resizing_on_dla(tmp_path: Path, mode: str, factors: list[float], moved: str, reason: str) -> None:
    net = Net()
    scales = net.constant(np.array(factors, np.float32))
    net.then("Resize", "", scales, mode=mode, coordinate_transformation_mode=moved)
    found = layers(net, tmp_path)["Resize"]
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


def test_a_size_that_is_too_large_is_told(tmp_path: Path) -> None:
    net = Net()
    net.then("Relu")
    told = layers(net, tmp_path, ("batch", 1, 2, 9000))
    assert told == {"Relu": "a size of 9000, and DLA takes at most 8192"}


def test_types_that_dla_does_not_compute_in_are_told(tmp_path: Path) -> None:
    net = Net()
    net.then("Relu")
    net.then("Cast", to=TensorProto.BFLOAT16)
    net.then("Sigmoid")
    net.then("Cast", to=TensorProto.FLOAT)
    told = layers(net, tmp_path)
    assert told["Sigmoid"] == "bf16, and DLA computes in fp16 and int8"
    assert told["Relu"] == "", "a graph of fp32 is read as what it would be in fp16"
    manifest = load_artifact(tmp_path / "art").manifest
    graph = manifest.graphs["generator"].model_copy(update={"precision": "fp16"})
    seal(tmp_path / "art", manifest.model_copy(update={"graphs": {"generator": graph}}))
    typed = preflight(Source.of(tmp_path / "art"), "dla")
    assert typed.layers[0].reason == "fp32, and DLA computes in fp16 and int8"


def test_noise_inside_a_graph_runs_nowhere_and_is_not_bundled(tmp_path: Path) -> None:
    net = Net()
    net.then("RandomNormalLike", dtype=TensorProto.FLOAT)
    assert layers(net, tmp_path)["RandomNormalLike"].startswith("TensorRT ignores its seed")
    with pytest.raises(ArtifactError, match=r"does not take .* \(RandomNormalLike\): TensorRT ignores its seed"):
        bundle(tmp_path / "art", "jetson", tmp_path / "out")
    done = gantools("doctor", tmp_path / "art", "--target", "jetson-thor", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["ok"], told["count"]["nowhere"]) == (False, 1)
    assert "Thor has no DLA; everything runs on its GPU." in told["notes"]


def test_the_doctor_shows_layers_and_counts(artifacts: dict[str, Path]) -> None:
    done = gantools("doctor", artifacts["images"], "--target", "dla")
    assert done.returncode == 0
    assert "Gemm is no layer of DLA" in done.stdout
    assert "14 layers: 9 dla, 5 gpu" in done.stderr
    assert gantools("doctor", artifacts["images"], "--target", "jetson-orin").returncode == 0
    done = gantools("doctor", artifacts["images"])
    assert (done.returncode, "an artifact and --target go together" in done.stderr) == (2, True)
    with pytest.raises(UnknownNameError, match="did you mean 'jetson-orin'"):
        preflight(Source.of(artifacts["images"]), "jetson-orion")
    assert len(TARGETS) == 3


def test_texts_are_bundled_too(artifacts: dict[str, Path], tmp_path: Path) -> None:
    bundle(artifacts["texts"], "jetson", tmp_path / "out")
    page = (tmp_path / "out" / "build.sh").read_text()
    assert "--maxShapes=latent:8x3,label:8,uniforms:8x9x2,temperature:8,prefix:8x9" in page
    assert shutil.which("bash") is None or run(["bash", "-n", "build.sh"], tmp_path / "out").returncode == 0
