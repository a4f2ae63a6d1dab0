"""Measure generators: interleaved latency, and a report that stands alone."""
