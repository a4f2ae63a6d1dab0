"""What is the same whoever asks, by HTTP or by gRPC: who may, of which model, in what time, and what is counted."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from functools import partial
from math import ceil
from time import monotonic
from typing import final

from gantools.core.errors import GantoolsError, InputMismatchError, UnknownNameError
from gantools.runtime.backends.base import Arrays
from gantools.serve.batcher import FullError, LateError, RetiredError
from gantools.serve.counters import Counters
from gantools.serve.model import VERSION, Draw, Model
from gantools.serve.options import Options
from gantools.serve.refused import RefusedError
from gantools.serve.repository import Repository


@final
class Service:
    """The models and what guards them.

    Attributes:
        repository: The models.
        options: What whoever started the server chose.
        counters: What is counted.
        draining: Whether the server takes no new callers and finishes what it has.
    """

    def __init__(self, repository: Repository, options: Options, counters: Counters) -> None:
        self.repository, self.options, self.counters = repository, options, counters
        self.draining = False
        for model in repository:
            counters.watch(model.name, partial(self._waiting, model.name))

    def admit(self, sent: str) -> None:
        """Look at the token.

        Args:
            sent: What the caller sends as ``Authorization``.

        Raises:
            RefusedError: 401: there is a token, and this is another.
        """
        check_token(self.options.token, sent)

    def named(self, name: str, version: str = VERSION) -> Model:
        """The model that is called so, as it is now.

        Raises:
            RefusedError: 404.
        """
        found = self.repository.get(name)
        if version != VERSION:
            raise RefusedError(404, f"'{found.name}' has the version {VERSION} alone.")
        return found

    def check_room(self, model: Model) -> None:
        """Refuse before anything of a request is read, where its model has no room: what is refused costs little.

        Raises:
            RefusedError: 429.
        """
        if model.waiting >= self.options.queue:
            raise self._full(model.name)

    async def made(self, name: str, deadline: float, draw: Callable[[Model], Draw]) -> tuple[Model, Arrays]:
        """What a model makes of a request, in turn and in time.

        Args:
            name: Of the model.
            deadline: By ``time.monotonic``.
            draw: What is asked of the model, which may be another one by then: it checks that it fits.

        Returns:
            The model that did it, and all its outputs.

        Raises:
            RefusedError: 429, 504, or 404.
            GantoolsError: The request does not fit, or the runtime failed.
        """
        while True:
            model = self.repository.get(name)
            try:
                future = model.submit(draw(model), deadline)
                break
            except RetiredError:  # exchanged in this very moment; the next look finds the new one
                await asyncio.sleep(0)
            except FullError:
                raise self._full(name) from None
        try:
            return model, await asyncio.wait_for(asyncio.wrap_future(future), deadline - monotonic())
        except (TimeoutError, LateError):
            raise RefusedError(504, f"'{name}' did not come to it in time.") from None

    def _full(self, name: str) -> RefusedError:
        wait = str(max(1, ceil(self.options.max_delay_ms / 1e3)))
        return RefusedError(429, f"{self.options.queue} requests wait for '{name}' already.", {"Retry-After": wait})

    def _waiting(self, name: str) -> int:
        return self.repository.get(name).waiting


def check_token(token: str | None, sent: str) -> None:
    """Look at the token that a caller sends as ``Authorization``.

    Raises:
        RefusedError: 401: there is a token, and this is another.
    """
    if token and not hmac.compare_digest(sent.encode(), f"Bearer {token}".encode()):
        raise RefusedError(401, "the token is missing or wrong.", {"WWW-Authenticate": "Bearer"})


def refusal_of(err: GantoolsError | RefusedError) -> RefusedError:
    """An error as the answer to a request: 400 where the request is at fault, 500 where this side is."""
    if isinstance(err, RefusedError):
        return err
    if isinstance(err, InputMismatchError | UnknownNameError):
        return RefusedError(400, f"{err.message} {err.hint}" if err.hint else err.message)
    return RefusedError(500, err.message)
