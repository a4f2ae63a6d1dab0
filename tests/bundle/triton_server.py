"""A real Triton Inference Server, of the package nvidia-pytriton, which has its Python backend and no other.

``PYTRITON_PYTHON`` names an interpreter of a virtual environment with ``nvidia-pytriton``, ``onnxruntime`` and
``numpy<2``, which that backend needs. The backend is all that is changed in a repository; what runs the network is
ONNX Runtime all the same, and writes down how many requests it was given at a time.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BACKEND = """
import os

import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, given):
        folder = os.path.join(given["model_repository"], given["model_version"])
        path = os.path.join(folder, "model.onnx")
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.counts = os.path.join(folder, "counts.txt")
        self.flat = {one.name for one in self.session.get_inputs() if len(one.shape) == 1}

    def execute(self, requests):
        with open(self.counts, "a") as counts:
            counts.write(f"{len(requests)}\\n")
        return [self.answered(request) for request in requests]

    def answered(self, request):
        given = {one.name(): one.as_numpy() for one in request.inputs()}
        given = {name: array.reshape(-1) if name in self.flat else array for name, array in given.items()}
        names = [one.name for one in self.session.get_outputs()]
        made = self.session.run(names, given)
        return triton.InferenceResponse([triton.Tensor(name, array) for name, array in zip(names, made)])
"""


@contextmanager
def triton(models: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Serve a copy of a repository. Gives the address, and the file of how many requests came at a time."""
    python = os.environ.get("PYTRITON_PYTHON")
    if not python:
        pytest.skip("PYTRITON_PYTHON names no interpreter with nvidia-pytriton, onnxruntime and numpy<2")
    ask = "import pathlib, importlib.util as u; print(pathlib.Path(u.find_spec('pytriton').origin).parent)"
    room = Path(subprocess.check_output([python, "-c", ask], text=True).strip()) / "tritonserver"
    shutil.copytree(models, folder / "models")
    (config,) = (folder / "models").glob("*/config.pbtxt")
    page = config.read_text().replace('backend: "onnxruntime"', 'backend: "python"').replace("model.onnx", "model.py")
    assert 'backend: "python"' in page
    config.write_text(page)
    (config.parent / "1" / "model.py").write_text(BACKEND)
    shutil.copytree(room / "backends", folder / "backends")
    version = subprocess.check_output([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True)
    stub = room / "python_backend_stubs" / version.strip() / "triton_python_backend_stub"
    shutil.copy(stub, folder / "backends" / "python")
    (folder / "backends" / "python" / stub.name).chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    line: list[str | Path] = [
        room / "bin" / "tritonserver",
        f"--model-repository={folder / 'models'}",
        f"--http-port={port}",
    ]
    line += [f"--backend-directory={folder / 'backends'}", "--http-address=127.0.0.1", "--allow-grpc=false"]
    libraries = str(room.parents[1] / "nvidia_pytriton.libs")  # which the stub looks for beside where it was
    path = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "LD_LIBRARY_PATH": libraries}
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen([*line, "--allow-metrics=false"], stdout=log, stderr=log, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(240):
            assert server.poll() is None, (folder / "log.txt").read_text()
            try:
                urllib.request.urlopen(f"{url}/v2/health/ready").close()
                break
            except OSError:
                time.sleep(0.25)
        yield url, config.parent / "1" / "counts.txt"
    finally:
        server.terminate()
        server.wait(60)
