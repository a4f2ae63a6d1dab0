"""Tokenizers learned from texts: of words, of pieces of bytes, of characters. ``runtime/tokens.py`` uses them.

Each is written as the JSON of the library ``tokenizers``, so that whatever reads that format reads them. The tokens 0,
1 and 2 are special; of words and characters, the others are in order of how frequent they are. The same texts give the
same JSON.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Literal, get_args

from gantools.core.errors import DataError
from gantools.core.optional import require
from gantools.core.registry import unknown_name
from gantools.core.tokens import UNKNOWN
from gantools.runtime.tokens import SPECIAL

Kind = Literal["word", "bpe", "char"]
BYTES = 256
# Where bytes are never put together: between words, numbers and marks, as in GPT-2 (Radford et al., 2019). But here
# combining marks belong to words, as vowels do in many scripts, and no piece has more than 64 characters: the time
# for a piece grows with its square, and scripts without spaces have very long ones.
_PIECES = (
    r"'(?:s|t|re|ve|m|ll|d)| ?[\p{L}\p{M}]{1,64}| ?\p{N}{1,64}| ?[^\s\p{L}\p{M}\p{N}]{1,64}|\s{1,64}(?!\S)|\s{1,64}"
)


def train_tokenizer(lines: Sequence[str], kind: Kind, vocabulary: int) -> str:
    """Learn a tokenizer.

    Args:
        lines: Texts.
        kind: ``word``: what stands between white space, as it is; the most frequent are kept, the rest is unknown.
            ``bpe``: byte pair encoding (Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units",
            2016) of UTF-8 bytes: nothing is unknown, and every text comes back exactly. ``char``: Unicode characters in
            the composed form NFC, for scripts that write no spaces; the most frequent are kept.
        vocabulary: The most tokens, special ones included. Fewer come out where the texts have no more.

    Returns:
        The JSON.

    Raises:
        DataError: There is nothing to learn from, or the vocabulary has no room.
        UnknownNameError: There is no such kind.
    """
    if kind not in get_args(Kind):
        raise unknown_name("kind of tokenizer", kind, list(get_args(Kind)))
    least = len(SPECIAL) + (BYTES if kind == "bpe" else 1)
    if vocabulary < least:
        raise DataError(
            f"a vocabulary of {vocabulary} has no room for a '{kind}' tokenizer, which needs at least {least}.",
            hint="raise the model's vocabulary" + (", or set data.tokenizer = 'char'" if kind == "bpe" else ""),
        )
    if not any(line.strip() for line in lines):
        raise DataError("a tokenizer cannot be learned from no text.", hint="give texts that are not empty")
    library = require("tokenizers", extra="text", why="to learn a vocabulary")
    makers: dict[str, Callable[[ModuleType, Sequence[str], int], Any]] = {
        "word": _word,
        "bpe": _bpe,
        "char": _char,
    }
    return str(makers[kind](library, lines, vocabulary).to_str())


def _word(library: ModuleType, lines: Sequence[str], vocabulary: int) -> Any:
    cut = library.pre_tokenizers.WhitespaceSplit()
    # Counted by the library, because Python has more characters for white space (0x1c to 0x1f) than it.
    counting = library.Tokenizer(library.models.WordLevel({}, unk_token=SPECIAL[UNKNOWN]))
    counting.pre_tokenizer = cut
    trainer = library.trainers.WordLevelTrainer(
        vocab_size=vocabulary + len(SPECIAL), special_tokens=[], show_progress=False
    )
    counting.train_from_iterator(lines, trainer, len(lines))
    ranks = counting.get_vocab()  # the most frequent first, equally frequent ones in alphabetical order
    tokenizer = _of_whole(library, sorted(ranks, key=ranks.__getitem__), vocabulary)
    tokenizer.pre_tokenizer = cut
    return tokenizer  # without a decoder, tokens are joined by spaces


def _char(library: ModuleType, lines: Sequence[str], vocabulary: int) -> Any:
    counts = Counter[str]()
    for line in lines:
        counts.update(unicodedata.normalize("NFC", line))
    tokenizer = _of_whole(library, sorted(counts, key=lambda one: (-counts[one], one)), vocabulary)
    tokenizer.normalizer = library.normalizers.NFC()
    tokenizer.pre_tokenizer = library.pre_tokenizers.Split(library.Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = library.decoders.Fuse()
    return tokenizer


def _of_whole(library: ModuleType, by_frequency: list[str], vocabulary: int) -> Any:
    """A tokenizer whose tokens are never taken apart."""
    kept = [one for one in by_frequency if one not in SPECIAL][: vocabulary - len(SPECIAL)]
    numbers = {token: number for number, token in enumerate((*SPECIAL, *kept))}
    tokenizer = library.Tokenizer(library.models.WordLevel(numbers, unk_token=SPECIAL[UNKNOWN]))
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def _bpe(library: ModuleType, lines: Sequence[str], vocabulary: int) -> Any:
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = library.pre_tokenizers.Sequence(
        [
            library.pre_tokenizers.Split(library.Regex(_PIECES), "isolated"),
            library.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer, len(lines))
    return tokenizer
