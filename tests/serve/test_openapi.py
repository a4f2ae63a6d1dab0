"""The document that says what the server answers, held against what it answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.routing import Route

import gantools
from gantools.media.grid import png_bytes
from gantools.serve.app import HttpApp
from gantools.serve.counters import Counters
from gantools.serve.model import Model
from gantools.serve.openapi import PATH
from gantools.serve.options import Options
from gantools.serve.repository import Repository
from gantools.serve.run import hosted
from gantools.serve.service import Service
from tests.serve.client import Client


@pytest.fixture(scope="module")
def told(client: Client) -> dict[str, Any]:
    answer = client.ask(PATH)
    assert answer.status == 200
    document: dict[str, Any] = answer.json()
    return document


def operations(told: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(path, method): one for path, methods in told["paths"].items() for method, one in methods.items()}


def parameters(told: dict[str, Any], path: str, method: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in operations(told)[path, method]["parameters"]}


def test_it_names_every_route_and_no_other(told: dict[str, Any], served: dict[str, Path]) -> None:
    options = Options()
    repository = Repository(served, lambda name, path: Model(name, path, options))
    try:
        app = HttpApp(Service(repository, options, Counters())).app()
        routes = {
            (route.path, method.lower())
            for route in app.routes
            if isinstance(route, Route)
            for method in (route.methods or set()) - {"HEAD"}
        }
    finally:
        repository.close()
    assert len(routes) == 15
    assert operations(told).keys() == routes
    assert told["info"] == {
        "title": "gantools",
        "version": gantools.__version__,
        "description": "Generators behind HTTP.",
    }


def test_what_it_refers_to_is_there(told: dict[str, Any]) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            mine = [node["$ref"]] if "$ref" in node else []
            return mine + [one for value in node.values() for one in references(value)]
        return [one for value in node for one in references(value)] if isinstance(node, list) else []

    found = references(told)
    assert len(found) > 20
    assert {one.removeprefix("#/components/schemas/") for one in found} == told["components"]["schemas"].keys()


def test_the_least_request_of_each_model_is_answered(client: Client, told: dict[str, Any]) -> None:
    content = operations(told)["/v2/models/{model}/infer", "post"]["requestBody"]["content"]["application/json"]
    examples = {name: one["value"] for name, one in content["examples"].items()}
    assert [*examples] == ["images", "classes", "enlarger", "texts"]
    for name, request in examples.items():
        answer = client.ask(f"/v2/models/{name}/infer", json.dumps(request).encode())
        assert answer.status == 200, answer.body
        outputs = answer.json()["outputs"]
        assert outputs
        assert all(one["shape"][0] == 1 for one in outputs)


def test_samples_have_the_parameters_that_models_have(client: Client, told: dict[str, Any]) -> None:
    found = parameters(told, "/sample", "get")
    assert [*found] == ["model", "seed", "truncation", "temperature", "label", "prefix", "steps", "format"]
    assert [name for name, one in found.items() if one["required"]] == ["model", "seed"]
    assert found["model"]["schema"] == {"enum": ["images", "classes", "texts"]}
    assert found["seed"]["schema"]["maximum"] == 2**64 - 1
    assert (found["truncation"]["schema"]["minimum"], found["truncation"]["schema"]["maximum"]) == (0, 1.5)
    label = found["label"]["schema"]["enum"][0]
    assert client.ask(f"/sample?model=classes&seed=1&label={label}&truncation=1.5").status == 200
    assert client.ask("/sample?model=classes&seed=1&truncation=1.6").status == 400


def test_pictures_go_in_as_it_says(client: Client, told: dict[str, Any]) -> None:
    assert parameters(told, "/enhance", "post")["model"]["schema"] == {"enum": ["enlarger"]}
    kinds = operations(told)["/enhance", "post"]["requestBody"]["content"]
    assert [*kinds] == ["image/png", "image/jpeg", "image/webp"]
    body = png_bytes(np.zeros((20, 20, 3), np.uint8), {})
    answer = client.ask("/enhance?model=enlarger", body, {"Content-Type": "image/png"})
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")


def test_one_model_need_not_be_named_and_a_token_is_told(served: dict[str, Path], told: dict[str, Any]) -> None:
    with hosted({"images": served["images"]}, Options(port=0, token="open sesame"), threads=1) as server:
        assert Client(server.url).ask(PATH).status == 401
        document = Client(server.url, {"Authorization": "Bearer open sesame"}).ask(PATH).json()
    assert document["security"] == [{"token": []}]
    assert told["security"] == [{}, {"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    free = [path for (path, _), one in operations(document).items() if one.get("security") == []]
    assert free == ["/", "/v2/health/live", "/v2/health/ready"]
    assert not parameters(document, "/sample", "get")["model"]["required"]
    assert "/enhance" not in document["paths"]
