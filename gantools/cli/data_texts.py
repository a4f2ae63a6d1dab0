"""``gantools data inspect`` of texts: what is in a set before a vocabulary and a length are chosen for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gantools.cli.output import emit_json, show_pairs, show_table

if TYPE_CHECKING:
    from gantools.data.lines import Lines

SHOWN = 12  # rows of a table; --json has all
_BAR = 40  # characters of the longest bar
_CUT = 80  # characters of a text in a table


def inspect_texts(source: str, against: str | None, *, json: bool) -> None:
    """Look into a source of texts and show what was found.

    Raises:
        DataError: There is no such source, or no text in it.
    """
    from gantools.data.lines import read_lines
    from gantools.data.text_survey import find_text_leaks, survey_texts
    from gantools.data.texts import check_broken

    lines = read_lines(source)
    check_broken(lines, max_broken=1)
    classes, why_none = _classes(source)
    document: dict[str, Any] = {
        "source": source,
        "kind": "text",
        "lines": lines.count,
        "texts": len(lines.texts),
        "empty": lines.empty,
        "broken": lines.broken,
        **asdict(survey_texts(lines)),
        "classes": classes,
        "why_no_classes": why_none,
    }
    if against:
        test = read_lines(against)
        check_broken(test, max_broken=1)
        document["leaks"] = {"against": against, **asdict(find_text_leaks(lines, test))}
    if json:
        emit_json(document)
        return
    _show(document, lines)


def _classes(source: str) -> tuple[dict[str, int] | None, str | None]:
    """Texts in each class; or none, and why."""
    from gantools.core.errors import DataError
    from gantools.data.lines import read_lines

    try:
        labels = read_lines(source, labels=True).labels
    except DataError as err:
        return None, err.message
    counts = Counter(labels.values.tolist()) if labels else Counter[int]()
    return ({name: counts[number] for number, name in enumerate(labels.classes)} if labels else None), None


def _show(document: dict[str, Any], lines: Lines) -> None:
    words, characters, leaks = document["words"], document["characters"], document.get("leaks")
    classes = document["classes"]
    pairs = {
        "texts": f"{document['texts']} of {document['lines']} lines, {document['empty']} empty"
        + (f", {len(document['broken'])} that {lines.fault}" if document["broken"] else ""),
        "words": _described(words),
        "frequent": ", ".join(f"{word} {count}" for word, count in words["frequent"][:SHOWN]),
        "characters": _described(characters),
        "classes": ", ".join(f"{name} {count}" for name, count in list(classes.items())[:SHOWN])
        if classes
        else f"none: {document['why_no_classes']}",
        "repeated": f"{document['repeated']} are equal to an earlier one, {document['nearly_repeated']} more differ "
        "from one in case, spaces and punctuation alone",
    }
    if leaks:
        pairs["leaks"] = (
            f"{len(leaks['equal'])} equal and {len(leaks['near'])} nearly equal of {leaks['distinct']} different texts "
            f"of {leaks['against']}"
        )
    show_pairs(document["source"], pairs)
    _show_lengths("Words in a text", words["lengths"]["histogram"])
    _show_lengths("Characters in a text", characters["lengths"]["histogram"])
    _show_coverage("word", words["coverage"])
    _show_coverage("character", characters["coverage"])
    if document["broken"]:
        show_table("Broken", ["line"], [[where] for where in document["broken"][:SHOWN]])
    if document["most_repeated"]:
        rows = [[f"{count}", _short(text)] for text, count in document["most_repeated"][:SHOWN]]
        show_table("Repeated", ["times", "text"], rows)
    if leaks and (leaks["equal"] or leaks["near"]):
        rows = [["equal", _short(text)] for text in leaks["equal"]] + [
            ["near", _short(two)] for _, two in leaks["near"]
        ]
        show_table("In both sets", ["how", "text of the test set"], rows[:SHOWN])


def _described(units: dict[str, Any]) -> str:
    lengths = units["lengths"]
    return (
        f"{units['total']}, {units['distinct']} different; a text has {lengths['shortest']} to {lengths['longest']}, "
        f"half have up to {lengths['median']}, 95 % up to {lengths['most']}"
    )


def _show_lengths(title: str, histogram: list[tuple[int, int, int]]) -> None:
    most = max(count for _, _, count in histogram)
    rows = [
        [f"{low}" if low == high else f"{low}-{high}", f"{count}", "█" * round(_BAR * count / most)]
        for low, high, count in histogram
    ]
    show_table(title, ["length", "texts", ""], rows)


def _show_coverage(kind: str, coverage: list[dict[str, Any]]) -> None:
    rows = [[f"{row['vocabulary']}", f"{row['unknown']:.2%}", f"{row['texts']:.1%}"] for row in coverage]
    show_table(f"Unknown {kind}s", ["vocabulary", f"{kind}s", "texts with some"], rows)


def _short(text: str) -> str:
    return text if len(text) <= _CUT else text[: _CUT - 1] + "…"
