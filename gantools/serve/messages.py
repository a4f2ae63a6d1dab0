"""The messages of the Open Inference Protocol over gRPC, made at run time: there is no generated code to keep.

Source: ``open_inference_grpc.proto`` of KServe, with what Triton adds to it. Only field numbers and types are on the
wire; messages that are nested there stand beside the others here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from gantools.core.optional import require

PACKAGE = "inference"
_SCHEMA: dict[str, tuple[str, ...]] = {
    "ServerLiveRequest": (),
    "ServerLiveResponse": ("bool live 1",),
    "ServerReadyRequest": (),
    "ServerReadyResponse": ("bool ready 1",),
    "ModelReadyRequest": ("string name 1", "string version 2"),
    "ModelReadyResponse": ("bool ready 1",),
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": ("string name 1", "string version 2", "repeated string extensions 3"),
    "ModelMetadataRequest": ("string name 1", "string version 2"),
    "TensorMetadata": ("string name 1", "string datatype 2", "repeated int64 shape 3"),
    "ModelMetadataResponse": (
        "string name 1",
        "repeated string versions 2",
        "string platform 3",
        "repeated TensorMetadata inputs 4",
        "repeated TensorMetadata outputs 5",
    ),
    "RepositoryIndexRequest": ("string repository_name 1", "bool ready 2"),
    "ModelIndex": ("string name 1", "string version 2", "string state 3", "string reason 4"),
    "RepositoryIndexResponse": ("repeated ModelIndex models 1",),
    "InferParameter": (
        "choice bool bool_param 1",
        "choice int64 int64_param 2",
        "choice string string_param 3",
        "choice double double_param 4",
        "choice uint64 uint64_param 5",
    ),
    "InferTensorContents": (
        "repeated bool bool_contents 1",
        "repeated int32 int_contents 2",
        "repeated int64 int64_contents 3",
        "repeated uint32 uint_contents 4",
        "repeated uint64 uint64_contents 5",
        "repeated float fp32_contents 6",
        "repeated double fp64_contents 7",
        "repeated bytes bytes_contents 8",
    ),
    "InferInputTensor": (
        "string name 1",
        "string datatype 2",
        "repeated int64 shape 3",
        "map InferParameter parameters 4",
        "InferTensorContents contents 5",
    ),
    "InferRequestedOutputTensor": ("string name 1", "map InferParameter parameters 2"),
    "ModelInferRequest": (
        "string model_name 1",
        "string model_version 2",
        "string id 3",
        "map InferParameter parameters 4",
        "repeated InferInputTensor inputs 5",
        "repeated InferRequestedOutputTensor outputs 6",
        "repeated bytes raw_input_contents 7",
    ),
    "InferOutputTensor": (
        "string name 1",
        "string datatype 2",
        "repeated int64 shape 3",
        "map InferParameter parameters 4",
        "InferTensorContents contents 5",
    ),
    "ModelInferResponse": (
        "string model_name 1",
        "string model_version 2",
        "string id 3",
        "map InferParameter parameters 4",
        "repeated InferOutputTensor outputs 5",
        "repeated bytes raw_output_contents 6",
    ),
}


@cache
def message(name: str) -> Any:
    """The class of a message."""
    factory: Any = require("google.protobuf.message_factory", extra="serve-grpc", why="to serve over gRPC")
    return factory.GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


@cache
def _pool() -> Any:
    """A pool of its own, so that a client of Triton in the same process can have its own messages of these names."""
    descriptors: Any = require("google.protobuf.descriptor_pb2", extra="serve-grpc", why="to serve over gRPC")
    pools: Any = require("google.protobuf.descriptor_pool", extra="serve-grpc", why="to serve over gRPC")
    file = descriptors.FileDescriptorProto(name="open_inference.proto", package=PACKAGE, syntax="proto3")
    for name, fields in _SCHEMA.items():
        made = file.message_type.add(name=name)
        if any(field.startswith("choice ") for field in fields):
            made.oneof_decl.add(name="choice")
        for field in fields:
            _add(made, field.split(), descriptors.FieldDescriptorProto)
    pool = pools.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add(made: Any, words: list[str], kinds: Any) -> None:
    """One field: ``[repeated | choice | map] TYPE NAME NUMBER``."""
    *how, kind, name, number = words
    field = made.field.add(name=name, number=int(number), label=kinds.LABEL_OPTIONAL)
    if how == ["map"]:
        entry = made.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        for part in (["string", "key", "1"], [kind, "value", "2"]):
            _add(entry, part, kinds)
        kind = f"{made.name}.{entry.name}"
    if how in (["map"], ["repeated"]):
        field.label = kinds.LABEL_REPEATED
    if how == ["choice"]:
        field.oneof_index = 0
    if kind[0].isupper():
        field.type, field.type_name = kinds.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(kinds, f"TYPE_{kind.upper()}")
