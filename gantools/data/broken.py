"""What is said of files that cannot be read, and when there are too many of them."""

from __future__ import annotations

from collections.abc import Sequence

from gantools.core.errors import DataError
from gantools.core.events import Note, OnEvent

_NAMED = 3  # files that an error or a note names


def check_broken(
    source: str, broken: Sequence[str], total: int, max_broken: float, on_event: OnEvent, what: str
) -> None:
    """Tell of files that are left out, or refuse a source with too many of them.

    Args:
        source: As the user wrote it.
        broken: Names of the files that cannot be read.
        total: How many there are.
        max_broken: Largest share that may be broken.
        on_event: Who watches.
        what: Of what the source is: ``images``, ``files``.

    Raises:
        DataError: More are broken, or all.
    """
    if not broken:
        return
    more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    sentence = f"{len(broken)} of {total} {what} in '{source}' cannot be read: {', '.join(broken[:_NAMED])}{more}"
    if len(broken) > max_broken * total or len(broken) == total:
        raise DataError(
            f"{sentence}; data.max_broken allows {max_broken:.1%}.",
            hint="repair or remove them, or raise data.max_broken",
        )
    on_event(Note(f"{sentence}; they are left out.", "warning"))
