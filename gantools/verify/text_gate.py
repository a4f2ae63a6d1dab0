"""How much did an optimization change a generator of texts, where a runtime cannot give every token as before?

Two figures, both with an interval over texts:

    nats     how much less likely the optimized network finds known texts, nats a token more: those that the source
             writes at temperature 1, of which this is the divergence of the two networks for each token, or real ones
    tokens   the share of tokens that are others, of those that follow the same ones, with the same uniform numbers

What a text is worth hangs on ``nats``: a hundredth of a nat is one percent of perplexity. ``tokens`` says how far
texts of equal seeds stay the same, and is no loss by itself: a uniform number picks a token by where it lies in the sum
of all shares, and a sum of thousands of them moves its borders before any share is worse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import Artifact, Precision
from gantools.core.errors import RecipeError
from gantools.core.proof import QualityLoss
from gantools.core.sampler import Sampler
from gantools.core.tokens import END
from gantools.metrics.interval import CONFIDENCE, interval, split
from gantools.metrics.metric import GROUPS
from gantools.runtime.session import Session
from gantools.samplers import SAMPLERS, feedforward
from gantools.verify.parity import departures

SCORE = "score"
"""The graph that says how likely texts are."""
NATS, TOKENS = "nats", "tokens"
_MOST_NATS = 0.005
"""Half a percent of perplexity. Measured: below 0.0005 in every precision, at the upper end of the interval."""
_MOST_TOKENS: dict[Precision, float] = {"fp16": 0.05, "bf16": 0.15, "int8": 0.15}
"""Measured with 4,660 and 5,000 words: 0.045 in bf16, 0.033 to 0.080 in int8; fewer in fp16."""
_SEEDS_FROM = 3_000_000
"""Neither parity nor other gates nor people use these seeds."""
Tokens = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RealTexts:
    """Texts that are known, in the tokens of a generator.

    Attributes:
        name: For people.
        digest: Of the texts.
        tokens: (n, steps) int32, ended and filled with 0.
    """

    name: str
    digest: str
    tokens: Tokens


@dataclass(frozen=True)
class Written:
    """What one generator does.

    Attributes:
        tokens: What it writes: (n, steps).
        read: What likelihoods are of: (m, steps).
        likelihoods: Of the tokens of ``read``, in nats; 0 behind the end: (m, steps).
    """

    tokens: Tokens
    read: Tokens
    likelihoods: npt.NDArray[np.float32]


def beside(budgets: Mapping[str, float]) -> dict[str, float]:
    """The budgets that are of other figures than those two: what texts are scored by, see ``sentence_losses``."""
    return {name: most for name, most in budgets.items() if name not in (NATS, TOKENS)}


def budgets_of(precision: Precision, wanted: Mapping[str, float] = {}) -> dict[str, float]:
    """The most that may be lost of the two: as asked for, else what a precision usually costs; none in fp32.

    Raises:
        RecipeError: A budget is no number above 0.
    """
    own = {name: most for name, most in wanted.items() if name in (NATS, TOKENS)}
    for name, most in own.items():
        if not (math.isfinite(most) and most > 0):
            raise RecipeError(
                f"the loss of '{name}' may be {most:g}, which no measurement can prove.",
                hint="give a number above 0, such as --max-loss nats=0.01",
            )
    usual = {} if precision == "fp32" else {NATS: _MOST_NATS, TOKENS: _MOST_TOKENS[precision]}
    return {**usual, **own}


def is_judged(artifact: Artifact) -> bool:
    """Whether an artifact makes texts and can tell how likely they are."""
    manifest = artifact.manifest
    return manifest.modality == "text" and {SCORE, manifest.sampler.graph} <= set(manifest.graphs)


class TextGate:
    """Compares generators with a source, which writes its texts once.

    Args:
        writing: The graph that writes, of the source.
        scoring: The graph ``score`` of the source.
        sampler: How seeds become inputs.
        count: How many texts.
        real: Texts whose likelihoods are compared; none: those that the source writes.
    """

    def __init__(
        self, writing: Session, scoring: Session, sampler: Sampler, count: int, real: RealTexts | None = None
    ) -> None:
        self._sampler, self._real = sampler, real
        self._seeds = range(_SEEDS_FROM, _SEEDS_FROM + count)
        tokens = self._write(writing)
        read = tokens if real is None else real.tokens[:count]
        self._source = Written(tokens, read, self._read(scoring, read))

    def losses(self, writing: Session, scoring: Session, budgets: Mapping[str, float]) -> tuple[QualityLoss, ...]:
        """What was lost, of each figure that has a budget.

        Args:
            writing: The graph that writes, of what the source became.
            scoring: Its graph ``score``.
            budgets: Figure -> the most that may be lost.

        Raises:
            DataError: Too few texts for an interval.
        """
        known = {"confidence": CONFIDENCE, "seeds": f"{self._seeds.start}-{self._seeds.stop - 1}"}
        found = replace(self._source, tokens=self._write(writing), likelihoods=self._read(scoring, self._source.read))
        made = {NATS: self._nats, TOKENS: self._tokens}
        return tuple(
            QualityLoss.model_validate({"metric": name, "budget": most, **known, **made[name](found)})
            for name, most in budgets.items()
        )

    def _write(self, session: Session) -> Tokens:
        sample = SAMPLERS.load(self._sampler.kind)
        return np.concatenate(list(sample(session, self._sampler, self._seeds, session.spec.largest_batch, {})))

    def _read(self, session: Session, tokens: Tokens) -> npt.NDArray[np.float32]:
        """Everything but the tokens is that of the seeds, as when they were written."""
        given = {"tokens": tokens}
        seeds = self._seeds[: len(tokens)]
        parts = feedforward.sample(session, self._sampler, seeds, session.spec.largest_batch, given)
        return np.concatenate(list(parts))

    def _nats(self, final: Written) -> dict[str, Any]:
        before, after = (-one.likelihoods.sum(1, dtype=np.float64) for one in (self._source, final))
        ended = np.cumsum(final.read == END, 1)
        lengths = ((ended == 0) | ((ended == 1) & (final.read == END))).sum(1).astype(np.float64)
        told = _share(after - before, lengths) | {"samples": len(lengths)}
        if self._real is not None:
            told |= {"data": self._real.name, "data_sha256": self._real.digest, "seeds": ""}
        return told | {"source": before.sum() / lengths.sum(), "final": after.sum() / lengths.sum()}

    def _tokens(self, final: Written) -> dict[str, Any]:
        followed, differ = departures(final.tokens, self._source.tokens)
        return _share(differ.astype(np.float64), followed.astype(np.float64)) | {"samples": len(differ)}


def _share(parts: Doubles, wholes: Doubles) -> dict[str, Any]:
    """The ratio of two sums over texts, and its interval: the jackknife over groups of texts."""
    groups = split(len(parts), GROUPS)
    deleted = [(parts.sum() - parts[one].sum()) / (wholes.sum() - wholes[one].sum()) for one in groups]
    value = float(parts.sum() / wholes.sum())
    return {"loss": value, "interval": interval(value, np.array(deleted), CONFIDENCE)}


def texts_of(artifact: Artifact, name: str, digest: str, lines: Sequence[str], count: int) -> RealTexts:
    """Real texts as the tokens of a generator.

    Args:
        artifact: Of texts; it has the tokenizer.
        name: Of the source.
        digest: Of the texts.
        lines: One text each.
        count: How many to take at most.

    Raises:
        RecipeError: The generator has a latent or classes, which nobody knows of these texts.
    """
    from gantools.runtime.tokens import Tokenizer

    _, score = artifact.graph(SCORE)
    if more := [tensor.name for tensor in score.spec.inputs if tensor.name != "tokens"]:
        raise RecipeError(
            f"how likely a text is depends on its {more[0]} in this generator, which '{name}' does not tell.",
            hint="leave --data out: the generator's own texts will do",
        )
    return RealTexts(name, digest, Tokenizer(artifact.tokenizer()).encode(lines[:count], artifact.manifest.text.steps))
