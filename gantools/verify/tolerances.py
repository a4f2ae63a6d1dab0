"""How far outputs may lie from their source's: a property of the precision, argued here and nowhere tuned to a case.

Arithmetic with p bits of significand has unit roundoff u = 2**-p: every stored value is off by at most u relatively. A
generator rounds weights and activations in each of its L layers; the errors are independent to good approximation, so
their effect on the output has a root mean square near u * sqrt(2 L / 3) times the gain of the later layers, and the
largest of a million values lies five to six times further out. With L up to 20, and a gain of two to leave room for
steep networks:

    root mean square <= 8 u,   largest <= 48 u    for outputs in [-1, 1], where tanh keeps values near or below 1

Of more than a million values, one in each million may lie further out, by up to twice as much.

So fp16 (p = 11) may be off by 0.023 and bf16 (p = 8) by 0.19 in one value, and fp16 must stay above 54 dB, bf16 above
36 dB over all values: the mean is what a dropped bias or a wrong constant cannot hide from. Measured on small
generators of three layers: largest 10 u, root mean square 1.0 u.

In fp32 (p = 24) rounding is not what differs between runtimes but the order of summation, whose bound grows with the
number of summands: 1e-4 is 1700 u, room for sums of a few thousand terms. The mean must stay below 1e-5.

In int8 the step is fixed by the largest value of a tensor, m: errors are uniform in a step of m/127, m/440 in the root
mean square. Where m is five times the root mean square of the values, that is 0.011 of it, or 2**-6.5: five times what
bf16 does. So its bounds are five times those of bf16. They catch a graph that is broken; what int8 costs depends on how
the values of a generator are distributed, and only a metric on real samples can tell (``gate``).

Tokens are equal or not. A uniform number chooses one by where it lies in the sum of all shares, and a share of n bits
moves every border of that sum a little, so how many tokens change depends on how many there are and how alike their
shares. Below fp32 a bound catches a choice that is broken, in which all of them change; it is twice what was seen at
temperatures up to 2 on trained networks of 4,000 and 5,000 tokens. What the precision costs, ``text_gate`` measures.

A uint8 level is 2/255 wide. Where a value lies within the float error of a rounding tie, it goes to either side: one
level more than the float error explains.
"""

from __future__ import annotations

import math

from gantools.core.artifact import Precision
from gantools.core.spec import Frozen

LEVELS = 255.0
RANGE = 2.0


class Tolerance(Frozen):
    """What is accepted of one output.

    Attributes:
        max_abs: Largest absolute difference of a float output in [-1, 1].
        rms: Largest root mean square of the differences, in the same units.
        tokens: Largest share of tokens that may be others after the same ones; None: no more than near ties.
    """

    max_abs: float
    rms: float
    tokens: float | None = None

    @property
    def psnr_db(self) -> float:
        """The least peak signal-to-noise ratio of a float output with range 2, in dB."""
        return 20 * math.log10(RANGE / self.rms)

    def limit(self, dtype: str) -> float:
        """Largest absolute difference in the output's own units: whole levels for uint8, none for other integers."""
        if dtype == "uint8":
            return math.floor(self.max_abs * LEVELS / RANGE) + 1
        return self.max_abs if dtype.startswith("float") else 0.0

    def least_psnr_db(self, dtype: str) -> float:
        """Least peak signal-to-noise ratio in dB. Rounding to levels may flip values at ties, by one level each.

        A value flips with a probability of its float error in levels, so flips add ``error`` to the mean square in
        levels, where ``error`` is at most the root mean square of the float differences.
        """
        if dtype != "uint8":
            return self.psnr_db
        error_levels = self.rms * LEVELS / RANGE
        return 20 * math.log10(LEVELS / math.sqrt(error_levels**2 + error_levels))


TOLERANCES: dict[Precision, Tolerance] = {
    "fp32": Tolerance(max_abs=1e-4, rms=1e-5),
    "fp16": Tolerance(max_abs=48 * 2.0**-11, rms=8 * 2.0**-11, tokens=0.05),
    "bf16": Tolerance(max_abs=48 * 2.0**-8, rms=8 * 2.0**-8, tokens=0.5),
    "int8": Tolerance(max_abs=5 * 48 * 2.0**-8, rms=5 * 8 * 2.0**-8, tokens=0.5),
}


def tolerance_of(*precisions: Precision) -> Tolerance:
    """The tolerance of a comparison between graphs of these precisions: the widest of theirs."""
    return max((TOLERANCES[precision] for precision in precisions), key=lambda tolerance: tolerance.max_abs)
