"""What the server answers, as a document of OpenAPI 3.1 that names the models it has at this moment.

Clients can be generated from it and requests be tried by it. Tensors as bytes behind the JSON (``protocol.py``) have no
word there, and are told of in a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from gantools.core.version import VERSION as SERVER_VERSION
from gantools.serve.model import SEED, VERSION, Model
from gantools.serve.protocol import DATATYPES, HEADER_LENGTH

Json = dict[str, Any]
PATH = "/openapi.json"
_LARGEST_SEED = 2**64 - 1
_ERROR = {
    "description": "Refused, with the reason.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_EMPTY = {"description": "Yes."}
_NOT_READY = {"description": "It finishes what it has, and takes nothing more."}


def document(models: Iterable[Model], *, token: bool) -> Json:
    """The document.

    Args:
        models: All of them.
        token: Whether callers need one for certain.
    """
    every = list(models)
    drawing = [one for one in every if one.manifest.sampler.image is None]
    of_pictures = [one for one in every if one.metadata()["parameters"]["pictures"]]
    name = _parameter("model", {"enum": [one.name for one in every]}, place="path", required=True)
    version = _parameter("version", {"enum": [VERSION]}, place="path", required=True)
    paths: Json = {
        "/": {"get": _open("A page to draw samples by hand.", {"200": _content("text/html")})},
        PATH: {"get": _answer("This document.", {"200": _content("application/json", {"type": "object"})})},
        "/metrics": {"get": _answer("Figures for Prometheus.", {"200": _content("text/plain")})},
        "/v2": {"get": _answer("What the server is.", {"200": _content("application/json", {"type": "object"})})},
        "/v2/health/live": {"get": _open("Whether the process lives.", {"200": _EMPTY})},
        "/v2/health/ready": {"get": _open("Whether it takes requests.", {"200": _EMPTY, "503": _NOT_READY})},
        "/v2/repository/index": {
            "post": _answer(
                "All models.", {"200": _content("application/json", {"type": "array", "items": {"type": "object"}})}
            )
        },
    }
    if drawing:
        paths["/sample"] = {"get": _sample(every, drawing)}
    if of_pictures:
        paths["/enhance"] = {"post": _enhance(every, of_pictures)}
    for prefix, where in (("", [name]), ("/versions/{version}", [name, version])):
        base = "/v2/models/{model}" + prefix
        paths[base] = {"get": {**_metadata(), "parameters": where}}
        paths[f"{base}/ready"] = {
            "get": {
                **_answer("Whether a model takes requests.", {"200": _EMPTY, "503": _NOT_READY}),
                "parameters": where,
            }
        }
        paths[f"{base}/infer"] = {"post": {**_infer(every), "parameters": where}}
    scheme = {"type": "http", "scheme": "bearer", "description": "Of servers that were started with --token."}
    return {
        "openapi": "3.1.0",
        "info": {"title": "gantools", "version": SERVER_VERSION, "description": "Generators behind HTTP."},
        "paths": paths,
        # Replicas on a cluster do not know whether their door asks for one, so that it may be sent there, too.
        "security": [{"token": []}] if token else [{}, {"token": []}],
        "components": {"schemas": _SCHEMAS, "securitySchemes": {"token": scheme}},
    }


def _sample(every: list[Model], drawing: list[Model]) -> Json:
    settings: dict[str, Json] = {}
    for model in drawing:
        for name, setting in model.manifest.sampler.settings.items():
            before = settings.get(name, {"minimum": setting.low, "maximum": setting.high})
            settings[name] = {
                "type": "number",
                "minimum": min(before["minimum"], setting.low),
                "maximum": max(before["maximum"], setting.high),
            }
    labels = sorted({label for model in drawing for label in model.manifest.output.classes})
    texts = [one for one in drawing if one.manifest.modality == "text"]
    whole = {"type": "integer", "minimum": 0, "maximum": _LARGEST_SEED}
    parameters = [_choice(every, drawing), _parameter(SEED, whole, required=True)]
    parameters += [_parameter(name, schema) for name, schema in settings.items()]
    if labels:
        parameters.append(_parameter("label", {"enum": labels}))
    if texts:
        parameters.append(_parameter("prefix", {"type": "string"}))
        parameters.append(_parameter("steps", {"type": "integer", "minimum": 1}))
    parameters.append(_parameter("format", {"enum": ["png", "text", "json"]}))
    content: Json = {}
    if len(texts) < len(drawing):
        content["image/png"] = {}
    if texts:
        content |= {"text/plain": {}, "application/json": {"schema": {"type": "object"}}}
    done = {"description": "The sample of the seed.", "content": content}
    return {**_answer("One sample, as a picture or a text.", {"200": done}), "parameters": parameters}


def _enhance(every: list[Model], of_pictures: list[Model]) -> Json:
    kinds = ("image/png", "image/jpeg", "image/webp")
    return {
        **_answer("A picture of a picture.", {"200": _content("image/png")}),
        "parameters": [_choice(every, of_pictures)],
        "requestBody": {"required": True, "content": {kind: {} for kind in kinds}},
    }


def _metadata() -> Json:
    told = _content("application/json", {"$ref": "#/components/schemas/Model"})
    return _answer("The tensors of a model, and which of them a seed says.", {"200": told})


def _infer(every: list[Model]) -> Json:
    schema = {"$ref": "#/components/schemas/Request"}
    body = {"schema": schema, "examples": {one.name: {"value": _example(one)} for one in every}}
    done = _content("application/json", {"$ref": "#/components/schemas/Response"})
    return {
        **_answer(
            f"Samples of seeds, or of tensors. With the header {HEADER_LENGTH}, tensors are bytes behind the JSON.",
            {"200": done},
        ),
        "requestBody": {"required": True, "content": {"application/json": body}},
    }


def _example(model: Model) -> Json:
    """The least request: one seed, and zeros of the least size for what no seed says."""
    inputs: list[Json] = []
    if model.manifest.sampler.noise:
        inputs.append({"name": SEED, "shape": [1], "datatype": DATATYPES["uint64"], "data": [7]})
    optional = {one["name"]: one["parameters"]["optional"] for one in model.metadata()["inputs"]}
    sizes = {name: limits.min for name, limits in model.spec.axes.items()} | {"batch": 1}
    for tensor in model.spec.inputs:
        if not optional[tensor.name]:
            shape = [*tensor.concrete(sizes)]
            zeros = {"shape": shape, "datatype": DATATYPES[tensor.dtype], "data": [0] * prod(shape)}
            inputs.append({"name": tensor.name, **zeros})
    return {"inputs": inputs}


def _choice(every: list[Model], able: list[Model]) -> Json:
    """Which model; it may be left out where there is one alone."""
    return _parameter("model", {"enum": [one.name for one in able]}, required=len(every) > 1)


def _parameter(name: str, schema: Json, *, place: str = "query", required: bool = False) -> Json:
    return {"name": name, "in": place, "required": required, "schema": schema}


def _content(kind: str, schema: Json | None = None) -> Json:
    return {"description": "Done.", "content": {kind: {"schema": schema} if schema else {}}}


def _answer(summary: str, responses: Json) -> Json:
    return {"summary": summary, "responses": {**responses, "default": _ERROR}}


def _open(summary: str, responses: Json) -> Json:
    """Of what nobody needs a token for."""
    return {**_answer(summary, responses), "security": []}


_TENSOR: Json = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"enum": [*DATATYPES.values()]},
        "data": {"type": "array"},
        "parameters": {"type": "object"},
    },
}
_SCHEMAS: Json = {
    "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
    "Tensor": _TENSOR,
    "Model": {
        "type": "object",
        "required": ["name", "versions", "platform", "inputs", "outputs"],
        "properties": {
            "name": {"type": "string"},
            "versions": {"type": "array", "items": {"type": "string"}},
            "platform": {"type": "string"},
            "inputs": {"type": "array", "items": {"type": "object"}},
            "outputs": {"type": "array", "items": {"type": "object"}},
            "parameters": {"type": "object"},
        },
    },
    "Request": {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "parameters": {"type": "object"}},
                },
            },
        },
    },
    "Response": {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "parameters": {"type": "object"},
            "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
        },
    },
}
