"""Artifacts over HTTP, by the Open Inference Protocol and by seed; free of torch."""

from __future__ import annotations

from gantools.serve.options import Options, named_sources
from gantools.serve.run import serve

__all__ = ["Options", "named_sources", "serve"]
