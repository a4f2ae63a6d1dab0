"""Whether a clip moves as it should: the difference of both clips' optical flows."""

from __future__ import annotations

import numpy as np

from gantools.metrics.video.frame import Frame
from gantools.metrics.video.metric import VideoMetric, each_frame


def tof(reference: Frame, made: Frame) -> float | None:
    """Mean distance of the flows into this frame, each of its own clip, in pixels.

    Chu et al., "Learning Temporal Coherence via Self-Supervision for GAN-based Video Generation", 2020, section 4, with
    Farnebäck's flow as in the paper. The paper's tables show ten times this, without eight pixels at each edge.

    Returns:
        None for the first frame.
    """
    if reference.before is None:
        return None
    return float(np.sqrt(np.square(reference.farneback - made.farneback).sum(-1)).mean())


TOF = VideoMetric(each_frame(tof), "tof-farneback-crop{crop}", "px", False)
