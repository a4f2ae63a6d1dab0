"""Samples from a Triton server, by seed: noise is drawn here, the network runs there. Needs NumPy alone.

Speaks the HTTP protocol of KServe, version 2, with tensors as raw bytes behind the JSON.
"""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request
from collections.abc import Sequence

import numpy as np

from check import check, report
from generator import Array, Generator, Run, answer, arguments

MODEL = "@MODEL@"
URL = "http://127.0.0.1:8000"
_KINDS = {"float32": "FP32", "int64": "INT64", "int32": "INT32", "uint8": "UINT8"}


def on_server(url: str = URL, *, batched: bool = True, timeout_s: float = 60.0) -> Run:
    """What runs the network: one request for each run.

    Args:
        url: Of the server.
        batched: Whether the server batches, so that a number for each sample has to be a row of one number.
        timeout_s: Of one request.
    """

    def run(inputs: dict[str, Array], names: Sequence[str]) -> list[Array]:
        described, bodies = [], []
        for name, array in inputs.items():
            shape = [*array.shape, 1] if batched and array.ndim == 1 else [*array.shape]
            bodies.append(np.ascontiguousarray(array).tobytes())
            size = {"binary_data_size": len(bodies[-1])}
            described.append({"name": name, "shape": shape, "datatype": _KINDS[str(array.dtype)], "parameters": size})
        wanted = [{"name": name, "parameters": {"binary_data": True}} for name in names]
        head = json.dumps({"inputs": described, "outputs": wanted}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
        request = urllib.request.Request(f"{url}/v2/models/{MODEL}/infer", head + b"".join(bodies), headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:
                length = int(response.headers["Inference-Header-Content-Length"])
                body = response.read()
        except urllib.error.HTTPError as err:
            raise RuntimeError(f"the server refused: {err.read().decode(errors='replace')}") from err
        told = {one["name"]: one for one in json.loads(body[:length])["outputs"]}
        kinds = {other: kind for kind, other in _KINDS.items()}
        made, start = dict[str, Array](), length
        for name, one in told.items():
            end = start + one["parameters"]["binary_data_size"]
            made[name] = np.frombuffer(body[start:end], kinds[one["datatype"]]).reshape(one["shape"])
            start = end
        return [made[name] for name in names]

    return run


if __name__ == "__main__":
    parser: argparse.ArgumentParser = arguments("Samples from a Triton server, by seed.")
    parser.add_argument("--url", default=URL, help="of the server")
    parser.add_argument("--check", action="store_true", help="compare the server with golden/ instead")
    given = parser.parse_args()
    generator = Generator(run=on_server(given.url, batched="@BATCHED@".startswith("T")))
    if given.check:
        report(check(generator))
    else:
        answer(generator, given)
