"""Quality against diversity of generators of texts, over temperatures.

Caccia et al., "Language GANs Falling Short" (ICLR 2020): a generator that writes more carefully writes less variedly,
and temperature trades one for the other. One value of quality therefore says little; what counts is whether a generator
lies above the whole curve that a model of maximum likelihood has. Quality is BLEU against real sentences (section 4.1
there, with the sign turned), diversity is self-BLEU, of which less is more.

Both figures depend on how many sentences they are made of. So some of the real sentences stand aside: they are scored
as if they had been generated, every temperature draws as many samples as they are, and the others are the references
of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gantools.core.errors import DataError, RecipeError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.proof import MetricCard
from gantools.core.spec import Frozen
from gantools.metrics.text.card import text_cards
from gantools.samplers import Generator

TEMPERATURE = "temperature"
TEMPERATURES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5)
MOST = 2000  # samples a temperature
FEWEST = 40  # of which an interval can be made
_METRICS = ("bleu", "self-bleu")


class Point(Frozen):
    """Sentences in both figures.

    Attributes:
        cards: BLEU-2 to BLEU-5, then self-BLEU-2 to self-BLEU-5.
        temperature: At which they were drawn; None: they are real.
    """

    cards: tuple[MetricCard, ...]
    temperature: float | None = None

    def card(self, figure: str, order: int) -> MetricCard:
        """``bleu`` or ``self-bleu`` of an order from 2 to 5."""
        return next(card for card in self.cards if card.name == f"{figure}-{order}")

    def at(self, order: int) -> tuple[float, float]:
        """Self-BLEU and BLEU."""
        return self.card("self-bleu", order).value, self.card("bleu", order).value


class Curve(Frozen):
    """A generator at every temperature, in their order.

    Attributes:
        name: Of the artifact, for people.
        digest: Of the artifact.
    """

    name: str
    digest: str
    points: tuple[Point, ...]

    def point(self, temperature: float) -> Point:
        """The one at a temperature."""
        return next(one for one in self.points if one.temperature == temperature)

    def quality_at(self, diversity: float, order: int) -> float | None:
        """BLEU where self-BLEU is ``diversity``, on straight lines between the points; None beyond both ends."""
        points = sorted(one.at(order) for one in self.points)
        across, upright = zip(*points, strict=True)
        return float(np.interp(diversity, across, upright)) if across[0] <= diversity <= across[-1] else None


class Tradeoff(Frozen):
    """Curves that may be compared, and where real sentences lie.

    Attributes:
        curves: The generator's, then the baseline's, where there is one.
    """

    real: Point
    curves: tuple[Curve, ...]
    settings: dict[str, float] = {}


def tradeoff(
    generators: Mapping[str, Generator],
    references: Sequence[str],
    *,
    samples: int,
    data: str,
    temperatures: Sequence[float] = TEMPERATURES,
    settings: Mapping[str, float] | None = None,
    on_event: OnEvent = ignore,
) -> Tradeoff:
    """Draw and score at every temperature.

    Args:
        generators: Of texts; the first is the one that is judged.
        references: Real sentences that they have not seen.
        samples: At most so many for each temperature; never more than half of the references, or than 2,000.
        data: A name of the references, for people.
        temperatures: Beside 1, which is always there.
        settings: Others, for all samples of all generators.
        on_event: Who watches.

    Raises:
        DataError: There are not twice 40 references.
        RecipeError: A generator has no temperature.
        InputMismatchError: A temperature or a setting is out of its range.
    """
    count = min(samples, len(references) // 2, MOST)
    if count < FEWEST:
        raise DataError(
            f"a curve over temperatures needs {2 * FEWEST} real sentences and {FEWEST} samples or more, got "
            f"{len(references)} and {samples}.",
            hint="give more --data, or leave the curve out",
        )
    for name, generator in generators.items():
        if TEMPERATURE not in generator.artifact.manifest.sampler.settings:
            raise RecipeError(f"'{name}' has no setting '{TEMPERATURE}', so it has no curve.", hint="leave it out")
    order = np.random.default_rng(0).permutation(len(references))
    aside, rest = ([references[place] for place in sorted(part)] for part in np.split(order, [count]))
    warm = sorted({*temperatures, 1.0})
    steps, done = 1 + len(generators) * len(warm), 0

    def score(texts: Sequence[str], origin: str, temperature: float | None = None) -> Point:
        nonlocal done
        on_event(Progress("curve", done, steps, "temperatures"))
        done += 1
        cards = text_cards(texts, rest, seeds=origin, data=data, metrics=_METRICS, extractors=())
        return Point(temperature=temperature, cards=cards)

    def drawn(generator: Generator, temperature: float) -> Point:
        turned = {**(settings or {}), TEMPERATURE: temperature}
        return score(generator.sample(range(count), settings=turned), f"0-{count - 1}", temperature)

    real = score(aside, "real sentences that stand aside")
    curves = [
        Curve(name=name, digest=one.artifact.digest, points=tuple(drawn(one, heat) for heat in warm))
        for name, one in generators.items()
    ]
    on_event(Progress("curve", steps, steps, "temperatures"))
    return Tradeoff(real=real, curves=tuple(curves), settings=dict(settings or {}))


def verdict(found: Tradeoff, order: int) -> str:
    """How the judged generator at temperature 1 stands to the baseline's whole curve, in a sentence; else nothing."""
    if len(found.curves) < 2:
        return ""
    judged, baseline = found.curves
    point = judged.point(1.0)
    diversity, quality = point.at(order)
    there = baseline.quality_at(diversity, order)
    if there is None:
        return f"No temperature in the sweep gives {baseline.name} the self-BLEU-{order} of {diversity:.3f}."
    low, high = point.card("bleu", order).interval
    apart = f"it lies {'above' if low > there else 'below'} the baseline's curve"
    said = "which the samples do not tell apart" if low <= there <= high else apart
    return (
        f"At its self-BLEU-{order} of {diversity:.3f}, {judged.name} at temperature 1 has BLEU-{order} {quality:.3f} "
        f"({low:.3f} to {high:.3f}) and {baseline.name} {there:.3f}: {said}."
    )
