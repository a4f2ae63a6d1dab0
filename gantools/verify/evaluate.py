"""Score generated images against real ones, and compare such scores honestly.

Every value is a ``MetricCard``: it carries its interval, how many images it was made of, and the digests of extractor
and reference data. ``compare_cards`` subtracts two of them only where that means something.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import MetricCard
from gantools.core.errors import DataError, QualityError
from gantools.metrics import METRICS
from gantools.metrics.features import Extractor, load_extractor
from gantools.metrics.interval import CONFIDENCE, GROUPS, jackknife
from gantools.metrics.metric import Features, Metric

Images = npt.NDArray[np.uint8]
METHOD = f"delete-a-group jackknife over samples, {GROUPS} groups, Student t"
_COMPARABLE = ("name", "extractor_sha256", "data_sha256")
_COUNTS = ("samples", "references")


class References(Protocol):
    """Real images: ``images`` (n, height, width, channels) uint8, their content digest, and a name for people."""

    @property
    def images(self) -> Images:
        """(n, height, width, channels) uint8."""

    @property
    def digest(self) -> str:
        """Content digest."""

    @property
    def name(self) -> str:
        """A name for people."""


def evaluate(
    images: Images,
    references: References,
    *,
    seeds: str,
    extractor: str = "digits-cnn",
    metrics: Sequence[str] = ("kid", "fid"),
) -> tuple[MetricCard, ...]:
    """Score generated images.

    Args:
        images: (n, height, width, channels) uint8, NHWC, 0..255; the size of the references.
        references: Real images.
        seeds: The seeds of ``images``, such as ``"0-1796"``; goes into the cards.
        extractor: Name in the table of feature extractors.
        metrics: Names in the table of metrics.

    Returns:
        One card for each metric, in their order. A card's name is metric and extractor: ``"kid-digits-cnn"``.

    Raises:
        DataError: Sizes differ, or there are too few images.
        UnknownNameError: No such metric or extractor.
    """
    if images.shape[1:] != references.images.shape[1:]:
        raise DataError(
            f"generated images are {_size(images)} and those of '{references.name}' are {_size(references.images)}.",
            hint="score against references of the generator's own size",
        )
    network = load_extractor(extractor)
    return _cards(network.features(images), network.features(references.images), references, seeds, network, metrics)


def floor_cards(
    references: References, *, extractor: str = "digits-cnn", metrics: Sequence[str] = ("kid", "fid")
) -> tuple[MetricCard, ...]:
    """Score one half of the real images against the other: what a perfect generator of as many samples would get.

    The halves are drawn with a fixed seed. KID's floor is about 0. FID's depends on the number of images, which here
    is half of the references on either side.
    """
    network = load_extractor(extractor)
    features = network.features(references.images)
    order = np.random.default_rng(0).permutation(len(features))
    half = len(order) // 2
    return _cards(
        features[order[:half]], features[order[half:]], references, "half of the references", network, metrics
    )


def compare_cards(a: MetricCard, b: MetricCard) -> float:
    """How much larger ``b``'s value is than ``a``'s.

    Raises:
        QualityError: The cards differ in protocol, extractor or reference data, or, where the metric is biased, in the
            number of images. All differences are named.
    """
    metric = METRICS.load(a.name.removesuffix(f"-{a.extractor}"))
    fields = _COMPARABLE if metric.unbiased else (*_COMPARABLE, *_COUNTS)
    unlike = [
        f"{field} {_short(getattr(a, field))} and {_short(getattr(b, field))}"
        for field in fields
        if getattr(a, field) != getattr(b, field)
    ]
    if unlike:
        raise QualityError(
            f"these quality cards cannot be compared: they differ in {'; '.join(unlike)}.",
            hint="score both with the same metric, extractor, reference data and number of samples",
        )
    return b.value - a.value


def _cards(
    generated: Features,
    real: Features,
    references: References,
    seeds: str,
    extractor: Extractor,
    metrics: Sequence[str],
) -> tuple[MetricCard, ...]:
    cards = []
    for name in metrics:
        value, low, high = _scored(METRICS.load(name), generated, real)
        card = MetricCard(
            name=f"{name}-{extractor.name}",
            value=value,
            interval=(low, high),
            confidence=CONFIDENCE,
            method=METHOD,
            samples=len(generated),
            references=len(real),
            extractor=extractor.name,
            extractor_sha256=extractor.sha256,
            data=references.name,
            data_sha256=references.digest,
            seeds=seeds,
        )
        cards.append(card)
    return tuple(cards)


def _scored(metric: Metric, generated: Features, real: Features) -> tuple[float, float, float]:
    """Value and interval; the reference's statistics are made once."""
    reference = metric.statistics(real)
    return jackknife(
        lambda features: metric.distance(metric.statistics(features), reference),
        generated,
        deleted=lambda features, groups: metric.deleted(features, groups, reference),
    )


def _size(images: Images) -> str:
    return "x".join(map(str, images.shape[1:]))


def _short(value: object) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else f"'{text}'" if isinstance(value, str) else text
