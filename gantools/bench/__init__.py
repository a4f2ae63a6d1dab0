"""Measure generators: interleaved latency, the machine it was measured on, and a report that stands alone."""
