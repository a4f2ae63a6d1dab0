"""Bodies that nobody should send: whatever comes, the answer is a sentence, and never a fault of the server."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from gantools.serve.protocol import read_request
from gantools.serve.refused import RefusedError
from tests.serve.client import LENGTH, Client

PATH = "/v2/models/classes/infer"
TINY = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
names = st.sampled_from(["latent", "label", "truncation", "seed", "", "image"])
types = st.sampled_from(["FP32", "FP16", "INT64", "UINT64", "UINT8", "INT32", "BOOL", "BYTES", "BF16"])
sizes = st.lists(st.integers(0, 3) | st.sampled_from([16, -1, 2**40, 2**70]), max_size=3)
tensors = st.fixed_dictionaries(
    {"name": names | values, "shape": sizes | values, "datatype": types | values},
    optional={
        "data": st.lists(st.integers(-2, 300) | st.floats(), max_size=17) | values,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(-1, 70) | values}) | values,
    },
)
requests = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3) | values},
    optional={"id": values, "outputs": values | st.lists(tensors, max_size=2), "parameters": values},
)
bodies = st.builds(
    lambda document, tail: json.dumps(document).encode() + tail, requests | values, st.binary(max_size=70)
)
lengths = st.none() | st.integers(0, 400).map(str) | st.text("0123456789-x ", max_size=25).map(str.strip)


@TINY
@given(bodies | st.binary(max_size=100), lengths)
@example(b"[" * 100_000, None)
@example(b'{"inputs": ' + b"[" * 100_000, None)
@example(b'{"inputs": [{"name": "seed", "shape": [1], "datatype": "UINT64", "data": [' + b"9" * 5000 + b"]}]}", None)
@example(b'{"inputs": [{"name": "latent", "shape": [1, 1], "datatype": "FP32", "data": [1e300]}]}', None)
@example(b'{"inputs": [{"name": "latent", "shape": [1], "datatype": "FP32", "data": [' + b"9" * 400 + b"]}]}", None)
@example(b'{"inputs": [{"name": "label", "shape": [1], "datatype": "INT64", "data": [9223372036854775808]}]}', None)
@example(b'{"inputs": [], "parameters": {"timeout": NaN}}', None)
@example(b"\xff\xfe{}", None)
@example(b"{}", "9" * 30)
def test_any_bytes_are_a_request_or_a_refusal(body: bytes, length: str | None) -> None:
    try:
        read_request(body, length)
    except RefusedError as err:
        refused = err
    else:
        return
    assert refused.status == 400
    assert refused.message.endswith(".")


@TINY
@given(bodies, st.none() | st.integers(0, 400).map(str))
def test_the_server_answers_any_body_and_goes_on(client: Client, body: bytes, length: str | None) -> None:
    answer = client.ask(PATH, body, {} if length is None else {LENGTH: length})
    assert answer.status in (200, 400), answer.body
    if answer.status == 400:
        assert len(answer.json()["error"]) < 1000


@TINY
@given(
    st.sampled_from(["PNG", "JPEG", "WEBP"]), st.lists(st.tuples(st.floats(0, 0.99), st.integers(0, 255)), max_size=5)
)
def test_the_server_answers_any_picture_and_goes_on(client: Client, kind: str, faults: list[tuple[float, int]]) -> None:
    content = io.BytesIO()
    Image.fromarray(np.arange(1200, dtype=np.uint16).astype(np.uint8).reshape(20, 20, 3)).save(content, kind)
    body = bytearray(content.getvalue())
    for place, value in faults:
        body[int(place * len(body))] = value
    answer = client.ask("/enhance?model=enlarger", bytes(body))
    assert answer.status in (200, 400), answer.body


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "not a JSON object"),
        ({"inputs": {}}, "'inputs' is no list"),
        ({"inputs": [{}]}, "no name"),
        ({"inputs": [{"name": "a", "shape": [1], "datatype": "BYTES"}]}, "'BYTES'"),
        ({"inputs": [{"name": "a", "shape": [-1], "datatype": "FP32"}]}, "[-1]"),
        ({"inputs": [{"name": "a", "shape": [1], "datatype": "FP32"}]}, "neither"),
        ({"inputs": [{"name": "a", "shape": [2], "datatype": "FP32", "data": [1]}]}, "2 numbers, and 1 came"),
        ({"inputs": [{"name": "a", "shape": [1], "datatype": "INT32", "data": [1.5]}]}, "something else"),
        ({"inputs": [{"name": "a", "shape": [1], "datatype": "UINT8", "data": [256]}]}, "none of UINT8"),
        ({"inputs": [{"name": "a", "shape": [1], "datatype": "BOOL", "data": [True]}] * 2}, "given twice"),
        (
            {"inputs": [{"name": "a", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}]},
            "0 came",
        ),
        ({"inputs": [{"name": "a", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": "4"}}]}, "'4'"),
        ({"inputs": [{"name": "a", "shape": [1], "datatype": "FP32", "parameters": []}]}, "no object"),
        ({"parameters": {"sequence_id": 1}}, "'sequence_id'"),
        ({"parameters": {"timeout": -1}}, "-1"),
        ({"id": 5}, "id is 5"),
    ],
)
def test_each_mistake_has_its_sentence(document: Any, words: str) -> None:
    body = json.dumps(document).encode()
    with pytest.raises(RefusedError) as caught:
        read_request(body, str(len(body)))
    assert words in caught.value.message


def test_bytes_have_to_belong_to_inputs() -> None:
    with pytest.raises(RefusedError, match="3 bytes behind the JSON"):
        read_request(b"{}abc", "2")
    with pytest.raises(RefusedError, match="is 9, and the body has 2 bytes"):
        read_request(b"{}", "9")
    with pytest.raises(RefusedError, match="expected a number of bytes"):
        read_request(b"{}", "-1")


def test_lists_in_lists_are_one_list() -> None:
    body = b'{"inputs": [{"name": "a", "shape": [2, 2, 1], "datatype": "FP16", "data": [[[1], [2]], [[3], [4]]]}]}'
    array = read_request(body, None).inputs["a"]
    assert (array.dtype.name, array.tolist()) == ("float16", [[[1], [2]], [[3], [4]]])
