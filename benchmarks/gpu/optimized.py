"""``benchmarks/optimize.py --device cuda``, with the same options: optimized image generators beside their peers on a GPU.

python benchmarks/gpu/optimized.py [--models dcgan-64] [--batches 1,16] [--record FILE]
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    importlib.import_module("optimize").main(device="cuda")
