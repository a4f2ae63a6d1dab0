"""Whether a clip keeps what it showed: the frame before, moved along the flow, against the frame."""

from __future__ import annotations

import numpy as np

from gantools.metrics.video.frame import Frame, change_along
from gantools.metrics.video.metric import VideoMetric, each_frame


def warping_error(reference: Frame, made: Frame) -> float | None:
    """Mean over visible pixels of the squared distance of RGB in [0, 1] from the frame before, moved along the flow.

    Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018, section 4.2. Flow and visibility are those of
    the reference, so both clips are asked about the same places. The flow is by dense inverse search and not by
    FlowNet2, so values are to be compared among themselves and not with the paper's. The reference has a value above 0
    itself: light changes, and so does noise.

    Returns:
        None for the first frame, and where nothing was visible before, as after a cut.
    """
    if reference.before is None or made.before is None or not reference.visible.any():
        return None
    now, before = made.rgb / 255.0, made.before.rgb / 255.0
    change = change_along(reference.flow, now, before)[reference.visible]
    return float(np.square(change).sum(-1).mean())


WARPING = VideoMetric(each_frame(warping_error), "warping-dis-rgb-crop{crop}", "", False)
