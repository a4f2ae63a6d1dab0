"""The door of a server whose replicas do what they are told."""

from __future__ import annotations

import asyncio
import time

import pytest

from gantools.scale.front import Front
from gantools.scale.replica import Answer, Asked
from gantools.serve import Options
from gantools.serve.refused import RefusedError

ASKED = Asked("GET", ("/", b"/"), b"", (), b"")


class BusyError(Exception):
    """Too many wait."""


class DiedError(Exception):
    """A replica is no more."""


def front(*outcomes: Answer | Exception, slow: bool = False) -> Front:
    """One whose replicas do what they are told, each time the next."""
    left = iter(outcomes)

    async def ask(_: Asked) -> Answer:
        if slow:
            await asyncio.sleep(5)
        outcome = next(left)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return Front(Options(port=0, queue=7), ask, BusyError, (DiedError,))


def refusal(asking: Front) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        asyncio.run(asking.from_a_replica(ASKED, time.monotonic() + 0.2))
    return caught.value


def test_what_no_replica_answers_is_refused_in_words() -> None:
    answer = Answer(200, (), b"", "", ())
    dying = front(DiedError(), DiedError(), DiedError(), answer)
    assert asyncio.run(dying.from_a_replica(ASKED, time.monotonic() + 1)) == answer
    for asking, status, message in (
        (front(*[DiedError()] * 4, answer), 500, "the replica died in each of 4 tries."),
        (front(BusyError()), 429, "7 requests wait for a replica already."),
        (front(answer, slow=True), 504, "no replica came to it in time."),
    ):
        found = refusal(asking)
        assert (found.status, found.message) == (status, message)
