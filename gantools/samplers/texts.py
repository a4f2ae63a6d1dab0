"""What is particular to generators of texts: what a text shall begin with, and tokens as text."""

from __future__ import annotations

import numpy as np

from gantools.core.artifact import Artifact
from gantools.core.errors import InputMismatchError
from gantools.core.spec import GraphSpec
from gantools.core.tokens import FREE
from gantools.runtime.backends.base import Arrays
from gantools.runtime.tokens import Tokenizer
from gantools.samplers.sequence import PREFIX, STEPS


def begun_with(artifact: Artifact, spec: GraphSpec, count: int, prefix: str | None, steps: int | None) -> Arrays:
    """The input that says what texts begin with, and how long they may become.

    Args:
        artifact: It knows the tokens.
        spec: Of the graph.
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
    if artifact.manifest.modality != "text":
        raise InputMismatchError(
            f"'{artifact.manifest.name}' makes {artifact.manifest.modality}s: a prefix and steps are for texts.",
            hint="leave them out",
        )
    limits = spec.axes[STEPS]
    steps = steps or limits.max
    if not limits.min <= steps <= limits.max:
        raise InputMismatchError(
            f"texts of {steps} tokens were asked for, and this graph makes {limits.min} to {limits.max}.",
            hint="leave out steps for as many as there can be",
        )
    tokens = Tokenizer(artifact.tokenizer()).prefix(prefix or "")
    if len(tokens) >= steps:
        raise InputMismatchError(
            f"the prefix has {len(tokens)} tokens, and a text at most {steps}.",
            hint="give a shorter prefix, or more steps",
        )
    given = np.full((count, steps), FREE, np.int32)
    given[:, : len(tokens)] = tokens
    return {PREFIX: given}
