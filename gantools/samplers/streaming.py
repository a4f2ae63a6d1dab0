"""One text as it comes into being: the graph ``step`` gives a token a call, and its state goes into the next call.

The tokens are those that the graph with the whole loop gives for the same seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gantools.core.artifact import Artifact
from gantools.core.errors import ArtifactError
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.core.tokens import BEGIN, FREE
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session, Where
from gantools.runtime.tokens import Tokenizer
from gantools.samplers.feedforward import inputs_of
from gantools.samplers.sequence import PREFIX, STEPS

STEP, START = "step", "begin"
"""Graphs of an artifact that makes texts: a token, and the state before the first one where it is not zero."""
TOKEN, UNIFORMS = "token", "uniforms"
_HALF = "\ufffd"  # what stands for bytes that are no character yet: it is told when it is whole


def pieces(
    artifact: Artifact,
    where: Where,
    spec: GraphSpec,
    seed: int,
    chosen: Mapping[str, np.ndarray],
) -> Iterator[str]:
    """Draw one text, and tell each piece of it as soon as it is known.

    Args:
        artifact: Of texts.
        where: Who runs it.
        spec: Of the graph that makes whole texts: what it draws is what is used here.
        seed: Of the text.
        chosen: Inputs of that graph instead of what would be drawn, with one row.

    Yields:
        What has come to the text; joined they are the whole one. What the text begins with comes first.

    Raises:
        ArtifactError: It has no graph for steps.
    """
    if STEP not in artifact.manifest.graphs:
        raise ArtifactError(
            f"'{artifact.path}' has no graph '{STEP}': texts cannot be told piece by piece.", hint="export it again"
        )
    tokenizer = Tokenizer(artifact.tokenizer())
    limit = chosen[PREFIX].shape[1] if PREFIX in chosen else spec.axes[STEPS].max
    drawn = {**inputs_of(spec.inputs, artifact.manifest.sampler, [seed], {STEPS: limit}), **chosen}
    told, tokens = "", np.full((1, limit), artifact.manifest.text.end, np.int32)
    with Session.of(artifact, STEP, where) as session:
        state = _begun(artifact, session, where, drawn)
        token = np.full(1, BEGIN, np.int32)
        for place in range(limit):
            given = {TOKEN: token, UNIFORMS: np.ascontiguousarray(drawn[UNIFORMS][:, place]), **state}
            given |= {one.name: drawn[one.name] for one in session.spec.inputs if one.name not in given}
            outputs = session.run(given)
            state |= {one.name: outputs[one.state_of] for one in _state_of(session) if one.state_of}
            forced = drawn[PREFIX][:, place]
            token = np.where(forced == FREE, outputs[session.spec.outputs[0].name], forced).astype(np.int32)
            if token[0] == artifact.manifest.text.end:
                break
            tokens[:, place] = token
            text = tokenizer.decode(tokens)[0].rstrip(_HALF)
            if len(text) > len(told):
                yield text[len(told) :]
                told = text
    if rest := tokenizer.decode(tokens)[0][len(told) :]:
        yield rest


def _state_of(session: Session) -> list[TensorSpec]:
    """The inputs that are fed by the step before, but for the token, which may be forced."""
    return [one for one in session.spec.inputs if one.state_of and one.name != TOKEN]


def _begun(artifact: Artifact, session: Session, where: Where, drawn: Arrays) -> Arrays:
    """The state before the first token."""
    if START not in artifact.manifest.graphs:
        return {one.name: np.zeros(one.concrete({"batch": 1}), one.dtype) for one in _state_of(session)}
    with Session.of(artifact, START, where) as begin:
        return begin.run({one.name: drawn[one.name] for one in begin.spec.inputs})
