"""The Open Inference Protocol (KServe v2) on the wire: bytes to tensors and back. Knows no model and no HTTP library.

``rpc.py`` has the same in the words of gRPC.

Tensors are numbers in JSON or, by the extension for binary data, bytes behind it: the header
``Inference-Header-Content-Length`` then says where the JSON ends.
Sources: the protocol's specification ("Open Inference Protocol", KServe), Triton's ``extension_binary_data.md``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from gantools.runtime.backends.base import Arrays
from gantools.serve.refused import RefusedError

HEADER_LENGTH = "Inference-Header-Content-Length"
DATATYPES = {
    "float32": "FP32",
    "float16": "FP16",
    "uint8": "UINT8",
    "int32": "INT32",
    "int64": "INT64",
    "uint64": "UINT64",
    "bool": "BOOL",
}
_DTYPES = {datatype: np.dtype(dtype).newbyteorder("<") for dtype, datatype in DATATYPES.items()}
_MOST_AXES = 8
# Of Triton, which would change what comes out: better refused than passed over in silence.
_NOT_HERE = ("sequence_id", "sequence_start", "sequence_end", "classification", "shared_memory_region")


@dataclass(frozen=True)
class InferRequest:
    """What a caller asks for.

    Attributes:
        id: To be repeated in the answer.
        inputs: Name -> array, little-endian types as numpy has them.
        outputs: Name -> whether as bytes; none: all.
        binary: Whether outputs are bytes where ``outputs`` does not say it.
        timeout_s: How long the caller waits.
    """

    id: str | None
    inputs: Arrays
    outputs: dict[str, bool] | None
    binary: bool
    timeout_s: float | None


def read_request(body: bytes, header_length: str | None) -> InferRequest:
    """Take a request apart.

    Args:
        body: JSON, and bytes of tensors behind it.
        header_length: The value of ``Inference-Header-Content-Length``: bytes of the JSON; none: all are.

    Raises:
        RefusedError: 400, with what is wrong.
    """
    split = len(body)
    if header_length is not None:
        if not header_length.isascii() or not header_length.isdecimal() or len(header_length) > 18:
            _bad(f"{HEADER_LENGTH} is '{header_length[:40]}', expected a number of bytes.")
        split = int(header_length)
        if split > len(body):
            _bad(f"{HEADER_LENGTH} is {split}, and the body has {len(body)} bytes.")
    document = _json(body[:split])
    parameters = _parameters(document, "the request")
    listed = _objects(document, "inputs")
    inputs: Arrays = {}
    place = split
    for one in listed:
        name, shape, datatype = _described(one)
        if name in inputs:
            _bad(f"input '{name}' is given twice.")
        size = _parameters(one, f"input '{name}'").get("binary_data_size")
        if size is None:
            inputs[name] = tensor_of_numbers(name, one.get("data"), shape, datatype)
            continue
        if type(size) is not int or size < 0 or "data" in one:
            _bad(f"input '{name}' has binary_data_size {size!r:.40}, expected a number of bytes, and no 'data'.")
        inputs[name] = tensor_of_bytes(name, body[place : place + size], shape, datatype, size)
        place += size
    if place != len(body):
        _bad(f"{len(body) - place} bytes behind the JSON belong to no input.")
    outputs = None
    binary = parameters.get("binary_data_output", False) is True
    if "outputs" in document:
        outputs = {}
        for one in _objects(document, "outputs"):
            name = _name(one)
            outputs[name] = _parameters(one, f"output '{name}'").get("binary_data", binary) is True
    request_id = document.get("id")
    if request_id is not None and not isinstance(request_id, str):
        _bad(f"id is {request_id!r:.40}, expected a text.")
    return InferRequest(request_id, inputs, outputs, binary, timeout_of(parameters))


def write_response(
    model: str, version: str, request: InferRequest, outputs: Mapping[str, npt.NDArray[Any]], origin: Mapping[str, str]
) -> tuple[bytes, int | None]:
    """Put an answer together.

    Args:
        model: Its name.
        version: Of it.
        request: What is answered.
        outputs: All that the model has.
        origin: What made them, for the answer's ``parameters``.

    Returns:
        The body, and of how many bytes its JSON is where bytes of tensors follow.

    Raises:
        RefusedError: 400: an output does not exist, or holds what JSON has no word for.
    """
    wanted = request.outputs if request.outputs is not None else dict.fromkeys(outputs, request.binary)
    described: list[dict[str, Any]] = []
    tail = []
    for name, binary in wanted.items():
        if name not in outputs:
            _bad(f"the model has no output '{name}'; it has {', '.join(outputs)}.")
        array = outputs[name]
        entry: dict[str, Any] = {"name": name, "shape": [*array.shape], "datatype": DATATYPES[array.dtype.name]}
        if binary:
            tail.append(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
            entry["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            entry["data"] = array.ravel().tolist()
        described.append(entry)
    document: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": described}
    if request.id is not None:
        document["id"] = request.id
    document["parameters"] = dict(origin)
    try:
        head = json.dumps(document, allow_nan=False).encode()
    except ValueError:
        _bad("an output is not finite, which JSON cannot say; ask for it with binary_data.")
    return b"".join([head, *tail]), len(head) if tail else None


def _json(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as err:
        raise RefusedError(400, f"the request is not JSON: {str(err)[:200]}.") from err
    if not isinstance(document, dict):
        _bad("the request is not a JSON object.")
    return document


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"'{text}' is no number of JSON")


def _objects(document: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        _bad(f"'{key}' is no list of objects.")
    return found


def _parameters(of: Mapping[str, Any], what: str) -> dict[str, Any]:
    found = of.get("parameters", {})
    if not isinstance(found, dict):
        _bad(f"the parameters of {what} are no object.")
    refuse_parameters(found, what)
    return found


def refuse_parameters(found: Mapping[str, Any], what: str) -> None:
    """Refuse those that would change what comes out, and that this server does not have."""
    for name in _NOT_HERE:
        if found.get(name):
            _bad(f"{what} has the parameter '{name}', which this server does not have.")


def _name(one: Mapping[str, Any]) -> str:
    name = one.get("name")
    if not isinstance(name, str):
        _bad("a tensor has no name.")
    return name


def _described(one: Mapping[str, Any]) -> tuple[str, tuple[int, ...], str]:
    name = _name(one)
    shape, datatype = checked_shape(name, one.get("shape"), one.get("datatype"))
    return name, shape, datatype


def checked_shape(name: str, shape: Any, datatype: Any) -> tuple[tuple[int, ...], str]:
    """A list of sizes and a datatype that is known, or a refusal."""
    if not isinstance(shape, list) or len(shape) > _MOST_AXES or not all(type(n) is int and n >= 0 for n in shape):
        _bad(f"input '{name}' has shape {str(shape)[:60]}, expected a list of at most {_MOST_AXES} sizes.")
    if not isinstance(datatype, str) or datatype not in _DTYPES:
        _bad(f"input '{name}' has datatype {datatype!r:.40}, known are {', '.join(_DTYPES)}.")
    return tuple(shape), datatype


def tensor_of_bytes(
    name: str, raw: bytes, shape: tuple[int, ...], datatype: str, size: int | None = None
) -> npt.NDArray[Any]:
    """Little-endian bytes as an array of ``shape``; ``size`` is what the sender says how many there are."""
    dtype = _DTYPES[datatype]
    expected = prod(shape) * dtype.itemsize
    size = len(raw) if size is None else size
    if len(raw) != size or size != expected:
        _bad(
            f"input '{name}' of shape {list(shape)} and datatype {datatype} has {expected} bytes; "
            f"{size} were said, and {len(raw)} came."
        )
    if datatype == "BOOL":
        truths: npt.NDArray[Any] = np.frombuffer(raw, np.uint8) != 0
        return truths.reshape(shape)
    # Copied, because bytes behind a text lie where they lie, and runtimes expect numbers at multiples of their size.
    array: npt.NDArray[Any] = np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="), copy=True)
    return array.reshape(shape)


def tensor_of_numbers(name: str, data: Any, shape: tuple[int, ...], datatype: str) -> npt.NDArray[Any]:
    """A list of numbers, or of lists of them, as an array of ``shape``. No number is rounded to fit into integers."""
    if not isinstance(data, list):
        _bad(f"input '{name}' has neither 'data' nor binary_data_size.")
    flat: Sequence[Any] = data
    for _ in shape[1:]:
        if not flat or not all(isinstance(one, list) for one in flat):
            break
        flat = list(chain.from_iterable(flat))
    if len(flat) != prod(shape):
        _bad(f"input '{name}' of shape {list(shape)} has {prod(shape)} numbers, and {len(flat)} came.")
    dtype = _DTYPES[datatype].newbyteorder("=")
    allowed: set[type] = {bool} if datatype == "BOOL" else {int, float} if dtype.kind == "f" else {int}
    if not set(map(type, flat)) <= allowed:
        _bad(f"input '{name}' is {datatype}, and its data has something else.")
    try:
        with np.errstate(over="raise"):
            return np.array(flat, dtype).reshape(shape)
    except (OverflowError, FloatingPointError):
        _bad(f"input '{name}' has a number that is none of {datatype}.")


def timeout_of(parameters: Mapping[str, Any]) -> float | None:
    """Seconds, of the microseconds that Triton and its clients have; 0 is none."""
    timeout = parameters.get("timeout")
    if timeout is None or timeout == 0:
        return None
    if type(timeout) is not int or not 0 < timeout < 10**12:
        _bad(f"timeout is {timeout!r:.40}, expected microseconds.")
    return timeout / 1e6


def _bad(message: str) -> NoReturn:
    raise RefusedError(400, message)
