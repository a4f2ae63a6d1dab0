"""Ray Core, as little of it as is needed: a cluster is joined or started here, and tasks are run to the last one."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, TypeVar

from gantools.core.artifact import GraphFile
from gantools.core.errors import BackendError, GantoolsError, RecipeError, first_line
from gantools.core.optional import require
from gantools.runtime.session import Where

T = TypeVar("T")
R = TypeVar("R")

LOCAL = "local"
TRIES = 4
"""How often a task is begun at most, when its worker dies each time."""
AT_ONCE = 1000
"""Tasks that the cluster knows of: many, so that one that grows by itself sees what waits."""
_ANSWER_S, _LOOK_S = 5.0, 0.1
_STORE_BYTES = 80 * 2**20  # little goes through Ray's store of objects: most results are files
# HTTP/2's preface with an empty SETTINGS frame (RFC 9113, 3.4). Whoever speaks gRPC answers with such a frame, type 4.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4


@dataclass(frozen=True)
class Needs:
    """What one task takes of a machine.

    Attributes:
        cpus: Threads that it computes with.
        gpus: 1 where it computes on one: Ray then shows it that one alone.
    """

    cpus: int = 1
    gpus: int = 0

    @classmethod
    def of(cls, *runners: Where) -> Needs:
        """Of a task in which these run one after the other."""
        gpu = any((where.device or "").startswith("cuda") for where in runners)
        return cls(max(where.threads or 1 for where in runners), int(gpu))

    def __str__(self) -> str:
        cpus = f"{self.cpus} CPU{'s' if self.cpus > 1 else ''}"
        return f"{cpus} and a GPU" if self.gpus else cpus


def settled(where: Where, entry: GraphFile) -> Where:
    """Who runs a graph in a task, what nobody said being as the graph has it.

    One thread where that says nothing either: a task shares its machine with others.
    """
    return replace(where, threads=where.threads or entry.threads or 1, device=where.device or entry.device)


@dataclass(frozen=True)
class Outcome(Generic[T, R]):
    """What came of a task: a result, or the reason why there is none."""

    task: T
    result: R | None = None
    error: GantoolsError | None = None


class Cluster:
    """A cluster that was joined."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def places(self, needs: Needs) -> int:
        """How many tasks run side by side, if nobody else has any."""
        return self._places(self._ray.cluster_resources(), needs)

    def free_places(self, needs: Needs, wanted: int) -> int:
        """How many are free: at once where that is enough, else in a moment, since what ended is cleared away late."""
        ends_at = time.monotonic() + _ANSWER_S
        while (found := self._places(self._ray.available_resources(), needs)) < wanted:
            if time.monotonic() > ends_at:
                break
            time.sleep(_LOOK_S)
        return found

    @staticmethod
    def _places(found: Mapping[str, float], needs: Needs) -> int:
        places = int(found.get("CPU", 0)) // needs.cpus
        return min(places, int(found.get("GPU", 0)) // needs.gpus) if needs.gpus else places

    def run(
        self, work: Callable[[T], R], tasks: Iterable[T], needs: Needs, *, at_once: int = AT_ONCE
    ) -> Iterator[Outcome[T, R]]:
        """Run ``work`` once for each task, somewhere, and again where a worker dies; yield outcomes as they come.

        Args:
            work: A function of a module that workers can import. What it does twice has to be as if done once.
            tasks: Its arguments, one for each call.
            needs: Of each call.
            at_once: Tasks that the cluster knows of: few where each carries much with it.

        Raises:
            BackendError: The cluster has no room for a single one, or workers have no gantools.
        """
        if not self.places(needs):
            raise BackendError(
                f"the cluster does not have {needs} for a task.", hint="give fewer --threads, or --device cpu"
            )
        remote = self._ray.remote(work).options(
            num_cpus=needs.cpus, num_gpus=needs.gpus, max_retries=TRIES - 1, retry_exceptions=False
        )
        waiting = iter(tasks)
        running = {remote.remote(task): task for task in islice(waiting, at_once)}
        while running:
            (finished,), _ = self._ray.wait(list(running), num_returns=1)
            task = running.pop(finished)
            running |= {remote.remote(task): task for task in islice(waiting, 1)}
            yield self._outcome(task, finished)

    def _outcome(self, task: T, finished: Any) -> Outcome[T, R]:
        errors = self._ray.exceptions
        try:
            return Outcome(task, self._ray.get(finished))
        except errors.RayTaskError as err:
            if isinstance(err.cause, GantoolsError):
                return Outcome(task, error=err.cause)
            if isinstance(err.cause, ModuleNotFoundError):
                raise _not_installed(err.cause) from err
            raise
        except (errors.WorkerCrashedError, errors.NodeDiedError, errors.OutOfMemoryError) as err:
            message = f"the worker died in each of {TRIES} tries: {first_line(err)}"
            return Outcome(task, error=BackendError(message, hint="is its memory too small? Give a smaller --batch"))
        except errors.RaySystemError as err:
            raise _not_installed(err) from err


@contextmanager
def joined(address: str) -> Iterator[Cluster]:
    """Join a cluster while the block runs; what still runs when it ends is stopped.

    Where this process has joined one before, that one is used, and stays.

    Args:
        address: ``local`` starts workers on this machine, one for each CPU. Else ``HOST:PORT`` of a cluster of which
            this machine is a node.

    Raises:
        RecipeError: This is no address.
        BackendError: Nobody answers there, or somebody else, or not to us.
        MissingDependencyError: Ray is not installed.
    """
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # or what is left of a run would start a cluster of its own
    ray = require("ray", extra="ray", why="to run on a cluster")
    if ray.is_initialized():
        yield Cluster(ray)
        return
    check_address(address)
    if address != LOCAL:
        _check_answers(address)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nobody is told
    own = {"include_dashboard": False, "object_store_memory": _STORE_BYTES} if address == LOCAL else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (Exception, SystemExit) as err:  # Ray ends the process where it waits in vain
        raise BackendError(
            f"the cluster at '{address}' cannot be joined: {first_line(err)}",
            hint="run this on one of its machines, with the same Python and the same Ray; 'ray status' shows it",
        ) from err
    try:
        yield Cluster(ray)
    finally:
        ray.shutdown()


def check_address(address: str) -> None:
    """Refuse what ``joined`` does not take; whether anybody is there, is not looked at.

    Raises:
        RecipeError: This is no address.
    """
    host, _, port = address.rpartition(":")
    if address != LOCAL and (not host or not port.isdecimal() or "/" in host):
        raise RecipeError(
            f"--ray takes {LOCAL}, or HOST:PORT of a cluster, got '{address}'.",
            hint="'ray start --head' prints the address, whose port is 6379 where none was chosen",
        )


def _check_answers(address: str) -> None:
    """Whether somebody answers who may be a cluster. Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S) as connection:
            connection.settimeout(_ANSWER_S)
            connection.sendall(_PREFACE)
            frame = connection.recv(9, socket.MSG_WAITALL)
    except (OSError, OverflowError) as err:
        raise BackendError(
            f"no cluster answers at '{address}': {first_line(err)}", hint="start one with 'ray start --head'"
        ) from err
    if frame[3:4] != bytes([_SETTINGS]) and os.environ.get("RAY_USE_TLS", "0") != "1":
        raise BackendError(
            f"something answers at '{address}', and it is no Ray cluster.",
            hint="the port is that of 'ray start --head', 6379 where none was chosen, not that of the dashboard",
        )


def _not_installed(err: BaseException) -> BackendError:
    return BackendError(
        f"a worker cannot load gantools: {first_line(err)}",
        hint="install the same gantools, and the artifact's runtime, on every machine of the cluster",
    )
