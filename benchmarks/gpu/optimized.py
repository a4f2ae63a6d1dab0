"""Optimized image generators beside their peers on a GPU: ``benchmarks/optimize.py --device cuda``, the same options.

python benchmarks/gpu/optimized.py [--models dcgan-64] [--batches 1,16] [--record FILE]
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    importlib.import_module("optimize").main(device="cuda")
