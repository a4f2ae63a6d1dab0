"""The same protocol over gRPC: a client of our own messages, and Triton's where it is installed."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

import gantools
from gantools.core.errors import BackendError
from gantools.serve.options import Options
from gantools.serve.run import hosted
from tests.serve.rpc_client import call, infer_request

SEEDS = np.array([7, 2**64 - 1, 0], np.uint64)


@pytest.fixture(scope="module")
def address(served: dict[str, Path]) -> Iterator[str]:
    options = Options(port=0, grpc_port=0, max_body_bytes=300_000, timeout_s=10)
    with hosted(served, options, threads=1) as server:
        assert server.grpc is not None
        yield server.grpc


@pytest.fixture
def channel(address: str) -> Iterator[Any]:
    with grpc.insecure_channel(address) as channel:
        yield channel


def refused(channel: Any, request: Any, code: str, *words: str, method: str = "ModelInfer") -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, method, request)
    assert caught.value.code() is getattr(grpc.StatusCode, code), caught.value.details()
    assert all(word in caught.value.details() for word in words), caught.value.details()


def samples(path: Path) -> Any:
    with gantools.open_artifact(path, threads=1) as generator:
        return generator.sample([int(seed) for seed in SEEDS])


def test_the_server_and_its_models_tell_what_they_are(channel: Any) -> None:
    assert call(channel, "ServerLive", {}).live
    assert call(channel, "ServerReady", {}).ready
    assert call(channel, "ServerMetadata", {}).version == gantools.__version__
    assert call(channel, "ModelReady", {"name": "images"}).ready
    told = call(channel, "ModelMetadata", {"name": "classes", "version": "1"})
    assert [(one.name, one.datatype, [*one.shape]) for one in told.inputs] == [
        ("latent", "FP32", [-1, 16]),
        ("label", "INT64", [-1]),
        ("truncation", "FP32", [-1]),
        ("seed", "UINT64", [-1]),
    ]
    listed = call(channel, "RepositoryIndex", {})
    assert [one.name for one in listed.models] == ["images", "classes", "enlarger", "texts"]
    refused(channel, {"name": "nothing"}, "NOT_FOUND", "'nothing'", method="ModelMetadata")
    refused(channel, {"name": "images", "version": "2"}, "NOT_FOUND", "version 1", method="ModelReady")


@pytest.mark.parametrize("raw", [True, False])
def test_a_seed_is_the_sample_that_the_library_draws(channel: Any, served: dict[str, Path], raw: bool) -> None:
    answer = call(channel, "ModelInfer", infer_request("images", {"seed": SEEDS}, raw=raw))
    assert (answer.id, answer.model_name, answer.outputs[0].name) == ("42", "images", "image")
    made = np.frombuffer(answer.raw_output_contents[0], np.uint8).reshape(answer.outputs[0].shape)
    np.testing.assert_array_equal(made, samples(served["images"]))


def test_what_does_not_fit_is_refused_in_the_words_of_grpc(channel: Any) -> None:
    refused(channel, infer_request("images", {"latent": np.zeros((1, 15), np.float32)}), "INVALID_ARGUMENT", "(1, 15)")
    refused(channel, infer_request("images", {}), "INVALID_ARGUMENT", "'seed'")
    refused(channel, infer_request("nothing", {}), "NOT_FOUND", "'nothing'")
    twice = infer_request("images", {"seed": SEEDS})
    twice.inputs.add(name="seed", datatype="UINT64", shape=[3])
    refused(channel, twice, "INVALID_ARGUMENT", "2 inputs have 1 raw contents")
    twice.raw_input_contents.append(SEEDS.tobytes())
    refused(channel, twice, "INVALID_ARGUMENT", "given twice")
    half = infer_request("images", {}, raw=False)
    half.inputs.add(name="latent", datatype="FP16", shape=[1, 16])
    refused(channel, half, "INVALID_ARGUMENT", "raw contents alone")
    other = infer_request("images", {"seed": SEEDS})
    other.outputs.add(name="other")
    refused(channel, other, "INVALID_ARGUMENT", "'other'", "image")
    sequence = infer_request("images", {"seed": SEEDS})
    sequence.parameters["sequence_id"].int64_param = 5
    refused(channel, sequence, "INVALID_ARGUMENT", "'sequence_id'")
    large = infer_request("images", {"latent": np.zeros((8, 16_000), np.float32)})
    refused(channel, large, "RESOURCE_EXHAUSTED")


def test_a_token_is_asked_for_and_an_address_that_is_taken_is_a_sentence(served: dict[str, Path]) -> None:
    options = Options(port=0, grpc_port=0, token="open sesame")
    with hosted({"images": served["images"]}, options, threads=1) as server:
        assert server.grpc is not None
        with grpc.insecure_channel(server.grpc) as channel:
            assert call(channel, "ServerReady", {}).ready
            refused(channel, infer_request("images", {"seed": SEEDS}), "UNAUTHENTICATED", "token")
            friend = (("authorization", "Bearer open sesame"),)
            answer = call(channel, "ModelInfer", infer_request("images", {"seed": SEEDS}), metadata=friend)
            assert answer.parameters["gantools.name"].string_param == "zoo-resize"
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(BackendError, match=r"for gRPC\."),
        hosted({"images": served["images"]}, Options(port=0, grpc_port=taken.getsockname()[1]), threads=1),
    ):
        raise AssertionError("it must not begin")


def test_the_client_of_triton_works_unchanged(address: str, served: dict[str, Path]) -> None:
    for module in ("rapidjson", "tritonclient"):  # CONTRIBUTING says how
        pytest.importorskip(module)
    triton = importlib.import_module("tritonclient.grpc")
    with triton.InferenceServerClient(address) as stock:
        assert stock.is_server_live()
        assert stock.is_server_ready()
        assert stock.is_model_ready("images")
        assert stock.get_model_metadata("images").name == "images"
        seed = triton.InferInput("seed", [3], "UINT64")
        seed.set_data_from_numpy(SEEDS)
        result = stock.infer("images", [seed], outputs=[triton.InferRequestedOutput("image")], timeout=5_000_000)
        np.testing.assert_array_equal(result.as_numpy("image"), samples(served["images"]))
