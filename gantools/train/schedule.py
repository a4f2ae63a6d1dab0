"""How learning rates fall during a training. A pure function of the step, so that a resumed training goes on alike."""

from __future__ import annotations

import math

from gantools.core.recipe import TrainSection


def share(section: TrainSection, step: int) -> float:
    """What is left of the learning rates for the step after ``step`` finished ones, greater than 0 and at most 1.

    ``linear`` is the second half of pix2pix's training (Isola et al., 2017) where ``hold`` is 0.5, ``cosine`` is SGDR
    without restarts (Loshchilov and Hutter, 2017, equation 5) with a least rate of 0.
    """
    begin = section.hold * section.steps
    if section.schedule == "constant" or step < begin:
        return 1.0
    gone = (step - begin) / (section.steps - begin)
    return 1.0 - gone if section.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * gone))
