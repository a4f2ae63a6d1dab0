"""Level bars of several parts: each part has a pattern, so that they are told apart without colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        name: Beside it.
        parts: How long each part is, in the order of the legend.
        total: At its end; the length of all parts where it is empty.
    """

    name: str
    parts: tuple[float, ...]
    total: str = ""


def bars(
    title: str, parts: Sequence[str], shown: Sequence[Bar], text: Callable[[float], str], *, read: str = ""
) -> str:
    """A figure of bars on one scale that begins at zero.

    Args:
        title: Above it.
        parts: What the parts are, from left to right.
        shown: The bars.
        text: A length as text, with its unit.
        read: How to read it.
    """
    longest = max((sum(bar.parts) for bar in shown), default=0.0)
    if longest <= 0:
        return ""
    names = "".join(
        f'<li><span class="swatch p{i}"></span><span>{escape(one)}</span></li>' for i, one in enumerate(parts)
    )
    rows = "".join(_row(bar, parts, longest, text) for bar in shown)
    return (
        f'<figure class="chart"><h4>{escape(title)}</h4><ul class="legend">{names}</ul>{rows}'
        + (f"<figcaption>{escape(read)}</figcaption>" if read else "")
        + "</figure>"
    )


def _row(bar: Bar, parts: Sequence[str], longest: float, text: Callable[[float], str]) -> str:
    total = bar.total or text(sum(bar.parts))
    each = ", ".join(f"{name} {text(length)}" for name, length in zip(parts, bar.parts, strict=True) if length > 0)
    drawn = "".join(
        f'<span class="part p{index}" style="width:{length / longest * 100:.2f}%"></span>'
        for index, length in enumerate(bar.parts)
        if length > 0
    )
    said = escape(f"{bar.name}: {total}: {each}")
    return (
        f'<div class="strip"><span class="name">{escape(bar.name)}</span>'
        f'<div class="plot bar" role="img" aria-label="{said}">{drawn}</div>'
        f'<span class="value">{escape(total)}</span></div>'
    )
