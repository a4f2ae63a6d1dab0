"""From a line to its words. Which splitter was used is part of every figure's protocol, because it moves them all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from gantools.core.registry import Table

Sentence = Sequence[str]
Sentences = Sequence[Sentence]
Splitter = Callable[[str], list[str]]

SPLITTERS: Table[Splitter] = Table(
    "splitter",
    {
        "whitespace": "gantools.metrics.text.splitters:words",
        "treebank": "gantools.metrics.text.splitters:treebank",
    },
)

_APART = (
    re.compile(r"\.{2,}|--|[;@#$%&?!()\[\]{}<>\"]"),  # always words of their own
    re.compile(r"[,:](?!\d)"),  # not those of 1,000 and 10:30
    re.compile(r"(?<![.\s])\.(?=['\")\]}>\s]*$)"),  # only where the line ends: "u.s. flag" stays
    re.compile(r"(?<!\S)'(?!(?:s|m|d|ll|re|ve|t|n)\b)(?=\w)|'(?=\s|$)"),  # quotation marks, and that of a plural
)
_QUOTES = re.compile(r"``|''")
_BEFORE = re.compile(r"(?<=\w)(?='(?:s|m|d|ll|re|ve)\b)|(?<=\w)(?=n't\b)", re.IGNORECASE)
_JOINED = re.compile(r"\b(can)(not)\b|\b(gon|got|wan)(na|ta)\b", re.IGNORECASE)


def words(line: str) -> list[str]:
    """Split at white space: for text whose punctuation already stands apart, as that of most generators does."""
    return line.split()


def treebank(line: str) -> list[str]:
    """Split as the Penn Treebank does (MacIntyre's rules, 1995): punctuation and clitics are words of their own.

    ``"a dog's bed, isn't it."`` -> ``a dog 's bed , is n't it .``. A line is one sentence: a full stop is set apart at
    its end only. Text that is already split so stays as it is, but for double quotation marks: the Treebank's `` and ''
    become " as in plain text, so that both kinds of text compare.
    """
    line = _JOINED.sub(lambda found: " ".join(part for part in found.groups() if part), _QUOTES.sub('"', line))
    for pattern in _APART:
        line = pattern.sub(r" \g<0> ", line)
    return _BEFORE.sub(" ", line).split()


def split_lines(lines: Iterable[str], splitter: str) -> list[list[str]]:
    """Every line's words.

    Args:
        lines: One text each.
        splitter: Name in the table of splitters.

    Raises:
        UnknownNameError: No such splitter.
    """
    split = SPLITTERS.load(splitter)
    return [split(line) for line in lines]
