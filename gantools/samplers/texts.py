"""What is particular to generators of texts: what a text shall begin with, and tokens as text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gantools.core.artifact import Manifest
from gantools.core.errors import InputMismatchError
from gantools.core.spec import GraphSpec
from gantools.core.tokens import FREE
from gantools.runtime.backends.base import Arrays
from gantools.runtime.tokens import Tokenizer
from gantools.samplers.sequence import PREFIX, STEPS


def begun_with(
    manifest: Manifest,
    spec: GraphSpec,
    tokenizer: Callable[[], Tokenizer],
    count: int,
    prefix: str | None,
    steps: int | None,
) -> Arrays:
    """The input that says what texts begin with, and how long they may become.

    Args:
        manifest: Of the artifact.
        spec: Of the graph.
        tokenizer: Opens what knows the tokens; asked only where it is needed.
        count: Number of texts.
        prefix: What all of them begin with; none: nothing.
        steps: The most tokens; none: as many as the graph allows.

    Returns:
        ``prefix`` (count, steps) int32, or nothing where nothing was asked for.

    Raises:
        InputMismatchError: The artifact makes no texts, or they may not be so long, or the prefix does not fit in.
    """
    if prefix is None and steps is None:
        return {}
    if manifest.modality != "text":
        raise InputMismatchError(
            f"'{manifest.name}' makes {manifest.modality}s: a prefix and steps are for texts.",
            hint="leave them out",
        )
    limits = spec.axes[STEPS]
    steps = steps or limits.max
    if not limits.min <= steps <= limits.max:
        raise InputMismatchError(
            f"texts of {steps} tokens were asked for, and this graph makes {limits.min} to {limits.max}.",
            hint="leave out steps for as many as there can be",
        )
    tokens = tokenizer().prefix(prefix or "")
    if len(tokens) >= steps:
        raise InputMismatchError(
            f"the prefix has {len(tokens)} tokens, and a text at most {steps}.",
            hint="give a shorter prefix, or more steps",
        )
    given = np.full((count, steps), FREE, np.int32)
    given[:, : len(tokens)] = tokens
    return {PREFIX: given}
