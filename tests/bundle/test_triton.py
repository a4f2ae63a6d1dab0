import http.server
import importlib.util
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantools import open_artifact
from gantools.bundle import bundle
from tests.bundle.conftest import SORTS
from tests.bundle.pages import run_page
from tests.bundle.programs import run
from tests.bundle.triton_server import triton

KINDS = {"FP32": np.float32, "INT64": np.int64, "INT32": np.int32, "UINT8": np.uint8}


@pytest.fixture(scope="module")
def bundles(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("triton")
    for sort, path in artifacts.items():
        bundle(path, "triton", folder / sort)
    return {sort: folder / sort for sort in artifacts}


def repository(folder: Path) -> Path:
    (model,) = (folder / "models").iterdir()
    return model


def parsed(folder: Path) -> Any:
    """The configuration by Triton's own schema: pip install --no-deps tritonclient."""
    found = importlib.util.find_spec("tritonclient")
    if found is None or not found.submodule_search_locations:
        pytest.skip("tritonclient is not here: pip install --no-deps tritonclient")
    path = Path(found.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)  # without what else the client needs
    assert spec is not None
    assert spec.loader is not None
    schema = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("model_config_pb2", schema)
    spec.loader.exec_module(schema)
    text_format = importlib.import_module("google.protobuf.text_format")
    return text_format.Parse((repository(folder) / "config.pbtxt").read_text(), schema.ModelConfig())


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A stand-in for the server: the protocol's two parts, with ONNX Runtime, and shapes as the configuration says."""
    import onnxruntime

    model = repository(folder)
    session = onnxruntime.InferenceSession(model / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    page = (model / "config.pbtxt").read_text()

    class Server(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            length = int(self.headers["Inference-Header-Content-Length"])
            request, place, given = json.loads(body[:length]), length, {}
            assert self.path == f"/v2/models/{model.name}/infer"
            for one in request["inputs"]:
                end = place + one["parameters"]["binary_data_size"]
                array = np.frombuffer(body[place:end], KINDS[one["datatype"]]).reshape(one["shape"])
                line = next(line for line in page.splitlines() if line.startswith(f'input {{ name: "{one["name"]}"'))
                given[one["name"]] = array.reshape(len(array)) if "reshape" in line else array
                place = end
            try:
                made = session.run(None, given)[0]
            except Exception as err:
                self.send_response(400)
                self.end_headers()
                self.wfile.write(json.dumps({"error": str(err)}).encode())
                return
            kind = next(name for name, other in KINDS.items() if made.dtype == other)
            size = {"binary_data_size": made.nbytes}
            output = {"name": session.get_outputs()[0].name, "shape": made.shape, "datatype": kind, "parameters": size}
            head = json.dumps({"model_name": model.name, "outputs": [output]}).encode()
            self.send_response(200)
            self.send_header("Inference-Header-Content-Length", str(len(head)))
            self.end_headers()
            self.wfile.write(head + made.tobytes())

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("sort", SORTS)
def test_the_commands_of_the_readme_run_against_a_server(bundles: dict[str, Path], sort: str) -> None:
    with served(bundles[sort]) as url:
        told = run_page(bundles[sort], {"python": [sys.executable]}, {"python client.py": ["--url", url]})
    assert told[0] == "equal to the golden samples\n"
    if sort == "texts":
        assert len(told[1].splitlines()) == 3
    else:
        assert len(list((bundles[sort] / "samples").glob("*.png"))) == (2 if sort == "enlarger" else 3)


CROWD = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from client import on_server
from generator import Generator
generator = Generator(run=on_server(sys.argv[1]))
with ThreadPoolExecutor(16) as pool:
    alone = list(pool.map(lambda seed: generator.outputs([seed]), range(64)))
print(np.array_equal(np.concatenate(alone), generator.outputs(range(64))))
"""


@pytest.mark.slow
@pytest.mark.parametrize("sort", SORTS)
def test_a_real_server_reads_the_repository_and_batches(bundles: dict[str, Path], tmp_path: Path, sort: str) -> None:
    with triton(bundles[sort] / "models", tmp_path) as (url, counts):
        told = run_page(bundles[sort], {"python": [sys.executable]}, {"python client.py": ["--url", url]})
        assert told[0] == "equal to the golden samples\n"
        if sort != "enlarger":
            done = run([sys.executable, "-c", CROWD, url], bundles[sort])
            assert done.stdout == "True\n", done.stderr
            assert max(map(int, counts.read_text().split())) > 1, "requests that come at once are run at once"


def test_choices_go_to_the_server(artifacts: dict[str, Path], bundles: dict[str, Path]) -> None:
    with open_artifact(artifacts["texts"]) as generator:
        expected = generator.sample([5, 6], settings={"temperature": 0.5}, label=1, prefix="w5 w7")
    with served(bundles["texts"]) as url:
        line = f"client.py 5 6 --url {url} --set temperature=0.5 --label 1 --prefix"
        done = run([sys.executable, *line.split(), "w5 w7"], bundles["texts"])
    assert done.stdout.splitlines() == expected, done.stderr


def test_what_a_server_refuses_is_told(bundles: dict[str, Path]) -> None:
    np.save(bundles["enlarger"] / "large.npy", np.zeros((1, 24, 20, 1), np.uint8))
    with served(bundles["enlarger"]) as url:
        done = run([sys.executable, "client.py", "--image", "large.npy", "--url", url], bundles["enlarger"])
    assert done.returncode == 1
    assert "RuntimeError: the server refused: " in done.stderr


@pytest.mark.parametrize("sort", SORTS)
def test_the_configuration_is_one_of_tritons_schema(
    bundles: dict[str, Path], artifacts: dict[str, Path], sort: str
) -> None:
    config, model = parsed(bundles[sort]), repository(bundles[sort])
    assert (config.name, config.backend, config.max_batch_size) == (model.name, "onnxruntime", 8)
    assert config.dynamic_batching.max_queue_delay_microseconds == 500
    with open_artifact(artifacts[sort]) as generator:
        spec = generator.session.spec
    assert [one.name for one in config.input] == [one.name for one in spec.inputs]
    for one, tensor in zip(config.input, spec.inputs, strict=True):
        sizes = [-1 if isinstance(size, str) else size for size in tensor.shape[1:]]
        assert [*one.dims] == (sizes or [1])
        assert one.HasField("reshape") == (not sizes)
    (warm,) = config.model_warmup
    assert warm.batch_size == 1
    assert [*warm.inputs]
    assert {*warm.inputs} == {one.name for one in config.input}
    for name, value in warm.inputs.items():
        kind = next(tensor.dtype for tensor in spec.inputs if tensor.name == name)
        expected = int(np.prod(value.dims)) * np.dtype(kind).itemsize
        assert (model / "warmup" / value.input_data_file).stat().st_size == expected


def test_a_network_of_one_size_is_not_batched(tmp_path: Path) -> None:
    from gantools.core.artifact import seal
    from tests.conftest import tiny_manifest, tiny_onnx

    manifest = tiny_manifest()
    graph = manifest.graphs["generator"]
    fixed = [one.model_copy(update={"shape": (1, *one.shape[1:])}) for one in (*graph.spec.inputs, *graph.spec.outputs)]
    spec = graph.spec.model_copy(update={"inputs": (fixed[0],), "outputs": (fixed[1],), "axes": {}})
    (tmp_path / "art").mkdir()
    tiny_onnx(tmp_path / "art" / "generator.onnx")
    seal(
        tmp_path / "art", manifest.model_copy(update={"graphs": {"generator": graph.model_copy(update={"spec": spec})}})
    )
    bundle(tmp_path / "art", "triton", tmp_path / "out")
    page = (tmp_path / "out" / "models" / "tiny" / "config.pbtxt").read_text()
    assert "max_batch_size: 0" in page
    assert 'input { name: "latent" data_type: TYPE_FP32 dims: [ 1, 8 ] }' in page
    assert "dynamic_batching" not in page
    with served(tmp_path / "out") as url:
        done = run([sys.executable, "client.py", "--check", "--url", url], tmp_path / "out")
    assert (done.returncode, done.stdout) == (0, "equal to the golden samples\n"), done.stderr
