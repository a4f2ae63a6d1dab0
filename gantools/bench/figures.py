"""How numbers are written for people."""

from __future__ import annotations

import math


def digits(value: float) -> str:
    """Three significant digits, never in powers of ten: 0.0831, 1.20, 28.4, 1,043."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 2
    return f"{value:,.{max(0, decimals)}f}"
