"""Score generated images against real ones, and compare such scores honestly.

Every value is a ``MetricCard``: it carries its interval, how many images it was made of, the free choices of metric and
extractor, and the digests of extractor and reference data. ``compare_cards`` subtracts two of them only where that
means something; it takes those of texts (``gantools.metrics.text.card``) too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gantools.core.errors import DataError, QualityError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.proof import MetricCard
from gantools.metrics import METRICS
from gantools.metrics.features import DEFAULT, ImageExtractor, Images, Rows, load_extractor
from gantools.metrics.interval import CONFIDENCE, interval, split
from gantools.metrics.metric import Metric
from gantools.metrics.reference import LIMIT, References, reference_rows, unseen
from gantools.metrics.text import metric_of

DEFAULT_METRICS = ("kid", "fid")
HALF, OTHERS = "half of the references", "other real images"
_NO_REFERENCES = {"references": 0, "data": "", "data_sha256": ""}


def evaluate(
    images: Images,
    references: References,
    *,
    seeds: str,
    extractor: str | ImageExtractor = DEFAULT,
    metrics: Sequence[str] = DEFAULT_METRICS,
    limit: int = LIMIT,
    on_event: OnEvent = ignore,
) -> tuple[MetricCard, ...]:
    """Score generated images.

    Args:
        images: (n, height, width, channels) uint8, NHWC, 0..255; the size of the references.
        references: Real images.
        seeds: Where ``images`` come from, such as the seeds ``"0-1796"``; goes into the cards.
        extractor: Name in the table of feature extractors, or an opened one.
        metrics: Names in the table of metrics.
        limit: The most references to look at; always the same ones are chosen.
        on_event: Who watches.

    Returns:
        One card for each metric, in their order. A card's name is metric and extractor: ``"kid-digits-cnn"``.

    Raises:
        DataError: Sizes differ, or there are too few images.
        UnknownNameError: No such metric or extractor.
        MissingDependencyError: The extractor is not installed.
    """
    for name in metrics:  # before anything is computed
        METRICS[name]
    check_size(images.shape[1:], references)
    network = load_extractor(extractor, on_event=on_event) if isinstance(extractor, str) else extractor
    generated = network.rows(images, on_event=on_event)
    return evaluate_rows(
        generated, references, seeds=seeds, extractor=network, metrics=metrics, limit=limit, on_event=on_event
    )


def evaluate_rows(
    generated: Rows,
    references: References,
    *,
    seeds: str,
    extractor: ImageExtractor,
    metrics: Sequence[str] = DEFAULT_METRICS,
    limit: int = LIMIT,
    on_event: OnEvent = ignore,
) -> tuple[MetricCard, ...]:
    """As ``evaluate``, of images that were looked at already.

    Args:
        generated: What ``extractor`` says of them. That they have the size of the references, ``check_size`` says.
        references: As in ``evaluate``, and so are all others.
        seeds: As there.
        extractor: Who said it.
        metrics: As there.
        limit: As there.
        on_event: As there.
    """
    chosen = {name: METRICS.load(name) for name in metrics}
    real = Rows(*(np.zeros((0, 0), np.float32),) * 2)
    if any(metric.against_references for metric in chosen.values()):
        real = reference_rows(references, extractor, limit=limit, on_event=on_event)
    return _cards(chosen, generated, real, references, seeds, extractor, on_event)


def check_size(size: Sequence[int], references: References) -> None:
    """Refuse images of another size than the references.

    Args:
        size: Height, width and channels.
        references: Real images.

    Raises:
        DataError: Theirs is another one.
    """
    if tuple(size) != references.images.shape[1:]:
        raise DataError(
            f"generated images are {_size(size)} and those of '{references.name}' are "
            f"{_size(references.images.shape[1:])}.",
            hint="score against references of the generator's own size",
        )


def floor_cards(
    references: References,
    *,
    extractor: str | ImageExtractor = DEFAULT,
    metrics: Sequence[str] = DEFAULT_METRICS,
    limit: int = LIMIT,
    samples: int | None = None,
    on_event: OnEvent = ignore,
) -> tuple[MetricCard, ...]:
    """Score real images against real images: what a perfect generator of as many samples would get.

    Where the data holds ``samples`` images besides the references that ``evaluate`` chooses, those are scored against
    these: the floor of exactly its cards. Otherwise, and without ``samples``, one half of the references is scored
    against the other. KID's floor is about 0 either way; that of a metric that is biased by counts belongs to the
    counts on the card.
    """
    chosen = {name: METRICS.load(name) for name in metrics}
    network = load_extractor(extractor, on_event=on_event) if isinstance(extractor, str) else extractor
    real = reference_rows(references, network, limit=limit, on_event=on_event)
    others_count = _others(references, limit, samples or 0)
    if others_count:
        others = reference_rows(references, network, limit=others_count, after=limit, on_event=on_event)
        return _cards(chosen, others, real, references, OTHERS, network, on_event)
    order = np.random.default_rng(0).permutation(len(real.features))
    first, second = (Rows(*(rows[half] for rows in real)) for half in np.split(order, [len(order) // 2]))
    return _cards(chosen, first, second, references, HALF, network, on_event)


def real_images_unseen(references: References, extractor: ImageExtractor, *, limit: int, samples: int) -> int:
    """How many real images ``evaluate`` and ``floor_cards`` would have to look at that nobody has looked at before."""
    count = unseen(references, extractor, limit=limit)
    others = _others(references, limit, samples)
    return count + (unseen(references, extractor, limit=others, after=limit) if others else 0)


def _others(references: References, limit: int, samples: int) -> int:
    """``samples``, if there are so many images besides the references that ``evaluate`` chooses, else 0."""
    return samples if len(references.images) >= limit + samples else 0


def compare_cards(a: MetricCard, b: MetricCard) -> float:
    """How much larger ``b``'s value is than ``a``'s. Whether larger is better, the metric knows.

    Raises:
        QualityError: The cards differ in metric, protocol, extractor or reference data, or in a number of samples on
            which the expected value of the metric depends. All differences are named.
    """
    against_data, biased_by = _depends_on(a)
    fields = ["name", "protocol", "extractor_sha256", "preparation", *biased_by]
    if against_data:
        fields.append("data_sha256")
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


def _depends_on(card: MetricCard) -> tuple[bool, tuple[str, ...]]:
    """Whether a card's value is against data, and which counts its expected value depends on."""
    if not card.extractor:  # a figure of words
        figure = metric_of(card.name)
        return figure.against != "nothing", figure.biased_by
    metric = METRICS.load(card.name.removesuffix(f"-{card.extractor}"))
    return metric.against_references, metric.biased_by


def _cards(
    metrics: Mapping[str, Metric],
    generated: Rows,
    real: Rows,
    references: References,
    seeds: str,
    extractor: ImageExtractor,
    on_event: OnEvent,
) -> tuple[MetricCard, ...]:
    statistics: dict[object, Any] = {}  # of the references, by the function that makes them: several metrics share one
    cards = []
    for done, (name, metric) in enumerate(metrics.items()):
        on_event(Progress("score", done, len(metrics), "metrics"))
        rows = getattr(generated, metric.rows)
        groups = split(len(rows), metric.groups)
        if metric.against_references and metric.statistics not in statistics:
            statistics[metric.statistics] = metric.statistics(getattr(real, metric.rows))
        value, values = metric.leave_out(rows, groups, statistics.get(metric.statistics))
        low, high = np.clip(interval(value, values, CONFIDENCE), *metric.bounds)
        card = MetricCard(
            name=f"{name}-{extractor.name}",
            value=value,
            interval=(float(low), float(high)),
            confidence=CONFIDENCE,
            method=f"delete-a-group jackknife over samples, {metric.groups} groups, Student t",
            samples=len(rows),
            references=len(real.features),
            extractor=extractor.name,
            extractor_sha256=extractor.sha256,
            data=references.name,
            data_sha256=references.digest,
            seeds=seeds,
            protocol=metric.protocol,
            preparation=extractor.card.preparation,
        )
        cards.append(card if metric.against_references else card.model_copy(update=_NO_REFERENCES))
    return tuple(cards)


def _size(size: Sequence[int]) -> str:
    return "x".join(map(str, size))


def _short(value: object) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else f"'{text}'" if isinstance(value, str) else text
