"""Plots of the report as inline SVG inside HTML: they stretch to any width, follow dark mode, and need no script.

Text stays HTML, because text inside a stretched drawing would shrink with it, and so do marks, which would lose their
shape. What differs by colour differs by the shape of its mark and the dashes of its line too. Not a plotting library.
"""

from gantools.bench.figures import digits
from gantools.bench.plots.bars import Bar, bars
from gantools.bench.plots.chart import Axis, Guide, Series, chart
from gantools.bench.plots.strips import curve_plot, latency_plot

__all__ = ["Axis", "Bar", "Guide", "Series", "bars", "chart", "curve_plot", "digits", "latency_plot"]
