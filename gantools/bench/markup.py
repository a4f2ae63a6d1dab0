"""Pieces of the page. Whatever text they are given is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

import gantools


def page(title: str, sections: Sequence[str]) -> str:
    """The whole page; sections without content are left out."""
    template = Template((files("gantools.bench") / "report.html").read_text(encoding="utf-8"))
    body = "\n".join(one for one in sections if one)
    return template.substitute(title=escape(title), version=gantools.__version__, body=body)


def section(title: str, content: str) -> str:
    """A part of the page with its heading; nothing where there is no content."""
    return f"<section><h2>{escape(title)}</h2>\n{content}</section>" if content else ""


def part(title: str, content: str) -> str:
    """The same within a section."""
    return f"<h3>{escape(title)}</h3>\n{content}" if content else ""


def pairs(known: Mapping[str, str]) -> str:
    """Labels with their values."""
    return (
        '<dl class="pairs">'
        + "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in known.items())
        + "</dl>"
    )


def commands(lines: Sequence[str]) -> str:
    """What to type."""
    return f'<pre tabindex="0">{escape(chr(10).join(lines))}</pre>' if lines else ""


def table(name: str, heads: Sequence[str], rows: Sequence[Sequence[str]], text: Sequence[str] = ()) -> str:
    """A table that scrolls sideways by itself where the page is narrow, by keyboard too.

    A row that is shorter than ``heads`` ends in a cell over the remaining columns.

    Args:
        name: What it is of, for those who do not see it.
        heads: The columns.
        rows: Their cells.
        text: Those of the columns that hold sentences.
    """
    kinds = [' class="text"' if head in text else "" for head in heads]
    head = "".join(f'<th scope="col"{kind}>{escape(cell)}</th>' for cell, kind in zip(heads, kinds, strict=True))
    lines = []
    for first, *others in rows:
        cells = [f"<td{kind}>{_cell(cell)}</td>" for cell, kind in zip(others, kinds[1:], strict=False)]
        if missing := len(kinds) - 1 - len(others):
            cells[-1] = f'<td class="text bad" colspan="{missing + 1}">{escape(others[-1])}</td>'
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{"".join(cells)}</tr>')
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return f'<div class="scroll" role="region" aria-label="{escape(name)}" tabindex="0">{body}</div>'


def _cell(text: str) -> str:
    """An interval stands below its value, so that tables stay narrow."""
    value, bracket, interval = text.partition(" [")
    if not bracket or not interval.endswith("]"):
        return escape(text)
    return f"{escape(value)} <small>[{escape(interval)}</small>"
