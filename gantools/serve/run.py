"""A server from its first socket to its last answer, and the signals between."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from gantools.core.errors import BackendError
from gantools.core.events import Note, OnEvent, ignore
from gantools.core.optional import require
from gantools.serve.options import Options

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from gantools.serve.rpc import RpcServer

LIBRARIES = ("uvicorn", "httptools", "starlette", "prometheus_client")
_RELOAD = getattr(signal, "SIGHUP", None)  # Windows has none: start again
_STOP = (signal.SIGTERM, signal.SIGINT)
_LOOK_S = 0.5  # between two looks at whether the server still runs
_SWITCH_S = 5e-5
_LAST_BYTES_S = 5.0  # for callers who read slowly, after the deadline of the last request


def serve(
    sources: Mapping[str, Path],
    options: Options,
    *,
    backend: str | None = None,
    device: str | None = None,
    threads: int | None = None,
    on_event: OnEvent = ignore,
    on_ready: Callable[[Hosted], None] = lambda _server: None,
) -> None:
    """Serve artifacts until SIGTERM or SIGINT; then every request that was taken is still answered. Main thread only.

    SIGHUP opens again whatever has changed on disk, and exchanges it while requests go on. It is a signal, and nothing
    watches the files, so that a copy that is half there is never looked at.

    Args:
        sources: Name -> artifact.
        options: Choices.
        backend: A runtime other than the artifacts' own.
        device: ``cpu``, ``cuda`` or ``cuda:N``, other than the artifacts' own.
        threads: CPU threads for one run.
        on_event: Told of reloading and of the end.
        on_ready: Called with the server once requests are taken.

    Raises:
        ArtifactError: An artifact is missing or damaged.
        BackendError: A runtime refused, or the address cannot be listened on.
        MissingDependencyError: The extra ``serve``, for gRPC ``serve-grpc``, or a runtime is not installed.
    """
    attend(hosted(sources, options, backend, device, threads), on_event, on_ready)


def attend(hosting: AbstractContextManager[Hosted], on_event: OnEvent, on_ready: Callable[[Hosted], None]) -> None:
    """Have a server until SIGTERM or SIGINT, and let it open artifacts again at SIGHUP; see ``serve``."""
    with _signals() as signals, hosting as server:
        on_ready(server)
        while server.runs and (number := _next(signals)) not in _STOP:
            if number is not None:
                server.reload(on_event)
        if server.runs:
            on_event(Note("finishing what was begun"))


@dataclass(frozen=True)
class Hosted:
    """A server that runs on a thread of its own, so that artifacts are opened elsewhere without a pause there.

    Attributes:
        url: Where it is.
        grpc: Host and port where it speaks gRPC.
        reload: Opens artifacts again that have changed on disk.
        end: Done when it no longer answers.
    """

    url: str
    grpc: str | None
    reload: Callable[[OnEvent], None]
    end: Future[None]

    @property
    def runs(self) -> bool:
        """Whether it still answers."""
        return not self.end.done()


@contextlib.contextmanager
def hosted(
    sources: Mapping[str, Path],
    options: Options,
    backend: str | None = None,
    device: str | None = None,
    threads: int | None = None,
) -> Iterator[Hosted]:
    """As ``serve``, while the block runs; at its end every request that was taken is answered.

    Yields:
        The server, which takes requests already.
    """
    for library in LIBRARIES:
        require(library, extra="serve", why="to serve artifacts")
    from gantools.serve.app import HttpApp
    from gantools.serve.counters import Counters
    from gantools.serve.model import Model
    from gantools.serve.repository import Repository
    from gantools.serve.rpc import RpcServer
    from gantools.serve.service import Service

    counters = Counters()
    opened = partial(Model, options=options, backend=backend, device=device, threads=threads, on_run=counters.ran)
    with listening(options) as (listener, url), contextlib.closing(Repository(sources, opened)) as repository:
        service = Service(repository, options, counters)
        rpc = RpcServer(service) if options.grpc_port is not None else None
        with answering(HttpApp(service).app(), listener, options, rpc) as (end, grpc):
            try:
                yield Hosted(url, grpc, repository.reload, end)
            finally:
                service.draining = True


@contextlib.contextmanager
def answering(
    app: Starlette, listener: socket.socket, options: Options, rpc: RpcServer | None = None
) -> Iterator[tuple[Future[None], str | None]]:
    """Answer requests on a thread while the block runs; at its end every request that was taken is answered.

    Yields:
        What is done when nothing is answered any more, and the address of gRPC.
    """
    from uvicorn import Config, Server

    from gantools.serve.heads import BoundedHttp

    config = Config(
        app,
        http=BoundedHttp,
        lifespan="off",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        headers=[("X-Content-Type-Options", "nosniff")],  # a text is no page, whatever a model writes
        proxy_headers=False,
        timeout_keep_alive=75,  # seconds, more than clients keep: none of them meets a closed door
        timeout_graceful_shutdown=ceil(options.timeout_s + _LAST_BYTES_S),
    )
    server = Server(config)
    began: Future[str | None] = Future()

    async def answer() -> None:
        try:
            began.set_result(await rpc.start(options.host, options.grpc_port or 0) if rpc else None)
        except BaseException as err:
            began.set_exception(err)
            return
        await server.serve([listener])
        if rpc:
            await rpc.stop(options.timeout_s + _LAST_BYTES_S)

    with _turns, ThreadPoolExecutor(1, "server") as pool:
        end = pool.submit(lambda: asyncio.run(answer()))
        try:
            yield end, began.result()
        finally:
            server.should_exit = True
            end.result()


class _Turns:
    """Lets threads wait less for the interpreter: the model's next run shall not wait until many answers are written.

    The interval belongs to the process. Servers of one process may overlap in any order: the first one shortens it
    and the last one puts it back, as it was, since every setting is rounded down to a whole microsecond.
    """

    def __init__(self) -> None:
        self._lock, self._servers, self._usual = threading.Lock(), 0, 0.0

    def __enter__(self) -> None:
        with self._lock:
            if self._servers == 0:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, _SWITCH_S))
            self._servers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._servers -= 1
            if self._servers == 0:
                sys.setswitchinterval(self._usual)


_turns = _Turns()


def _next(signals: queue.SimpleQueue[int]) -> int | None:
    try:
        return signals.get(timeout=_LOOK_S)
    except queue.Empty:
        return None


@contextlib.contextmanager
def _signals() -> Iterator[queue.SimpleQueue[int]]:
    """Signals as they come, in place of what they do."""
    came: queue.SimpleQueue[int] = queue.SimpleQueue()

    def note(number: int, _frame: FrameType | None) -> None:
        came.put(number)

    wanted = [number for number in (*_STOP, _RELOAD) if number is not None]
    before: dict[int, Any] = {number: signal.signal(number, note) for number in wanted}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def listening(options: Options) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens, and the URL that leads to it.

    Raises:
        BackendError: The address is taken, or not of this machine.
    """
    host = options.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol said: asyncio sends at once (TCP_NODELAY) only where it knows that this is TCP. Else a body
    # waits behind its headers for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name != "nt":  # where the word means something else
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, options.port))
        listener.listen(2048)
    except OSError as err:
        listener.close()
        raise BackendError(
            f"cannot listen on {options.host}:{options.port}: {err.strerror or err}.",
            hint="give another --port; 0 is any that is free",
        ) from err
    with listener:
        shown = f"[{host}]" if family is socket.AF_INET6 else host
        yield listener, f"http://{shown}:{listener.getsockname()[1]}"
