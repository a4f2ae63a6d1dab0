"""The door of a server that has its replicas elsewhere: who is let in is told by one of them what the answer is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gantools.scale.cluster import TRIES
from gantools.scale.replica import Answer, Asked
from gantools.serve.counters import Counters
from gantools.serve.door import Door
from gantools.serve.options import Options
from gantools.serve.refused import RefusedError

Ask = Callable[[Asked], Awaitable[Answer]]
_FOR_THE_DOOR = (b"authorization", b"host")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@final
class Front:
    """Lets requests in, asks a replica, and another one where the first dies; counts what all of them did.

    Args:
        options: As for a server alone.
        ask: Asks any replica.
        busy: What ``ask`` raises when too many requests wait.
        died: What it raises when the replica that had the request is no more.

    Attributes:
        draining: Whether no new callers are taken, and what is there is finished.
    """

    def __init__(self, options: Options, ask: Ask, busy: type[Exception], died: tuple[type[Exception], ...]) -> None:
        self._options, self._ask, self._busy, self._died = options, ask, busy, died
        self._door, self._counters = Door(options), Counters()
        self.draining = False

    def app(self) -> Starlette:
        """All of it as an ASGI application."""
        return Starlette(routes=[Route("/{path:path}", self._answered, methods=_METHODS)])

    async def _answered(self, request: Request) -> Response:
        began = monotonic()
        request.state.deadline = began + self._options.timeout_s
        model = ""
        try:
            self._door.enter(request)
            if (request.method, request.url.path) == ("GET", "/metrics"):
                response: Response = PlainTextResponse(self._counters.text(), media_type="text/plain; version=0.0.4")
            else:
                answer = await self.from_a_replica(await self._whole(request), request.state.deadline)
                model = answer.model
                response = Response(answer.body, answer.status)
                response.raw_headers = list(answer.headers)
        except RefusedError as err:
            response = JSONResponse({"error": err.message}, err.status, err.headers)
        finally:
            self._door.leave(request)
        if self.draining:  # or callers would ask again where nobody will listen
            response.headers["Connection"] = "close"
            response.status_code = 503 if request.url.path.endswith("/ready") else response.status_code
        self._counters.answered(model, response.status_code, monotonic() - began)
        return response

    async def _whole(self, request: Request) -> Asked:
        """The request with its body, if it has one."""
        carries = any(name in request.headers for name in ("content-length", "transfer-encoding"))
        body = await self._door.body(request) if carries else b""
        scope = request.scope
        path = scope["path"], scope.get("raw_path") or b""
        headers = tuple(one for one in scope["headers"] if one[0] not in _FOR_THE_DOOR)
        return Asked(request.method, path, scope["query_string"], headers, body)

    async def from_a_replica(self, asked: Asked, deadline: float) -> Answer:
        """The answer of the first replica that lives long enough.

        Args:
            asked: A request, which has the same answer wherever and however often it is asked.
            deadline: By ``time.monotonic``.

        Raises:
            RefusedError: 429, 500 or 504.
        """
        for _ in range(TRIES):
            try:
                answer = await asyncio.wait_for(self._ask(asked), deadline - monotonic())
            except TimeoutError:
                raise RefusedError(504, "no replica came to it in time.") from None
            except self._busy:
                message = f"{self._options.queue} requests wait for a replica already."
                raise RefusedError(429, message, {"Retry-After": "1"}) from None
            except self._died:
                continue
            for run in answer.runs:
                self._counters.count(run)
            return answer
        raise RefusedError(500, f"the replica died in each of {TRIES} tries.")
