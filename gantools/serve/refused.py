"""A request that gets no result, and why."""

from __future__ import annotations

from collections.abc import Mapping


class RefusedError(Exception):
    """The answer to a request that cannot be served.

    Attributes:
        status: Of HTTP.
        message: One sentence, for ``{"error": ...}``.
        headers: Of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
