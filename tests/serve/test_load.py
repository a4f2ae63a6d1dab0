"""Requests at once, requests too many, requests too late, artifacts that change, and the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import grpc
import numpy as np
import pytest

import gantools
from gantools.core.events import Note
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session
from gantools.serve.options import Options
from gantools.serve.run import _Turns, hosted, listening
from tests.serve.client import Answer, Client, arrays_of
from tests.serve.rpc_client import call, infer_request
from tests.zoo import make_artifact

SEEDS = range(6)


class Gate:
    """Holds every run of every session until it is opened, and keeps how many samples each had."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open, self.reached, self.counts = threading.Event(), threading.Event(), list[int]()
        run = Session.run

        def gated(session: Session, inputs: Arrays) -> Arrays:
            self.reached.set()
            assert self.open.wait(20)
            self.counts.append(len(next(iter(inputs.values()))))
            return run(session, inputs)

        monkeypatch.setattr(Session, "run", gated)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def drawn(client: Client, seed: int, **parameters: int) -> Answer:
    return client.infer("images", {"seed": np.array([seed])}, binary=True, **parameters)


def until_waiting(client: Client, count: int) -> None:
    """Until so many requests wait for the model."""
    line = f'gantools_waiting_requests{{model="images"}} {float(count)}'
    for _ in range(500):
        if line in client.ask("/metrics").body.decode():
            return
        time.sleep(0.01)
    raise AssertionError(line)


def test_servers_that_overlap_leave_the_interval_between_threads_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to = [0.005]  # of this test alone: another server of the process may be running
    monkeypatch.setattr(sys, "getswitchinterval", lambda: set_to[-1])
    monkeypatch.setattr(sys, "setswitchinterval", set_to.append)
    turns, first, second = _Turns(), ExitStack(), ExitStack()
    first.enter_context(turns)
    assert set_to[-1] < 1e-4
    second.enter_context(turns)
    first.close()
    assert set_to[-1] < 1e-4
    second.close()
    assert set_to[-1] == 0.005


def test_while_a_server_runs_threads_take_turns_more_often(served: dict[str, Path]) -> None:
    with hosted({"images": served["images"]}, Options(port=0), threads=1):
        assert sys.getswitchinterval() < 1e-4


def test_requests_that_come_at_once_share_a_run_and_a_seed_does_not_notice(
    served: dict[str, Path], gate: Gate, pool: ThreadPoolExecutor
) -> None:
    with hosted({"images": served["images"]}, Options(port=0), threads=1) as server:
        client = Client(server.url)
        first = pool.submit(drawn, client, 0)
        assert gate.reached.wait(10)
        others = [pool.submit(drawn, client, seed) for seed in SEEDS[1:]]
        until_waiting(client, 5)
        gate.open.set()
        made = [arrays_of(one.result(20))["image"] for one in [first, *others]]
        assert gate.counts == [1, 5]
        metrics = client.ask("/metrics").body.decode()
    assert 'gantools_run_requests_sum{model="images"} 6.0' in metrics
    with gantools.open_artifact(served["images"], threads=1) as generator:
        np.testing.assert_array_equal(np.concatenate(made), generator.sample(SEEDS))


def test_a_full_queue_is_429_and_the_time_that_is_over_504(
    served: dict[str, Path], gate: Gate, pool: ThreadPoolExecutor
) -> None:
    with hosted({"images": served["images"]}, Options(port=0, queue=1), threads=1) as server:
        client = Client(server.url)
        first = pool.submit(drawn, client, 0)
        assert gate.reached.wait(10)
        late = drawn(client, 1, timeout=50_000)
        assert (late.status, late.json()) == (504, {"error": "'images' did not come to it in time."})
        full = drawn(client, 2)
        assert (full.status, full.headers["retry-after"]) == (429, "1")
        nonsense = client.ask("/v2/models/images/infer", b"not even JSON")
        assert nonsense.status == 429, "nothing of it was read"
        assert "1 requests wait" in full.json()["error"]
        gate.open.set()
        assert first.result(20).status == 200
        assert drawn(client, 2).status == 200
    assert gate.counts == [1, 1], "nobody computed the one that was late"


def test_a_body_that_does_not_come_is_408(served: dict[str, Path]) -> None:
    with hosted({"images": served["images"]}, Options(port=0, timeout_s=0.1), threads=1) as server:
        address = server.url.removeprefix("http://")
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            head = f"POST /v2/models/images/infer HTTP/1.1\r\nHost: {address}\r\nContent-Length: 9\r\n\r\n{{"
            connection.sendall(head.encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_answers_are_sent_at_once() -> None:
    """Without TCP_NODELAY, which asyncio sets only where a socket says that it is TCP, a body waits for 40 ms."""

    async def option_of_a_connection() -> int:
        found: asyncio.Queue[int] = asyncio.Queue()

        async def accepted(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.put_nowait(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listening(Options(port=0)) as (listener, _):
            async with await asyncio.start_server(accepted, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                option = await asyncio.wait_for(found.get(), 10)
                writer.close()
                return option

    assert asyncio.run(option_of_a_connection()) != 0


def test_an_artifact_is_exchanged_while_requests_go_on(tmp_path: Path) -> None:
    path = make_artifact(tmp_path / "art", "resize").path
    notes: list[str] = []

    def note(event: object) -> None:
        assert isinstance(event, Note)
        notes.append(event.text)

    with hosted({"images": path}, Options(port=0), threads=1) as server:
        client = Client(server.url)
        old = arrays_of(drawn(client, 7))["image"]
        server.reload(note)
        make_artifact(path, "deconv")
        answers: list[Answer] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                answers.append(drawn(client, 7))

        thread = threading.Thread(target=ask)
        thread.start()
        server.reload(note)
        new = arrays_of(drawn(client, 7))["image"]
        stop.set()
        thread.join()
        (path / "generator.onnx").write_bytes(b"")
        server.reload(note)
        np.testing.assert_array_equal(arrays_of(drawn(client, 7))["image"], new)
    assert (old.shape[-1], new.shape[-1]) == (3, 1)
    assert answers
    for answer in answers:
        image = arrays_of(answer)["image"]
        np.testing.assert_array_equal(image, new if image.shape == new.shape else old)
    assert notes[0] == "images: unchanged"
    assert notes[1].startswith("images: now ")
    assert notes[2].startswith("images: stays as it was.")


SLOW = """
import sys, time
from gantools.runtime.session import Session
run = Session.run
def slow(session, inputs):
    time.sleep(0.2)
    return run(session, inputs)
Session.run = slow
sys.argv = ["gantools", "serve", *sys.argv[1:]]
from gantools.cli.app import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows ends programs without a word")
def test_sigterm_loses_no_request_and_ends_with_0(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    path = make_artifact(tmp_path / "images", "resize").path
    words = [sys.executable, "-c", SLOW, str(path), "--port", "0", "--json", "--max-batch", "1", "--grpc-port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        told = "".join(iter(server.stdout.readline, "}\n")) + "}"
        addresses = json.loads(told)
        client = Client(addresses["url"])
        server.send_signal(signal.SIGHUP)
        with grpc.insecure_channel(addresses["grpc"]) as channel:
            made = [pool.submit(drawn, client, seed) for seed in SEEDS[:-1]]
            last = pool.submit(call, channel, "ModelInfer", infer_request("images", {"seed": np.array(SEEDS[-1:])}))
            until_waiting(client, 5)
            server.send_signal(signal.SIGTERM)
            answers = [one.result(20) for one in made]
            assert {one.headers.get("connection") for one in answers} == {"close"}
            images = [arrays_of(one)["image"] for one in answers]
            images.append(np.frombuffer(last.result(20).raw_output_contents[0], np.uint8).reshape(images[0].shape))
        _, messages = server.communicate(timeout=20)
    assert (server.returncode, messages) == (0, "images: unchanged\nfinishing what was begun\n")
    with gantools.open_artifact(path) as generator:
        np.testing.assert_array_equal(np.concatenate(images), generator.sample(SEEDS))
    with pytest.raises(ConnectionError):
        drawn(client, 0)
