"""One of the servers behind a server: a worker of a cluster in which artifacts are open and requests are answered."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, final

from gantools.core.artifact import Artifact
from gantools.runtime.session import Where
from gantools.scale.here import artifact_here
from gantools.serve.app import HttpApp
from gantools.serve.counters import Counters, Run
from gantools.serve.model import Model
from gantools.serve.options import Options
from gantools.serve.repository import Repository
from gantools.serve.service import Service


@dataclass(frozen=True)
class Asked:
    """A request over HTTP that was let in, whole.

    Attributes:
        method: Such as ``GET``.
        path: Decoded, and as it came.
        query: Behind the path, as it came.
        headers: Names in lower case; without who asks and of whom, which is known by then.
        body: What came along.
    """

    method: str
    path: tuple[str, bytes]
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What comes back, with what there is to count.

    Attributes:
        status: Of HTTP.
        headers: As they go to the caller.
        body: Likewise.
        model: Which one was asked; empty where none.
        runs: That ended in this replica since the answer before.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    model: str
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Hosting:
    """What each replica has.

    Attributes:
        artifacts: Name -> where it lies on every machine, and its digest. A replica that finds another refuses.
        options: As for a server alone.
        where: Who runs graphs.
    """

    artifacts: Mapping[str, tuple[Path, str]]
    options: Options
    where: Where

    @classmethod
    def of(cls, artifacts: Mapping[str, Artifact], options: Options, where: Where) -> Hosting:
        """Of artifacts that were looked at here. The token stays here: who asks a replica has been let in."""
        options = replace(options, token=None, host="127.0.0.1")
        paths = {name: (artifact.path.resolve(), artifact.digest) for name, artifact in artifacts.items()}
        return cls(paths, options, where)


@final
class Replica:
    """Opens the artifacts, and answers as a server alone would.

    Raises:
        ArtifactError: One is not what it was where the run began.
        BackendError: A runtime refused.
    """

    def __init__(self, hosting: Hosting) -> None:
        for path, digest in hosting.artifacts.values():
            artifact_here(path, digest)
        where, self._runs = hosting.where, list[Run]()
        opened = partial(
            Model,
            options=hosting.options,
            backend=where.backend,
            device=where.device,
            threads=where.threads,
            on_run=lambda *run: self._runs.append(Run.now(*run)),
        )
        repository = Repository({name: path for name, (path, _) in hosting.artifacts.items()}, opened)
        self._app = HttpApp(Service(repository, hosting.options, Counters())).app()

    async def answer(self, asked: Asked) -> Answer:
        """Answer one request. The same request always has the same answer: it may be asked again elsewhere."""
        path, raw = asked.path
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": asked.method,
            "scheme": "http",
            "path": path,
            "raw_path": raw,
            "root_path": "",
            "query_string": asked.query,
            "headers": ((b"host", b"localhost"), *asked.headers),
            "client": None,
            "server": None,
            "state": {},
        }
        parts: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": asked.body, "more_body": False}

        async def send(part: MutableMapping[str, Any]) -> None:
            parts.append(part)

        await self._app(scope, receive, send)
        head, *rest = parts
        body = b"".join(part.get("body", b"") for part in rest)
        runs, self._runs = self._runs, []
        return Answer(head["status"], tuple(head["headers"]), body, scope["state"].get("model", ""), tuple(runs))
