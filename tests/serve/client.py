"""A client of the Open Inference Protocol, written after the wire format that tritonclient 2.73 sends and reads.

tritonclient itself wants another protobuf than the rest of this project. Where it is installed by itself, one test in
``test_http.py`` uses it.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from gantools.serve.protocol import DATATYPES

LENGTH = "Inference-Header-Content-Length"


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection for each request, on a real socket."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.address = urlsplit(url).netloc
        self.headers = dict(headers or {})

    def ask(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, method: str | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        try:
            sent = {**self.headers, **(headers or {})}
            connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def infer(self, model: str, inputs: Mapping[str, npt.NDArray[Any]], *, binary: bool, **parameters: Any) -> Answer:
        """A request with tensors as bytes, or as numbers in JSON."""
        listed: list[dict[str, Any]] = []
        tail = b""
        for name, array in inputs.items():
            entry: dict[str, Any] = {"name": name, "shape": [*array.shape], "datatype": DATATYPES[array.dtype.name]}
            if binary:
                entry["parameters"] = {"binary_data_size": array.nbytes}
                tail += array.tobytes()
            else:
                entry["data"] = array.ravel().tolist()
            listed.append(entry)
        document = {"id": "42", "inputs": listed, "parameters": {"binary_data_output": binary, **parameters}}
        head = json.dumps(document).encode()
        headers = {LENGTH: str(len(head))} if binary else {}
        return self.ask(f"/v2/models/{model}/infer", head + tail, headers)


def arrays_of(answer: Answer) -> dict[str, npt.NDArray[Any]]:
    """The tensors of an answer."""
    assert answer.status == 200, answer.body
    length = int(answer.headers.get(LENGTH.lower(), len(answer.body)))
    document, place = json.loads(answer.body[:length]), length
    found = {}
    for one in document["outputs"]:
        dtype = next(dtype for dtype, datatype in DATATYPES.items() if datatype == one["datatype"])
        if "data" in one:
            array = np.array(one["data"], dtype)
        else:
            size = one["parameters"]["binary_data_size"]
            array = np.frombuffer(answer.body[place : place + size], dtype)
            place += size
        found[one["name"]] = array.reshape(one["shape"])
    assert place == len(answer.body)
    return found
