"""A server with two replicas on a cluster: the answers of one server, whoever dies meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from gantools.runtime.session import Where
from gantools.scale import serving
from gantools.scale.cluster import joined
from gantools.scale.replica import Hosting
from gantools.scale.serving import Replicas, hosted_on
from gantools.serve import Options
from gantools.serve.run import Hosted, hosted
from tests.serve.client import Client, arrays_of

OPTIONS = Options(port=0, token="secret", max_body_bytes=20_000, timeout_s=20)
TOKEN = {"Authorization": "Bearer secret"}


@pytest.fixture(scope="module")
def many(two_workers: str, sources: dict[str, Path]) -> Iterator[Hosted]:
    with (
        joined(two_workers) as cluster,
        hosted_on(cluster, sources, OPTIONS, Replicas(2, 2), Where(threads=1)) as server,
    ):
        yield server


def test_answers_are_those_of_one_server(many: Hosted, sources: dict[str, Path]) -> None:
    latent = np.random.default_rng(3).standard_normal((3, 16)).astype(np.float32)
    paths = ["/", "/v2", "/v2/models/plain", "/sample?model=plain&seed=7", "/sample?model=classes&seed=7&label=1"]
    wrong = ["/sample", "/sample?model=none&seed=1", "/nothing", "/sample?model=plain&seed=x"]
    with hosted(sources, OPTIONS, threads=1) as server:
        one, all_of_them = Client(server.url, TOKEN), Client(many.url, TOKEN)
        for path in [*paths, *wrong]:
            ours, theirs = all_of_them.ask(path), one.ask(path)
            assert (ours.status, ours.body) == (theirs.status, theirs.body), path
            assert {**ours.headers, "date": ""} == {**theirs.headers, "date": ""}, path
            assert (ours.status == 200) == (path in paths)
        for binary in (True, False):
            ours, theirs = (client.infer("plain", {"latent": latent}, binary=binary) for client in (all_of_them, one))
            for name, array in arrays_of(theirs).items():
                np.testing.assert_array_equal(arrays_of(ours)[name], array)
        too_much = {"latent": np.zeros((8, 1000), np.float32)}
        assert all_of_them.infer("plain", too_much, binary=True).status == 413
        assert one.infer("plain", too_much, binary=True).status == 413


def test_the_door_lets_in_as_that_of_one_server_does(many: Hosted) -> None:
    assert Client(many.url).ask("/v2").status == 401
    assert Client(many.url).ask("/v2/health/ready").status == 200
    assert Client(many.url, TOKEN).ask("/v2", method="DELETE").status == 405
    assert Client(many.url, {**TOKEN, "Host": "example.org"}).ask("/v2").status == 200, "with a token"


def test_the_token_does_not_leave_this_process(sources: dict[str, Path]) -> None:
    assert Hosting.of(serving.opened(sources), Options(host="0.0.0.0", token="secret"), Where()).options.token is None


def test_figures_are_those_of_all_replicas(many: Hosted) -> None:
    client = Client(many.url, TOKEN)

    def counted() -> dict[str, float]:
        lines = [line for line in client.ask("/metrics").body.decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    before = counted()
    for seed in range(20):
        assert client.ask(f"/sample?model=plain&seed={seed}").status == 200
    after = counted()
    for name in ('requests_total{code="200",model="plain"}', 'samples_total{model="plain"}'):
        assert after[f"gantools_{name}"] - before[f"gantools_{name}"] == 20, name


def test_no_request_is_lost_when_replicas_are_killed(many: Hosted) -> None:
    """One is killed among the first requests; those that it had are asked again of the other."""
    client = Client(many.url, TOKEN)
    wanted = [client.ask(f"/sample?model=plain&seed={seed}").body for seed in range(10)]

    def ask(number: int) -> tuple[int, bool]:
        answer = client.ask(f"/sample?model=plain&seed={number % 10}")
        return answer.status, answer.body == wanted[number % 10]

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, number) for number in range(400)]
        while sum(one.done() for one in asked) < 50:
            time.sleep(0.005)
        workers = [one for one in psutil.Process().children(recursive=True) if one.name().startswith("ray::ServeRep")]
        assert len(workers) == 2
        workers[0].kill()
        assert not all(one.done() for one in asked)
        assert [one.result() for one in asked] == [(200, True)] * 400
