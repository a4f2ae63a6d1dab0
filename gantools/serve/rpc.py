"""What a server answers over gRPC: the same protocol, models and refusals as over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any, final

import numpy as np
import numpy.typing as npt

from gantools.core.errors import BackendError, GantoolsError
from gantools.core.optional import require
from gantools.core.version import VERSION as SERVER_VERSION
from gantools.serve.messages import PACKAGE, message
from gantools.serve.model import VERSION
from gantools.serve.protocol import (
    DATATYPES,
    InferRequest,
    checked_shape,
    refuse_parameters,
    tensor_of_bytes,
    tensor_of_numbers,
    timeout_of,
)
from gantools.serve.refused import RefusedError
from gantools.serve.service import Service, refusal_of

Handler = Callable[[Any, float], Awaitable[Any]]
_OPEN = ("ServerLive", "ServerReady")
_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    504: "DEADLINE_EXCEEDED",
}
_CONTENTS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
}


@final
class RpcServer:
    """The answers, by method, on a port of its own. Lives in the event loop that starts it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._grpc: Any = require("grpc", extra="serve-grpc", why="to serve over gRPC")
        self._server: Any = None

    async def start(self, host: str, port: int) -> str:
        """Listen, and return the address that leads here.

        Raises:
            BackendError: The address cannot be listened on.
        """
        aio: Any = require("grpc.aio", extra="serve-grpc", why="to serve over gRPC")
        limits = (("grpc.max_receive_message_length", self._service.options.max_body_bytes), ("grpc.so_reuseport", 0))
        self._server = aio.server(options=(*limits, ("grpc.max_send_message_length", -1)))
        methods: dict[str, Handler] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ServerMetadata": self._metadata,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "RepositoryIndex": self._index,
            "ModelInfer": self._infer,
        }
        handlers = {name: self._answered(name, handler) for name, handler in methods.items()}
        generic = self._grpc.method_handlers_generic_handler(f"{PACKAGE}.GRPCInferenceService", handlers)
        self._server.add_generic_rpc_handlers((generic,))
        shown = f"[{host.strip('[]')}]" if ":" in host else host
        try:
            bound = self._server.add_insecure_port(f"{shown}:{port}")
        except RuntimeError as err:
            raise BackendError(
                f"cannot listen on {shown}:{port} for gRPC.", hint="give another --grpc-port; 0 is any that is free"
            ) from err
        await self._server.start()
        return f"{shown}:{bound}"

    async def stop(self, patience_s: float) -> None:
        """Take no more requests, and wait for those that were taken."""
        await self._server.stop(patience_s)

    def _answered(self, name: str, handler: Handler) -> Any:
        async def answered(request: Any, context: Any) -> Any:
            began = monotonic()
            asked: str = getattr(request, "model_name", "") or getattr(request, "name", "")
            model = asked if any(one.name == asked for one in self._service.repository) else ""
            left = context.time_remaining()
            patience_s = self._service.options.timeout_s
            try:
                if name not in _OPEN:
                    self._service.admit(str(dict(context.invocation_metadata()).get("authorization", "")))
                response = await handler(request, began + (patience_s if left is None else min(left, patience_s)))
            except (RefusedError, GantoolsError) as err:
                refused = refusal_of(err)
                self._service.counters.answered(model, refused.status, monotonic() - began)
                code = getattr(self._grpc.StatusCode, _CODES.get(refused.status, "INTERNAL"))
                await context.abort(code, refused.message)
            else:
                self._service.counters.answered(model, 200, monotonic() - began)
                return response

        return self._grpc.unary_unary_rpc_method_handler(
            answered,
            request_deserializer=message(f"{name}Request").FromString,
            response_serializer=message(f"{name}Response").SerializeToString,
        )

    async def _live(self, _request: Any, _deadline: float) -> Any:
        return message("ServerLiveResponse")(live=True)

    async def _ready(self, _request: Any, _deadline: float) -> Any:
        return message("ServerReadyResponse")(ready=not self._service.draining)

    async def _metadata(self, _request: Any, _deadline: float) -> Any:
        return message("ServerMetadataResponse")(name="gantools", version=SERVER_VERSION)

    async def _model_ready(self, request: Any, _deadline: float) -> Any:
        self._service.named(request.name, request.version or VERSION)
        return message("ModelReadyResponse")(ready=not self._service.draining)

    async def _model_metadata(self, request: Any, _deadline: float) -> Any:
        told = self._service.named(request.name, request.version or VERSION).metadata()
        tensors = {
            side: [{key: one[key] for key in ("name", "datatype", "shape")} for one in told[side]]
            for side in ("inputs", "outputs")
        }
        about = {key: told[key] for key in ("name", "versions", "platform")}
        return message("ModelMetadataResponse")(**about, **tensors)

    async def _index(self, _request: Any, _deadline: float) -> Any:
        models = [{"name": one.name, "version": VERSION, "state": "READY"} for one in self._service.repository]
        return message("RepositoryIndexResponse")(models=models)

    async def _infer(self, request: Any, deadline: float) -> Any:
        self._service.named(request.model_name, request.model_version or VERSION)
        asked = _read(request)
        if asked.timeout_s is not None:
            deadline = min(deadline, monotonic() + asked.timeout_s)
        model, outputs = await self._service.made(request.model_name, deadline, lambda model: model.draw(asked.inputs))
        return _written(model.name, asked, outputs, model.generator.origin)


def _read(request: Any) -> InferRequest:
    """A message as the request that HTTP knows, too."""
    parameters = _values(request.parameters)
    refuse_parameters(parameters, "the request")
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise RefusedError(400, f"{len(request.inputs)} inputs have {len(raw)} raw contents.")
    inputs = {}
    for place, one in enumerate(request.inputs):
        if one.name in inputs:
            raise RefusedError(400, f"input '{one.name}' is given twice.")
        refuse_parameters(_values(one.parameters), f"input '{one.name}'")
        shape, datatype = checked_shape(one.name, list(one.shape), one.datatype)
        if raw:
            inputs[one.name] = tensor_of_bytes(one.name, raw[place], shape, datatype)
        elif datatype not in _CONTENTS:
            raise RefusedError(400, f"input '{one.name}' is {datatype}, which comes as raw contents alone.")
        else:
            numbers = list(getattr(one.contents, _CONTENTS[datatype]))
            inputs[one.name] = tensor_of_numbers(one.name, numbers, shape, datatype)
    for one in request.outputs:
        refuse_parameters(_values(one.parameters), f"output '{one.name}'")
    outputs = {one.name: True for one in request.outputs} or None
    return InferRequest(request.id or None, inputs, outputs, True, timeout_of(parameters))


def _written(name: str, asked: InferRequest, outputs: Mapping[str, npt.NDArray[Any]], origin: Mapping[str, str]) -> Any:
    response = message("ModelInferResponse")(model_name=name, model_version=VERSION, id=asked.id or "")
    for wanted in asked.outputs or outputs:
        if wanted not in outputs:
            raise RefusedError(400, f"the model has no output '{wanted}'; it has {', '.join(outputs)}.")
        array = outputs[wanted]
        response.outputs.add(name=wanted, datatype=DATATYPES[array.dtype.name], shape=array.shape)
        response.raw_output_contents.append(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    for key, value in origin.items():
        response.parameters[key].string_param = value
    return response


def _values(parameters: Any) -> dict[str, Any]:
    return {
        key: getattr(value, choice) if (choice := value.WhichOneof("choice")) else None
        for key, value in parameters.items()
    }
