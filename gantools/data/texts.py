"""Text sets: whatever texts come from, as one array of tokens and the tokenizer that made it."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError
from gantools.core.events import Note, OnEvent, ignore
from gantools.core.tokens import UNKNOWN
from gantools.data.lines import Lines, read_lines
from gantools.data.tokenizers import Kind, train_tokenizer
from gantools.runtime.tokens import Tokenizer, padded

# Part of every digest: to be raised when the same texts would become other tokens.
FORMAT = "gantools text set 1"
_NAMED = 3  # broken lines an error or a note names
_MANY_UNKNOWN = 0.05  # from here on a model learns holes


@dataclass(frozen=True)
class TextCounts:
    """What was found in a source.

    Attributes:
        lines: All that were read.
        empty: Lines without a text, left out.
        broken: Lines that are no text, left out.
        texts: What is left.
        duplicates: Texts that are equal to an earlier one. They stay.
        cut: Texts that lost tokens because they are longer than there is room for.
        longest: Tokens of the longest text before it was cut.
        unknown_share: Of all tokens before texts were cut, those that the vocabulary has not.
    """

    lines: int
    empty: int
    broken: int
    texts: int
    duplicates: int
    cut: int
    longest: int
    unknown_share: float


@dataclass(frozen=True)
class TextSet:
    """Real texts as tokens.

    Attributes:
        name: The source as the user wrote it.
        lines: The texts as they were read; n of them.
        tokens: (n, steps) int32: the tokens of each text, then 0, at least once. 2 is unknown, 1 is not there.
        tokenizer: What made the tokens, as JSON; see ``runtime/tokens.py``.
        digest: Of texts, tokenizer, steps and, where asked for, labels: equal digests mean equal sets.
        found: Counts of the whole source, also in the two sides of a split.
        labels: (n,) int64, the class of each text; none where they were not asked for.
        classes: The name of each class; empty without labels.
    """

    name: str
    lines: list[str]
    tokens: npt.NDArray[np.int32]
    tokenizer: str
    digest: str
    found: TextCounts
    labels: npt.NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()

    @property
    def rows(self) -> npt.NDArray[np.int32]:
        """The tokens."""
        return self.tokens

    def split(self, share: float) -> tuple[TextSet, TextSet]:
        """Two sets, to train on and to hold out.

        A text falls on a side by its own digest, so it always falls on the same one, whatever else is in the set; texts
        that differ in case, white space and punctuation alone fall on the same side. The vocabulary has been learned
        from both sides, unless a tokenizer was given.

        Args:
            share: Of the texts to hold out, above 0 and below 1; it is met on average.

        Raises:
            DataError: ``share`` is no such number, or all texts fall on one side.
        """
        if not 0 < share < 1:
            raise DataError(
                f"the share to hold out is {share:g}, expected a number between 0 and 1.", hint="for example 0.1"
            )
        held_out = np.array([_fraction(line) < share for line in self.lines])
        if held_out.all() or not held_out.any():
            side = "held out" if held_out.all() else "trained on"
            raise DataError(
                f"all {len(held_out)} texts of '{self.name}' would be {side} with a share of {share:g}.",
                hint="give more texts, or another share",
            )
        return self._of(~held_out), self._of(held_out)

    def _of(self, chosen: npt.NDArray[np.bool_]) -> TextSet:
        lines = [line for line, is_chosen in zip(self.lines, chosen, strict=True) if is_chosen]
        labels = None if self.labels is None else self.labels[chosen]
        digest = _digest(lines, self.tokenizer, self.tokens.shape[1], labels, self.classes)
        return replace(self, lines=lines, tokens=self.tokens[chosen], labels=labels, digest=digest)


def open_texts(
    source: str,
    *,
    kind: Kind,
    vocabulary: int,
    steps: int,
    tokenizer: str | None = None,
    labels: bool = False,
    max_broken: float = 0.01,
    on_event: OnEvent = ignore,
) -> TextSet:
    """Open texts as one array of tokens.

    Args:
        source: A file with one text a line, in UTF-8, such as ``.txt`` or ``.txt.gz``; a folder of those; a ``.jsonl``
            or ``.jsonl.gz`` whose records have a ``text``; or ``builtin:NAME``.
        kind: Of the tokenizer: ``word``, ``bpe`` or ``char``.
        vocabulary: The most tokens of the tokenizer, special ones included.
        steps: Tokens of a row, the end among them. Longer texts are cut.
        tokenizer: One that is there already, as JSON; ``kind`` and ``vocabulary`` then say nothing. None: it is
            learned from the texts.
        labels: Whether the class of each text is needed: the folder it lies in, or the ``label`` of its record.
        max_broken: Largest share of lines that may be no text.
        on_event: Who watches; told once what was left out, cut, or is unknown.

    Raises:
        DataError: There is no such source, no text in it, too many lines are broken, it has no labels, or the
            vocabulary or the steps have no room for a text.
        UnknownNameError: There is no built-in set or no kind of tokenizer of this name.
        ArtifactError: ``tokenizer`` is none.
        MissingDependencyError: The library ``tokenizers`` is not installed.
    """
    if steps < 2:
        raise DataError(
            f"texts of {steps} steps have no room for a token and the end.", hint="raise the model's steps to 2 or more"
        )
    read = read_lines(source, labels=labels)
    check_broken(read, max_broken, on_event)
    lines = read.texts
    json_text = tokenizer or train_tokenizer(lines, kind, vocabulary)
    rows = Tokenizer(json_text).rows(lines)
    lengths = [len(row) for row in rows]
    found = TextCounts(
        lines=read.count,
        empty=read.empty,
        broken=len(read.broken),
        texts=len(lines),
        duplicates=len(lines) - len(set(lines)),
        cut=sum(length >= steps for length in lengths),
        longest=max(lengths),
        unknown_share=sum(row.count(UNKNOWN) for row in rows) / max(1, sum(lengths)),
    )
    _note(source, found, steps, on_event)
    values, classes = (read.labels.values, read.labels.classes) if read.labels else (None, ())
    digest = _digest(lines, json_text, steps, values, classes)
    return TextSet(source, lines, padded(rows, steps), json_text, digest, found, values, classes)


def read_texts(source: str, *, max_broken: float = 0.01, on_event: OnEvent = ignore) -> list[str]:
    """Texts as they are, where no tokens are wanted. Arguments and errors are those of ``open_texts``."""
    read = read_lines(source)
    check_broken(read, max_broken, on_event)
    return read.texts


def check_broken(read: Lines, max_broken: float, on_event: OnEvent = ignore) -> None:
    """Say which lines are broken.

    Raises:
        DataError: They are more than ``max_broken`` of the lines that are not empty, or all of them.
    """
    if not read.broken:
        return
    total = len(read.texts) + len(read.broken)
    more = f" and {len(read.broken) - _NAMED} more" if len(read.broken) > _NAMED else ""
    sentence = (
        f"{len(read.broken)} of {total} lines in '{read.source}' {read.fault}: {', '.join(read.broken[:_NAMED])}{more}"
    )
    if not read.texts or len(read.broken) > max_broken * total:
        raise DataError(
            f"{sentence}; data.max_broken allows {max_broken:.1%}.",
            hint="repair or remove them, or raise data.max_broken",
        )
    on_event(Note(f"{sentence}; they are left out.", "warning"))


def folded(text: str) -> str:
    """A text without case, white space and punctuation: equal for texts that say the same."""
    return text.casefold().translate(_SAID) or text


class _Said(dict[int, int | None]):
    """Characters that say something, as ``str.translate`` wants them; found out when one is first met."""

    def __missing__(self, number: int) -> int | None:
        # Marks (M) stay: they are vowels in many scripts. So do symbols (S), among which are emoji.
        said = None if unicodedata.category(chr(number))[0] in "PZC" else number
        self[number] = said
        return said


_SAID = _Said()


def _fraction(text: str) -> float:
    """A number of a text, evenly spread from 0 to 1."""
    digest = hashlib.blake2b(folded(text).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _note(source: str, found: TextCounts, steps: int, on_event: OnEvent) -> None:
    if found.empty:
        on_event(Note(f"{found.empty} of {found.lines} lines in '{source}' are empty and left out."))
    if found.cut:
        on_event(
            Note(
                f"{found.cut} of {found.texts} texts in '{source}' ({found.cut / found.texts:.1%}) have more than "
                f"{steps - 1} tokens and are cut; the longest has {found.longest}.",
                "warning",
            )
        )
    if found.unknown_share:
        on_event(
            Note(
                f"{found.unknown_share:.2%} of the tokens in '{source}' are not in the vocabulary and become unknown.",
                "warning" if found.unknown_share > _MANY_UNKNOWN else "info",
            )
        )


def _digest(
    lines: list[str], tokenizer: str, steps: int, labels: npt.NDArray[np.int64] | None, classes: tuple[str, ...]
) -> str:
    whole = hashlib.sha256(f"{FORMAT}\n{steps}\n{len(classes)} {len(tokenizer)}\n".encode())
    whole.update(tokenizer.encode())
    for text in (*classes, *lines):  # none of them has a line break, but a name of a folder may
        whole.update(text.replace("\n", "\0").encode("utf-8", "surrogateescape") + b"\n")
    if labels is not None:
        whole.update(labels.astype("<i8").tobytes())
    return whole.hexdigest()
