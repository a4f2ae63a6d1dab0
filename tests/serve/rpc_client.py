"""A client of the protocol over gRPC, of the project's own messages."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from gantools.serve.messages import PACKAGE, message
from gantools.serve.protocol import DATATYPES


def call(channel: Any, method: str, request: dict[str, Any] | Any, **how: Any) -> Any:
    """The answer to a request, or to one of these fields."""
    asked = channel.unary_unary(
        f"/{PACKAGE}.GRPCInferenceService/{method}",
        request_serializer=message(f"{method}Request").SerializeToString,
        response_deserializer=message(f"{method}Response").FromString,
    )
    wanted = message(f"{method}Request")(**request) if isinstance(request, dict) else request
    return asked(wanted, timeout=20, **how)


def infer_request(model: str, inputs: dict[str, npt.NDArray[Any]], *, raw: bool = True) -> Any:
    """Tensors as bytes, or as numbers."""
    request = message("ModelInferRequest")(model_name=model, id="42")
    contents = {"uint64": "uint64_contents", "int64": "int64_contents", "float32": "fp32_contents"}
    for name, array in inputs.items():
        added = request.inputs.add(name=name, datatype=DATATYPES[array.dtype.name], shape=array.shape)
        if raw:
            request.raw_input_contents.append(array.tobytes())
        else:
            getattr(added.contents, contents[array.dtype.name]).extend(array.ravel().tolist())
    return request
