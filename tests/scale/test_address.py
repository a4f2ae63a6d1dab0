"""Where a cluster is, and what is said where there is none."""

from __future__ import annotations

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from gantools.core.errors import BackendError, MissingDependencyError, RecipeError
from gantools.scale.cluster import joined
from tests.cli.test_app import gantools


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match="'ray' is needed to run on a cluster") as caught, joined("local"):
        pass
    assert caught.value.hint == "pip install 'gantools[ray]'"


@pytest.mark.parametrize("address", ["cluster", "ray://there:10001", "there:", ":6379"])
def test_what_is_no_address_is_a_usage_error(address: str) -> None:
    with pytest.raises(RecipeError, match="--ray takes local, or HOST:PORT of a cluster"), joined(address):
        pass


def test_an_address_where_nobody_answers_is_one_sentence_within_seconds(art: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begun_at = time.monotonic()
    done = gantools("sample", art, "--seeds", "0-3", "--out", tmp_path / "out", "--ray", f"127.0.0.1:{port}", "--json")
    assert time.monotonic() - begun_at < 20
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"error: no cluster answers at '127.0.0.1:{port}': [Errno 111] Connection refused.",
        "  hint: start one with 'ray start --head'",
    ]
    assert list(tmp_path.iterdir()) == []


def test_somebody_else_who_answers_is_no_cluster() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server, ThreadPoolExecutor(1) as pool:
        server.timeout = 5
        pool.submit(server.handle_request)
        address = f"127.0.0.1:{server.server_port}"
        with pytest.raises(BackendError, match=r"something answers .* and it is no Ray cluster"), joined(address):
            pass
