"""Text <-> tokens: a tokenizer in the JSON of the library ``tokenizers``, as artifacts and checkpoints carry it.

A row of tokens is the text, then 0, which also fills what is behind it. How text is cut into tokens, and how it is put
together again, is said in the JSON alone; tokenizers are made in ``gantools.data.tokenizers``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gantools.core.errors import ArtifactError, InputMismatchError
from gantools.core.optional import require
from gantools.core.tokens import END, UNKNOWN

SPECIAL = ("[END]", "[BEGIN]", "[UNK]")
"""What the tokens 0, 1 and 2 are called in the JSON."""

Tokens = npt.NDArray[np.int32]


class Tokenizer:
    """Cuts texts into tokens and puts tokens together again.

    Args:
        json_text: As ``Artifact.tokenizer`` and ``gantools.data.tokenizers.train_tokenizer`` give it.

    Raises:
        ArtifactError: It is no tokenizer, or its first three tokens are not those of ``SPECIAL``.
        MissingDependencyError: The library ``tokenizers`` is not installed.
    """

    def __init__(self, json_text: str) -> None:
        library = require("tokenizers", extra="text", why="to read and write text")
        try:
            self._tokenizer: Any = library.Tokenizer.from_str(json_text)
        except Exception as err:  # the library raises nothing narrower
            raise ArtifactError(
                f"the tokenizer cannot be read: {err}.", hint="give the tokenizer.json that belongs to the model"
            ) from err
        found = [self._tokenizer.id_to_token(number) for number in range(len(SPECIAL))]
        if found != list(SPECIAL):
            raise ArtifactError(
                f"the first tokens of the tokenizer are {_listed(found)}, expected {_listed(SPECIAL)}.",
                hint="give the tokenizer.json that belongs to the model",
            )
        # A text in which "[END]" is written is text like any other.
        self._tokenizer.encode_special_tokens = True
        # Both are for sentences of other models; here the length is the caller's.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.json_text = json_text

    @property
    def size(self) -> int:
        """How many tokens there are, the three special ones among them."""
        return int(self._tokenizer.get_vocab_size())

    def rows(self, texts: Iterable[str]) -> list[list[int]]:
        """The tokens of each text, however many: without end, never 0 or 1; 2 for what is not in the vocabulary.

        Raises:
            InputMismatchError: A text is no Unicode, such as half of a surrogate pair.
        """
        texts = list(texts)
        for number, text in enumerate(texts):
            if not _is_unicode(text):
                raise InputMismatchError(
                    f"text {number} is no valid Unicode: {text[:40]!r}.", hint="decode it as UTF-8 first"
                )
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        # The vocabulary of words holds the special ones too, so a word "[END]" would be found in it.
        return [[max(number, UNKNOWN) for number in one.ids] for one in encoded]

    def encode(self, texts: Iterable[str], steps: int, *, too_long: Literal["cut", "refuse"] = "cut") -> Tokens:
        """Texts as an array.

        Args:
            texts: n of them.
            steps: Tokens of a row, the end among them: a text has room for one less.
            too_long: Texts with more tokens lose the rest, or are an error.

        Returns:
            (n, steps) int32: the tokens of each text, then zeros, at least one.

        Raises:
            InputMismatchError: A text is too long where that is refused, or is no Unicode.
        """
        rows = self.rows(texts)
        if too_long == "refuse":
            for number, row in enumerate(rows):
                if len(row) >= steps:
                    raise InputMismatchError(
                        f"text {number} has {len(row)} tokens, and there is room for {steps - 1} and an end.",
                        hint="shorten it, or train a model with more steps",
                    )
        return padded(rows, steps)

    def prefix(self, text: str) -> list[int]:
        """The tokens of the beginning of a text, without end, for a model to continue.

        Raises:
            InputMismatchError: It is no Unicode.
        """
        return self.rows([text])[0]

    def decode(self, tokens: Iterable[npt.ArrayLike]) -> list[str]:
        """Texts of rows of tokens, each up to its first 0.

        Words are joined by spaces, characters and bytes by nothing. Bytes that are no UTF-8, which only a model writes,
        become U+FFFD.

        Args:
            tokens: (n, steps), integers from 0 to below ``size``; rows may differ in length.

        Raises:
            InputMismatchError: A token is not in the vocabulary.
        """
        rows = [_until_end(np.asarray(row)) for row in tokens]
        size = self.size
        for number, row in enumerate(rows):
            if row and not (min(row) >= 0 and max(row) < size):
                wrong = next(token for token in row if not 0 <= token < size)
                raise InputMismatchError(
                    f"row {number} holds the token {wrong}, expected 0 to {size - 1}.",
                    hint="decode with the tokenizer the model was trained with",
                )
        return [str(text) for text in self._tokenizer.decode_batch(rows, skip_special_tokens=False)]

    def decode_one(self, tokens: npt.ArrayLike) -> str:
        """The text of one row, (steps,) integers. See ``decode``."""
        return self.decode([np.asarray(tokens)])[0]


def padded(rows: Sequence[Sequence[int]], steps: int) -> Tokens:
    """Rows of any length as (n, steps) int32: cut to ``steps - 1`` tokens, then zeros."""
    array = np.zeros((len(rows), steps), np.int32)
    for number, row in enumerate(rows):
        kept = row[: steps - 1]
        array[number, : len(kept)] = kept
    return array


def _until_end(row: npt.NDArray[Any]) -> list[int]:
    ends = np.flatnonzero(row == END)
    return [int(token) for token in (row[: ends[0]] if len(ends) else row)]


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _listed(names: Iterable[str | None]) -> str:
    return json.dumps(list(names))[1:-1]
