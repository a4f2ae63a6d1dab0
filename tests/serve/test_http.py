"""The wire, on real sockets: documents of the protocol, tensors both ways, samples by seed, and who may ask."""

from __future__ import annotations

import importlib
import io
import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

import gantools
from gantools.enhance import Options as EnhanceOptions
from gantools.enhance import enhance
from gantools.media.provenance import EDITED, GENERATED, mark_of_packet
from gantools.serve.heads import BoundedHttp
from gantools.serve.options import Options
from gantools.serve.run import hosted
from tests.serve.client import LENGTH, Answer, Client, arrays_of

SEEDS = np.array([7, 2**64 - 1, 0], np.uint64)


def samples(path: Path, seeds: Any = SEEDS, **how: Any) -> Any:
    with gantools.open_artifact(path, threads=1) as generator:
        return generator.sample([int(seed) for seed in seeds], **how)


def refused(answer: Answer, status: int, *words: str) -> None:
    assert answer.status == status, answer.body
    message = answer.json()["error"]
    assert all(word in message for word in words), message


def test_the_server_tells_what_it_is(client: Client) -> None:
    assert client.ask("/v2").json() == {
        "name": "gantools",
        "version": gantools.__version__,
        "extensions": ["binary_tensor_data"],
    }
    for path in (
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/images/ready",
        "/v2/models/images/versions/1/ready",
    ):
        assert client.ask(path).status == 200
    listed = client.ask("/v2/repository/index", b"").json()
    assert [one["name"] for one in listed] == ["images", "classes", "enlarger", "texts"]
    refused(client.ask("/v2/models/nothing"), 404, "'nothing'", "images")
    refused(client.ask("/v2/models/images/versions/2"), 404, "version 1")
    refused(client.ask("/v3"), 404, "/v3")
    refused(client.ask("/v2/models/images/infer"), 405, "GET")


def test_a_model_tells_its_tensors_and_which_of_them_a_seed_says(client: Client) -> None:
    told = client.ask("/v2/models/classes").json()
    assert (told["name"], told["versions"]) == ("classes", ["1"])
    inputs = {one["name"]: one for one in told["inputs"]}
    assert [*inputs] == ["latent", "label", "truncation", "seed"]
    assert all(one["parameters"]["optional"] for one in inputs.values())
    assert (inputs["latent"]["datatype"], inputs["latent"]["shape"]) == ("FP32", [-1, 16])
    assert (inputs["seed"]["datatype"], inputs["seed"]["shape"]) == ("UINT64", [-1])
    assert inputs["truncation"]["parameters"] == {"optional": True, "default": 1.0, "low": 0.0, "high": 1.5}
    assert told["outputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 4, 4, 1]}]
    (frame,) = client.ask("/v2/models/enlarger").json()["inputs"]
    assert (frame["shape"], frame["parameters"]["optional"]) == ([-1, -1, -1, 3], False)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("model", ["images", "classes", "texts"])
def test_a_seed_is_the_sample_that_the_library_draws(
    client: Client, served: dict[str, Path], model: str, binary: bool
) -> None:
    answer = client.infer(model, {"seed": SEEDS}, binary=binary)
    (made,) = arrays_of(answer).values()
    assert (LENGTH.lower() in answer.headers) == binary
    if not binary:
        assert (answer.json()["id"], answer.json()["model_version"]) == ("42", "1")
    wanted = samples(served[model])
    if model == "texts":
        with gantools.open_artifact(served[model]) as generator:
            assert generator.tokenizer.decode(made) == wanted
    else:
        np.testing.assert_array_equal(made, wanted)


def test_what_is_given_is_not_drawn(client: Client, served: dict[str, Path]) -> None:
    labels = np.array([2, 0, 1])
    made = arrays_of(client.infer("classes", {"seed": SEEDS, "label": labels}, binary=True))["image"]
    np.testing.assert_array_equal(made, samples(served["classes"], label=[2, 0, 1]))
    latent = np.random.default_rng(0).normal(size=(2, 16)).astype(np.float32)
    made = arrays_of(client.infer("images", {"latent": latent}, binary=False))["image"]
    np.testing.assert_array_equal(made, samples(served["images"], [0, 0], inputs={"latent": latent}))


def test_images_of_images_take_any_size(client: Client, served: dict[str, Path]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (2, 32, 20, 3), dtype=np.uint8)
    made = arrays_of(client.infer("enlarger", {"frame": frame}, binary=True))["image"]
    assert made.shape == (2, 64, 40, 3)
    np.testing.assert_array_equal(made, samples(served["enlarger"], [0, 0], inputs={"frame": frame}))


def test_large_tensors_are_numbers_or_bytes_too(client: Client) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (6, 90, 96, 3), dtype=np.uint8)
    body = json.dumps(
        {"inputs": [{"name": "frame", "shape": [1, 90, 96, 3], "datatype": "UINT8", "data": frame[0].tolist()}]}
    ).encode()
    (one,) = arrays_of(client.ask("/v2/models/enlarger/infer", body)).values()
    (all_of_them,) = arrays_of(client.infer("enlarger", {"frame": frame}, binary=True)).values()
    np.testing.assert_array_equal(one[0], all_of_them[0])
    answer = client.ask("/v2/models/enlarger/infer", *_with_json_output(frame))
    np.testing.assert_array_equal(arrays_of(answer)["image"], all_of_them)


def _with_json_output(frame: Any) -> tuple[bytes, dict[str, str]]:
    size = {"binary_data_size": frame.nbytes}
    tensor = {"name": "frame", "shape": [*frame.shape], "datatype": "UINT8", "parameters": size}
    head = json.dumps({"inputs": [tensor]}).encode()
    return head + frame.tobytes(), {LENGTH: str(len(head))}


def test_outputs_are_those_that_were_asked_for_in_the_form_that_was(client: Client) -> None:
    seed = {"name": "seed", "datatype": "INT64", "shape": [1], "data": [7]}
    wanted = [{"name": "image", "parameters": {"binary_data": True}}]
    body = json.dumps({"inputs": [seed], "outputs": wanted}).encode()
    answer = client.ask("/v2/models/images/versions/1/infer", body)
    assert LENGTH.lower() in answer.headers
    assert arrays_of(answer)["image"].shape == (1, 16, 16, 3)
    body = json.dumps({"inputs": [seed], "outputs": [{"name": "other"}]}).encode()
    refused(client.ask("/v2/models/images/infer", body), 400, "'other'", "image")


@pytest.mark.parametrize(
    ("model", "inputs", "words"),
    [
        ("images", {}, ["'latent' is missing", "'seed'"]),
        ("images", {"seed": np.array([-1])}, ["-1"]),
        ("images", {"seed": np.array([[1]])}, ["(1, 1)"]),
        ("images", {"seed": np.array([1], np.int32)}, ["int32"]),
        ("images", {"seed": np.arange(9)}, ["9 samples", "at most 8"]),
        ("images", {"seed": np.arange(0)}, ["no seeds"]),
        ("images", {"seed": np.arange(2), "latent": np.zeros((1, 16), np.float32)}, ["[1, 2]"]),
        ("images", {"latent": np.zeros((1, 15), np.float32)}, ["(1, 15)"]),
        ("images", {"latent": np.zeros((1, 16), np.float16)}, ["float16"]),
        ("images", {"seed": np.arange(1), "other": np.arange(1)}, ["no input 'other'"]),
        ("classes", {"seed": np.arange(1), "label": np.array([3])}, ["'label'", "[0, 2]"]),
        ("classes", {"seed": np.arange(1), "truncation": np.array([np.nan], np.float32)}, ["'truncation'"]),
        ("texts", {"seed": np.arange(1), "prefix": np.full((1, 3), 70, np.int32)}, ["'prefix'"]),
        ("texts", {"seed": np.arange(1), "prefix": np.full((1, 10), -1, np.int32)}, ["'steps' is 10"]),
        ("enlarger", {"frame": np.zeros((1, 8, 16, 3), np.uint8)}, ["'height' is 8"]),
        ("enlarger", {"frame": np.zeros((1, 101, 100, 3), np.uint8)}, ["100x101", "10000 pixels"]),
        ("enlarger", {}, ["'frame' is missing"]),
    ],
)
def test_what_does_not_fit_is_a_sentence(client: Client, model: str, inputs: dict[str, Any], words: list[str]) -> None:
    refused(client.infer(model, inputs, binary=True), 400, *words)


def test_a_sample_is_a_png_with_its_origin(client: Client, served: dict[str, Path]) -> None:
    answer = client.ask("/sample?model=images&seed=7")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(answer.body)) as image:
        np.testing.assert_array_equal(np.asarray(image), samples(served["images"], [7])[0])
        assert image.info["gantools.seeds"] == "7"
        assert image.info["gantools.artifact"] == answer.headers["x-gantools-artifact"]
        assert mark_of_packet(image.info["xmp"]).source_type == GENERATED
    answer = client.ask("/sample?model=classes&seed=7&label=boot&truncation=0.5")
    with Image.open(io.BytesIO(answer.body)) as image:
        wanted = samples(served["classes"], [7], label="boot", settings={"truncation": 0.5})
        np.testing.assert_array_equal(np.asarray(image), wanted[0, ..., 0])


def test_a_sample_is_a_text(client: Client, served: dict[str, Path]) -> None:
    wanted = samples(served["texts"], [7], prefix="w1 w2", steps=5)[0]
    answer = client.ask("/sample?model=texts&seed=7&prefix=w1+w2&steps=5")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.body.decode() == wanted
    answer = client.ask("/sample?model=texts&seed=7&prefix=w1+w2&steps=5&format=json")
    assert answer.json() == {"seed": 7, "text": wanted, "model": "texts"}


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("seed=7", 400, ["several models", "images"]),
        ("model=images", 400, ["the seed is missing", "seed=7"]),
        ("model=images&seed=-1", 400, ["'-1'"]),
        ("model=images&seed=18446744073709551616", 400, ["18446744073709551616"]),
        ("model=images&seed=7&sed=8", 400, ["'sed'", "seed"]),
        ("model=images&seed=7&label=boot", 400, ["no classes"]),
        ("model=images&seed=7&format=json", 400, ["no json"]),
        ("model=images&seed=7&format=bmp", 400, ["'bmp'"]),
        ("model=texts&seed=7&format=png", 400, ["no png"]),
        ("model=texts&seed=7&steps=x", 400, ["steps", "'x'"]),
        ("model=texts&seed=7&steps=99", 400, ["99"]),
        ("model=classes&seed=7&truncation=x", 400, ["truncation", "'x'"]),
        ("model=classes&seed=7&truncation=nan", 400, ["nan"]),
        ("model=classes&seed=7&label=shoe", 400, ["'shoe'", "boot"]),
        ("model=enlarger&seed=7", 400, ["images of images", "/enhance?model=enlarger"]),
        ("model=../../etc/passwd&seed=7", 404, ["'../../etc/passwd'"]),
    ],
)
def test_a_sample_that_cannot_be_is_a_sentence(client: Client, query: str, status: int, words: list[str]) -> None:
    refused(client.ask(f"/sample?{query}"), status, *words)


def encoded(pixels: Any, kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def test_a_picture_becomes_the_picture_that_enhance_makes(
    client: Client, served: dict[str, Path], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (21, 30, 4), dtype=np.uint8)
    (tmp_path / "in.png").write_bytes(encoded(pixels))
    answer = client.ask("/enhance?model=enlarger", (tmp_path / "in.png").read_bytes())
    assert answer.headers["content-type"] == "image/png"
    enhance(served["enlarger"], tmp_path / "in.png", tmp_path / "out.png", EnhanceOptions(batch=1, tile=0), threads=1)
    with Image.open(io.BytesIO(answer.body)) as made, Image.open(tmp_path / "out.png") as wanted:
        assert (made.size, made.mode) == ((60, 42), "RGBA")
        np.testing.assert_array_equal(np.asarray(made), np.asarray(wanted))
        mark = mark_of_packet(made.info["xmp"])
    assert (mark.source_type, mark.facts["artifact"]) == (EDITED, answer.headers["x-gantools-artifact"])


@pytest.mark.parametrize(
    ("query", "body", "words"),
    [
        ("model=enlarger", b"", ["cannot be read as a picture"]),
        ("model=enlarger", encoded(np.zeros((20, 20), np.uint8))[:50], ["cannot be read as a picture"]),
        ("model=enlarger", encoded(np.zeros((20, 20), np.uint8), "BMP"), ["cannot be read as a picture"]),
        ("model=enlarger", encoded(np.zeros((5000, 5000), np.uint8)), ["5000x5000", "10000"]),
        ("model=enlarger", encoded(np.zeros((9, 257), np.uint8)), ["width of at most 256"]),
        ("model=enlarger&scale=2", b"", ["'scale'"]),
        ("model=images", b"", ["no pictures of pictures"]),
        ("", b"", ["several models"]),
    ],
)
def test_a_picture_that_cannot_be_is_a_sentence(client: Client, query: str, body: bytes, words: list[str]) -> None:
    refused(client.ask(f"/enhance?{query}", body), 400, *words)


def test_the_page_holds_itself(client: Client) -> None:
    answer = client.ask("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert b"http://" not in answer.body
    assert b"https://" not in answer.body


def test_what_is_counted_is_told(client: Client) -> None:
    client.infer("images", {"seed": SEEDS}, binary=True)
    client.infer("images", {}, binary=True)
    families = text_string_to_metric_families(client.ask("/metrics").body.decode())
    found = {(one.name, *sorted(one.labels.values())): one.value for family in families for one in family.samples}
    assert found["gantools_requests_total", "200", "images"] >= 1
    assert found["gantools_requests_total", "400", "images"] >= 1
    assert found["gantools_samples_total", "images"] >= 3
    assert found["gantools_run_seconds_count", "images"] == found["gantools_runs_total", "images"]
    assert found["gantools_waiting_requests", "images"] == 0


def test_bodies_are_bounded_also_where_they_do_not_say_their_length(client: Client) -> None:
    path = "/v2/models/images/infer"
    refused(client.ask(path, b" " * 300_001), 413, "300000")
    with socket.create_connection(("127.0.0.1", int(client.address.rpartition(":")[2])), timeout=10) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: {client.address}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        for _ in range(4):
            connection.sendall(b"186a0\r\n" + b" " * 100_000 + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
    refused(client.ask(path, b"{}", {"Content-Encoding": "gzip"}), 415, "gzip")


def test_headers_have_an_end(client: Client) -> None:
    host, port = client.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"GET /v2 HTTP/1.1\r\nHost: {client.address}\r\nX-Long: ".encode() + b"x" * 70_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert client.ask("/v2", headers={"X-Long": "x" * 60_000}).status == 200


def test_headers_that_do_not_come_are_not_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedHttp, "patience_s", 0.05)
    host, port = client.address.split(":")
    for sent in (b"", b"GET /v2 HT", f"GET /v2 HTTP/1.1\r\nHost: {client.address}\r\n\r\nGET".encode()):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(sent)
            received = b"".join(iter(lambda open_one=connection: open_one.recv(10_000), b""))  # type: ignore[misc]
        assert received.startswith(b"HTTP/1.1 200") == (b"\r\n\r\n" in sent)


def test_bodies_that_are_read_at_once_are_bounded_together(served: dict[str, Path]) -> None:
    with ExitStack() as open_ones, hosted({"images": served["images"]}, Options(port=0, max_body_bytes=999)) as server:
        client = Client(server.url)
        host, port = client.address.split(":")
        head = f"POST /v2/models/images/infer HTTP/1.1\r\nHost: {client.address}\r\nContent-Length: 999\r\n\r\n"
        for _ in range(16):
            connection = open_ones.enter_context(socket.create_connection((host, int(port)), timeout=10))
            connection.sendall(head.encode())
        for _ in range(100):
            answer = client.ask("/v2/models/images/infer", b"{}")
            if answer.status == 429:
                break
            time.sleep(0.02)
        refused(answer, 429, "too many bodies")
        open_ones.close()
        for _ in range(100):
            answer = client.ask("/v2/models/images/infer", b"{}")
            if answer.status != 429:
                break
            time.sleep(0.02)
        refused(answer, 400, "'seed'")


def test_other_names_of_this_machine_are_refused_without_a_token(client: Client) -> None:
    refused(client.ask("/v2", headers={"Host": "example.org"}), 403, "example.org")
    refused(client.ask("/v2", headers={"Host": "[::1"}), 403, "127.0.0.1")
    assert client.ask("/v2", headers={"Host": "localhost:1"}).status == 200


def test_a_token_is_asked_for_everywhere_but_where_health_is(served: dict[str, Path]) -> None:
    options = Options(host="0.0.0.0", port=0, token="open sesame")
    with hosted({"images": served["images"]}, options, threads=1) as server:
        address = server.url.replace("0.0.0.0", "127.0.0.1")
        stranger, friend = Client(address), Client(address, {"Authorization": "Bearer open sesame"})
        for path in ("/v2", "/v2/models/images", "/sample?seed=7", "/metrics"):
            answer = stranger.ask(path)
            refused(answer, 401, "token")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert friend.ask(path, headers={"Host": "example.org"}).status == 200
        refused(stranger.ask("/v2", headers={"Authorization": "Bearer open"}), 401, "token")
        assert stranger.ask("/v2/health/ready").status == 200


def test_the_client_of_triton_works_unchanged(client: Client, served: dict[str, Path]) -> None:
    for module in ("rapidjson", "geventhttpclient", "tritonclient"):  # CONTRIBUTING says how
        pytest.importorskip(module)
    triton = importlib.import_module("tritonclient.http")
    with triton.InferenceServerClient(client.address) as stock:
        assert stock.is_server_live()
        assert stock.is_server_ready()
        assert stock.is_model_ready("images")
        assert stock.get_model_metadata("images")["name"] == "images"
        for binary in (True, False):
            seed = triton.InferInput("seed", [3], "UINT64")
            seed.set_data_from_numpy(SEEDS, binary_data=binary)
            output = triton.InferRequestedOutput("image", binary_data=binary)
            result = stock.infer("images", [seed], outputs=[output], request_id="1", timeout=5_000_000)
            np.testing.assert_array_equal(result.as_numpy("image"), samples(served["images"]))
