"""HTTP as uvicorn reads it by httptools, with bounds on headers, in bytes and in time, that neither of the two has."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 2**16


class BoundedHttp(HttpToolsProtocol):
    """One connection. It is closed when headers have no end, or do not come."""

    patience_s = 20.0
    _in_head = True
    _head_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn has it; the first request is waited for from now on."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn has it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """As uvicorn has it; the first byte of a request has come."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """As uvicorn has it."""
        self._in_head, self._head_bytes = False, 0
        self._stop_waiting()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """As uvicorn has it; of headers that are not whole, bytes are counted."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MOST_BYTES:
                self.send_400_response(f"The headers have more than {MOST_BYTES} bytes.")
            elif self._timer is None:
                self._wait()

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.patience_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
