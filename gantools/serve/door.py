"""Who may come in over HTTP, and how much they may carry: looked at before anything is computed."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import final
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request

from gantools.serve.options import Options, is_loopback
from gantools.serve.refused import RefusedError
from gantools.serve.service import check_token

_OPEN = ("/", "/v2/health/live", "/v2/health/ready")
_BODIES = 16  # of the largest size, in memory at once
_CLIENT_GONE = 499


@final
class Door:
    """What requests pass on their way in, and out again."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._held = 0  # bytes of all bodies that are kept

    def enter(self, request: Request) -> None:
        """Who may ask. Without a token, pages of other sites that renamed themselves to this machine may not.

        Raises:
            RefusedError: 401 or 403.
        """
        request.state.held = 0
        token = self._options.token
        if request.url.path not in _OPEN:
            check_token(token, request.headers.get("authorization", ""))
        if token:
            return
        host = request.headers.get("host", "")
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if not is_loopback(name):
            raise RefusedError(403, f"this server is for 127.0.0.1, and was asked for as '{host[:80]}'.")

    async def body(self, request: Request) -> bytes:
        """What came along, which counts as held until its request leaves.

        Raises:
            RefusedError: 408, 413, 415, 429 or 499.
        """
        limit = self._options.max_body_bytes
        too_large = RefusedError(413, f"a request has at most {limit} bytes.", {"Connection": "close"})
        coding = request.headers.get("content-encoding", "identity").lower()
        if coding != "identity":
            raise RefusedError(415, f"the content encoding is '{coding[:40]}', and this server unpacks nothing.")
        said = int(request.headers.get("content-length") or limit)
        if said > limit:
            raise too_large
        if self._held + said > _BODIES * limit:
            raise RefusedError(
                429, "too many bodies are being read already.", {"Retry-After": "1", "Connection": "close"}
            )
        self._held += said
        request.state.held = said
        body = bytearray()
        try:
            async with asyncio.timeout(request.state.deadline - monotonic()):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > limit:
                        raise too_large
        except TimeoutError:
            raise RefusedError(408, "the request did not arrive in time.", {"Connection": "close"}) from None
        except ClientDisconnect:
            raise RefusedError(_CLIENT_GONE, "the caller has gone.") from None
        return bytes(body)

    def leave(self, request: Request) -> None:
        """What came along is kept no longer."""
        self._held -= getattr(request.state, "held", 0)
