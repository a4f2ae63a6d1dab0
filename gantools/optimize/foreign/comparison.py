"""Does an artifact compute what the foreign file does that it was made of?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gantools.core.artifact import GraphFile
from gantools.core.atomic import sha256_file
from gantools.core.proof import Parity
from gantools.core.sampler import Sampler
from gantools.optimize.foreign.interface import Adoption, Port
from gantools.optimize.foreign.original import Original
from gantools.runtime.session import Session
from gantools.verify.parity import SEEDS_FROM, batch_sizes_of, cases_of, compare_arrays, parity_of, raise_if_far
from gantools.verify.tolerances import TOLERANCES
from gantools.verify.trials import Images, trial_inputs

_STRANGE = 0.05  # share of values outside of the range that is worth a word
_FLAT = 0.1  # of a range of 2: less than this is worth a word too


@dataclass
class Comparison:
    """Comparison of the artifact's graphs with the untouched file, in ONNX Runtime."""

    path: Path
    original: Original
    image: Port
    sampler: Sampler
    examples: Images | None
    low: float = np.inf
    high: float = -np.inf
    outside: float = 0.0

    def of(self, name: str, path: Path, entry: GraphFile) -> Parity:
        """Compare one graph at every size that parity tries.

        Raises:
            ParityError: It differs.
        """
        source = f"'{self.path.name}' {sha256_file(self.path)[:12]}"
        output = entry.spec.outputs[0]
        differences = []
        with Session(path, entry) as session:
            for number, sizes in enumerate(cases_of(entry.spec)):
                first = SEEDS_FROM + 1000 * number
                seeds = range(first, first + sizes.get("batch", 1))
                given = trial_inputs(entry.spec, self.sampler, seeds, sizes=sizes, examples=self.examples)
                expected = self._noted(self.original.run(given, self.image))
                wanted = _bytes(expected) if output.dtype == "uint8" else expected
                found = session.run(given)[output.name]
                differences.append(compare_arrays(output, found, wanted, TOLERANCES["fp32"]))
        raise_if_far(differences, name, source)
        return parity_of(differences, name, source, batch_sizes_of(entry.spec))

    def _noted(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.outside = max(self.outside, float((np.abs(values) > 1.1).mean()))
        return values

    def notes(self, options: Adoption) -> tuple[str, ...]:
        """What is strange about the values that were seen."""
        black, white = options.range_out
        low, high = ((one + 1) / 2 * (white - black) + black for one in (self.low, self.high))
        what = (
            f"'{self.image.name}' was seen to lie in {low:.3g}..{high:.3g}, "
            f"and its range is said to be {black:g}..{white:g}"
        )
        if self.outside > _STRANGE:
            return (f"{what}: {self.outside:.0%} of it is cut off; is --output-range right?",)
        if self.high - self.low < _FLAT:
            return (f"{what}: images will be nearly of one colour; is --output-range right?",)
        return ()


def _bytes(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    levels = np.rint(values.astype(np.float64) * 127.5 + 127.5).clip(0, 255)
    return levels.astype(np.uint8).transpose(0, 2, 3, 1)
