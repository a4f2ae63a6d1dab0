"""A server whose requests are answered by many: Ray Serve keeps the replicas, a door like that of one server lets in.

The door stays in this process, so that what may come in, and how it ends, is as it is without a cluster. It asks a
replica, and another one where the first dies, which changes nothing: a request always has the same answer.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from gantools.core.artifact import Artifact, load_artifact
from gantools.core.errors import BackendError, GantoolsError, RecipeError
from gantools.core.events import Note, OnEvent, ignore
from gantools.core.optional import require
from gantools.runtime.session import Where
from gantools.scale.cluster import Cluster, Needs, joined, settled
from gantools.serve.options import Options
from gantools.serve.run import LIBRARIES, Hosted, answering, attend, listening

if TYPE_CHECKING:
    from gantools.scale.replica import Answer, Asked

_EXTRA = "ray-serve"
_WHY = "to serve artifacts on a cluster"
_AT_ONCE = 64  # requests in a replica: those that come together share runs of the graph
_BUSY = 8  # requests in each replica, from which on there shall be more replicas
_GROW_S, _SHRINK_S = 5.0, 120.0  # how long it has to be so
_LOOK_S = 2.0  # between two looks at whether a replica lives
_LAST_S = 5.0  # for a replica to end, after its last request


@dataclass(frozen=True)
class Replicas:
    """How many there are.

    Attributes:
        least: Always.
        most: When many requests are being answered.
    """

    least: int = 1
    most: int = 1

    @classmethod
    def parse(cls, text: str) -> Replicas:
        """Read ``"3"`` or ``"1-8"``.

        Raises:
            RecipeError: Neither of them, or the first is larger than the second.
        """
        found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text)
        least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= least <= most:
            raise RecipeError(f"--replicas takes a number such as 3, or a range such as 1-8, got '{text}'.")
        return cls(least, most)


def serve_on_cluster(
    sources: Mapping[str, Path],
    options: Options,
    address: str,
    replicas: Replicas,
    *,
    where: Where | None = None,
    on_event: OnEvent = ignore,
    on_ready: Callable[[Hosted], None] = lambda _server: None,
) -> None:
    """As ``gantools.serve.serve``, with replicas on a cluster. Main thread only.

    Args:
        sources: Name -> artifact.
        options: As there.
        address: As ``joined`` takes it.
        replicas: How many.
        where: Who runs graphs; one thread where neither this nor the artifact says otherwise.
        on_event: Told of the begin, of reloading and of the end.
        on_ready: Called with the server once requests are taken.

    Raises:
        RecipeError: gRPC was asked for, or this is no address.
        ArtifactError: An artifact is missing or damaged.
        BackendError: The cluster cannot be joined or is too small, or replicas do not start.
        MissingDependencyError: The extra ``ray-serve`` is not installed.
    """
    if options.grpc_port is not None:
        raise RecipeError("--grpc-port does not go with --ray: a cluster answers HTTP alone.", hint="leave it out")
    for library in LIBRARIES:
        require(library, extra=_EXTRA, why=_WHY)
    _library("ray.serve")
    opened(sources)  # or Ray would be started in vain
    with (
        joined(address) as cluster,
        hosted_on(cluster, sources, options, replicas, where or Where(), on_event) as server,
    ):
        # Until replicas have started Ctrl-C is what it always is, for nobody knows how long that takes.
        attend(contextlib.nullcontext(server), on_event, on_ready)


@contextlib.contextmanager
def hosted_on(
    cluster: Cluster,
    sources: Mapping[str, Path],
    options: Options,
    replicas: Replicas,
    where: Where,
    on_event: OnEvent = ignore,
) -> Iterator[Hosted]:
    """As ``serve_on_cluster``, while the block runs; at its end every request that was taken is answered.

    Yields:
        The server, which takes requests already.
    """
    from gantools.scale.front import Front

    artifacts = opened(sources)
    needs = Needs.of(*(settled(where, artifact.graph()[1]) for artifact in artifacts.values()))
    if (places := cluster.free_places(needs, replicas.least)) < replicas.least:
        raise BackendError(
            f"the cluster has room for {places} more replicas with {needs} each, and --replicas asks for at least "
            f"{replicas.least}.",
            hint="give fewer --replicas or --threads, or end what else runs there",
        )
    errors, exceptions = map(_library, ("ray.exceptions", "ray.serve.exceptions"))
    died = (errors.RayActorError, errors.NodeDiedError, errors.WorkerCrashedError, errors.OutOfMemoryError)
    with listening(options) as (listener, url):
        on_event(Note(f"starting {replicas.least} replicas ..."))
        name = f"gantools-{socket.gethostname()}-{listener.getsockname()[1]}"
        with _deployed(_Fleet(name, options, replicas, replace(where, threads=needs.cpus), needs), artifacts) as fleet:

            def reload(watch: OnEvent) -> None:
                try:
                    fleet.exchange(opened(sources), watch)
                except GantoolsError as err:
                    watch(Note(f"the replicas stay as they were. {err.message}", "warning"))

            front = Front(options, fleet.ask, exceptions.BackPressureError, died)
            with answering(front.app(), listener, options) as (end, _):
                try:
                    yield Hosted(url, None, reload, end)
                finally:
                    front.draining = True


def opened(sources: Mapping[str, Path]) -> dict[str, Artifact]:
    """Artifacts by name.

    Raises:
        ArtifactError: One is missing or damaged.
    """
    return {name: load_artifact(path) for name, path in sources.items()}


@final
class _Fleet:
    """The replicas of one server, as Ray Serve keeps them."""

    def __init__(self, name: str, options: Options, replicas: Replicas, where: Where, needs: Needs) -> None:
        self._serve = _library("ray.serve")
        self.name, self._options, self._replicas, self._where, self._needs = name, options, replicas, where, needs
        self._digests: dict[str, str] = {}
        self._handle: Any = None

    def start(self, artifacts: Mapping[str, Artifact]) -> None:
        """Start replicas, or exchange those that are there, one after the other, while the others answer.

        Raises:
            BackendError: They do not start.
        """
        from gantools.scale.replica import Hosting, Replica

        deployment = self._serve.deployment(
            Replica,
            name="replica",
            ray_actor_options={"num_cpus": self._needs.cpus, "num_gpus": self._needs.gpus},
            max_ongoing_requests=_AT_ONCE,
            max_queued_requests=self._options.queue,
            health_check_period_s=_LOOK_S,
            graceful_shutdown_timeout_s=self._options.timeout_s + _LAST_S,
            **self._count(),
        )
        application = deployment.bind(Hosting.of(artifacts, self._options, self._where))
        try:
            handle = self._serve.run(application, name=self.name, route_prefix=None)
        except RuntimeError as err:
            told = self._serve.status().applications[self.name].deployments["replica"].message
            *_, last = [line for line in (told or str(err)).splitlines() if line]
            message = re.sub(r"^[\w.]+Error: ", "", last)
            raise BackendError(f"the replicas do not start: {message}", hint="the same on every machine?") from err
        self._handle = self._handle or handle  # it leads to whatever has the name
        self._digests = _digests(artifacts)

    def ask(self, asked: Asked) -> Awaitable[Answer]:
        """Have one of them answer."""
        answer: Awaitable[Answer] = self._handle.answer.remote(asked)
        return answer

    def exchange(self, artifacts: Mapping[str, Artifact], watch: OnEvent) -> None:
        """Start again with artifacts that have changed.

        Raises:
            BackendError: The new replicas do not start.
        """
        if self._digests == _digests(artifacts):
            watch(Note("unchanged"))
            return
        self.start(artifacts)
        for name, digest in self._digests.items():
            watch(Note(f"{name}: now {digest[:12]}"))

    def end(self) -> None:
        """Let the replicas finish. What keeps them stays on a cluster that was there before; it takes no CPU."""
        if self._handle is not None:
            self._handle.shutdown()
        self._serve.delete(self.name)

    def _count(self) -> dict[str, Any]:
        least, most = self._replicas.least, self._replicas.most
        if least == most:
            return {"num_replicas": least}
        limits = {"min_replicas": least, "max_replicas": most, "target_ongoing_requests": _BUSY}
        return {"autoscaling_config": {**limits, "upscale_delay_s": _GROW_S, "downscale_delay_s": _SHRINK_S}}


@contextlib.contextmanager
def _deployed(fleet: _Fleet, artifacts: Mapping[str, Artifact]) -> Iterator[_Fleet]:
    """The fleet with its replicas, while the block runs."""
    logging.getLogger("ray.serve").setLevel(logging.CRITICAL)  # what goes wrong is told otherwise
    _library("ray.serve").start(proxy_location="Disabled")  # the door is here
    try:
        fleet.start(artifacts)
        yield fleet
    finally:
        fleet.end()


def _library(name: str) -> Any:
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):  # Ray's, of pydantic
        return require(name, extra=_EXTRA, why=_WHY)


def _digests(artifacts: Mapping[str, Artifact]) -> dict[str, str]:
    return {name: artifact.digest for name, artifact in artifacts.items()}
