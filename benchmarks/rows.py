"""Timings as rows of a result: what the scripts that time several calls together have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from gantools.timing.measure import Timings
from gantools.timing.stats import dispersion, needed, percentile, ratio_of_medians


def summary(timing: Timings) -> dict[str, Any]:
    """A row's figures. Instead of every call, the median of every round is kept."""
    if timing.failure is not None:
        return {"status": f"failed: {timing.failure}"}
    values = np.array(timing.values_ms)
    rounds = np.median(values.reshape(-1, timing.block), axis=1)
    return {
        "status": "ok",
        "count": len(values),
        **{f"p{percent}_ms": percentile(values, percent) for percent in (50, 90, 99)},
        "spread": dispersion(values),
        "round_medians_ms": [round(float(value), 5) for value in rounds],
        "first_call_ms": timing.first_call_ms,
        "warmup_calls": timing.warmup_calls,
        "steady": timing.steady,
    }


def ratio(first: Timings, second: Timings) -> dict[str, Any] | None:
    """Median of the first over that of the second with its interval; None if either failed or has too few calls."""
    if any(each.failure or len(each.values_ms) < needed(50) for each in (first, second)):
        return None
    one, other = (np.reshape(each.values_ms, (-1, each.block)) for each in (first, second))
    return ratio_of_medians(one, other).model_dump(mode="json")
