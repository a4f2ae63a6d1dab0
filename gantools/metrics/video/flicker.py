"""Whether brightness changes from frame to frame where it should stay."""

from __future__ import annotations

import numpy as np

from gantools.metrics.video.frame import Frame, change_along
from gantools.metrics.video.metric import VideoMetric, each_frame


def flicker(reference: Frame, made: Frame) -> float | None:
    """How much more brightness changes along the motion than it does in the reference, in levels of 0..255.

    The mean over visible pixels of |Y(t) - Y(t - 1) moved along the flow|, less the same of the reference. Y is of
    BT.601; flow and visibility are those of the reference, as in ``warping``. 0: as calm as the reference, which
    changes by its own noise; above: it flickers; below: it is calmer, as a clip without that noise is.

    Returns:
        None for the first frame, and where nothing was visible before, as after a cut.
    """
    if reference.before is None or made.before is None or not reference.visible.any():
        return None
    ours, own = (
        float(np.abs(change_along(reference.flow, now, before)[reference.visible]).mean())
        for now, before in ((made.luma, made.before.luma), (reference.luma, reference.before.luma))
    )
    return ours - own


FLICKER = VideoMetric(each_frame(flicker), "flicker-dis-y-bt601-crop{crop}", "levels", False)
