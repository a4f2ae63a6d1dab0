"""What long work tells whoever watches it. Stages take ``on_event`` and never print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` units of a stage are finished. ``values`` are current figures, such as losses."""

    stage: str
    done: int
    total: int
    unit: str = "steps"
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Note:
    """One sentence worth the user's attention; ``level`` is ``"info"`` or ``"warning"``."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class Standing:
    """How several things that are tried stand by now, as a table. Each one takes the place of the one before."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Event = Progress | Note | Standing
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The watcher that watches nothing."""
