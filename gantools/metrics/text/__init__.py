"""How good generated sentences are: how near to real ones, how varied, and how much of them is copied.

A metric is one file and one row here; it gives one figure or several that are computed together, such as BLEU-2 to
BLEU-5. ``card.text_cards`` computes them all, and the metrics of features (``gantools.metrics``) beside them.
"""

from gantools.core.registry import Table, unknown_name
from gantools.metrics.text.metric import TextMetric

TEXT_METRICS: Table[TextMetric] = Table(
    "metric of words",
    {
        "bleu": "gantools.metrics.text.bleu:BLEU",
        "self-bleu": "gantools.metrics.text.self_bleu:SELF_BLEU",
        "distinct": "gantools.metrics.text.distinct:DISTINCT",
        "duplicates": "gantools.metrics.text.duplicates:DUPLICATES",
        "length": "gantools.metrics.text.length:LENGTH",
        "length-distance": "gantools.metrics.text.length:LENGTH_DISTANCE",
        "empty": "gantools.metrics.text.unknown:EMPTY",
        "unknown": "gantools.metrics.text.unknown:UNKNOWN",
        "novelty": "gantools.metrics.text.novelty:NOVELTY",
        "longest-copy": "gantools.metrics.text.overlap:LONGEST_COPY",
        "new-ngrams": "gantools.metrics.text.overlap:NEW_NGRAMS",
    },
)


def figures_of() -> dict[str, tuple[str, ...]]:
    """What each name stands for: a metric for all of its figures, and a figure for itself."""
    rows = {name: TEXT_METRICS.load(name).names for name in TEXT_METRICS}
    return rows | {figure: (figure,) for names in rows.values() for figure in names}


def metric_of(figure: str) -> TextMetric:
    """The metric that gives a figure: of ``"bleu-4"`` the row ``bleu``.

    Raises:
        UnknownNameError: None does.
    """
    rows = {name: metric for metric in map(TEXT_METRICS.load, TEXT_METRICS) for name in metric.names}
    if figure not in rows:
        raise unknown_name("figure of words", figure, list(rows))
    return rows[figure]
