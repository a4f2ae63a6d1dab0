"""Replicas that start, do not start, are exchanged and end, and what is refused before."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gantools.cli.serve import command
from gantools.core.errors import ArtifactError, BackendError, MissingDependencyError, RecipeError
from gantools.runtime.session import Where
from gantools.scale import cluster, serving
from gantools.scale.cluster import Needs, joined
from gantools.scale.serving import Replicas, hosted_on
from gantools.serve import Options
from tests.serve.client import Client
from tests.zoo import make_artifact


def test_the_command_exchanges_artifacts_at_sighup_and_finishes_what_was_begun(address: str, tmp_path: Path) -> None:
    art = make_artifact(tmp_path / "art").path
    line = [str(Path(sys.executable).parent / "gantools"), "serve", str(art), "--port", "0", "--json", "--ray", address]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stderr.readline() == "starting 1 replicas ...\n"
        told = ""
        while not told.endswith("\n}\n"):
            told += running.stdout.readline()
        client = Client(json.loads(told)["url"])

        def reloaded() -> str:
            assert running.stderr is not None
            running.send_signal(signal.SIGHUP)
            return running.stderr.readline().strip()

        before = client.ask("/sample?seed=1").headers["x-gantools-artifact"]
        assert reloaded() == "unchanged"
        art.rename(tmp_path / "aside")
        assert reloaded().startswith("the replicas stay as they were. ")
        assert client.ask("/sample?seed=1").headers["x-gantools-artifact"] == before
        after = make_artifact(art, "resize").digest
        assert reloaded() == f"art: now {after[:12]}"
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(client.ask, f"/sample?seed={seed}") for seed in range(4)]
            assert {one.result().headers["x-gantools-artifact"] for one in asked} == {after}
        running.send_signal(signal.SIGTERM)
        _, messages = running.communicate(timeout=30)
    assert running.returncode == 0, messages
    assert messages == "finishing what was begun\n"


def test_a_cluster_without_room_for_the_least_number_of_replicas_is_refused(
    two_workers: str, sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_ANSWER_S", 0.0)
    message = "room for 2 more replicas with 1 CPU each, and --replicas asks for at least 3"
    with (
        joined(two_workers) as found,
        pytest.raises(BackendError, match=message),
        hosted_on(found, sources, Options(port=0), Replicas(3, 8), Where()),
    ):
        pass


def test_replicas_that_do_not_start_are_a_sentence(sources: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ray Serve tells it, after it has tried three times."""
    told = "The deployment failed to start 3 times in a row. Error:\n  File ...\na.b.ArtifactError: 'art' is damaged.\n"
    ended: list[str] = []

    class FakeServe:
        def start(self, proxy_location: str) -> None:
            assert proxy_location == "Disabled"

        def deployment(self, kind: type, **_: object) -> Any:
            return SimpleNamespace(bind=lambda hosting: (kind, hosting))

        def run(self, _application: object, *, name: str, route_prefix: None) -> None:
            raise RuntimeError(f"Deploying application {name} failed.")

        def status(self) -> Any:
            replica = SimpleNamespace(message=told)
            return SimpleNamespace(applications=defaultdict(lambda: SimpleNamespace(deployments={"replica": replica})))

        def delete(self, name: str) -> None:
            ended.append(name)

    fake = FakeServe()
    monkeypatch.setattr(serving, "_library", lambda _name: fake)
    fleet = serving._Fleet("name", Options(port=0), Replicas(1, 4), Where(), Needs())
    with (
        pytest.raises(BackendError, match=r"^the replicas do not start: 'art' is damaged\.$"),
        serving._deployed(fleet, serving.opened(sources)),
    ):
        pass
    assert ended == ["name"]


@pytest.mark.parametrize(("text", "least", "most"), [("1", 1, 1), ("3", 3, 3), ("1-8", 1, 8)])
def test_replicas_are_a_number_or_a_range(text: str, least: int, most: int) -> None:
    assert Replicas.parse(text) == Replicas(least, most)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"replicas": "2"}, "--replicas does nothing without --ray."),
        ({"ray": "local", "replicas": "0"}, "--replicas takes a number such as 3, or a range such as 1-8, got '0'."),
        (
            {"ray": "local", "replicas": "4-2"},
            "--replicas takes a number such as 3, or a range such as 1-8, got '4-2'.",
        ),
        ({"ray": "local", "grpc_port": 0}, "--grpc-port does not go with --ray: a cluster answers HTTP alone."),
        ({"ray": "local", "device": "cuda:1"}, "--ray gives each task a GPU of its own, got --device cuda:1."),
        ({"ray": "here"}, "--ray takes local, or HOST:PORT of a cluster, got 'here'."),
        ({"ray": "local", "host": "0.0.0.0"}, "'0.0.0.0' can be reached from other machines, and there is no token."),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(given: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        command(["art"], **given)
    assert caught.value.message == message


@pytest.mark.parametrize("library", ["ray.serve", "starlette"])
def test_a_library_that_is_missing_names_its_extra(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError) as caught:
        command(["art"], ray="local")
    assert caught.value.hint == "pip install 'gantools[ray-serve]'"


def test_an_artifact_that_is_not_there_is_told_before_ray_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "joined", None)
    with pytest.raises(ArtifactError, match="nowhere"):
        command(["nowhere"], ray="local")
