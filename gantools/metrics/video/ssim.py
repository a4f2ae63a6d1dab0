"""Structural similarity of each frame, in three kinds of colours; the value of a clip is the mean over frames."""

from __future__ import annotations

from gantools.metrics.ssim import ssim
from gantools.metrics.video.metric import VideoMetric, each_frame

SSIM_Y = VideoMetric(
    each_frame(lambda r, m: ssim(m.luma[..., None], r.luma[..., None])), "ssim-y-bt601-crop{crop}", "", True
)
SSIM_RGB = VideoMetric(each_frame(lambda r, m: ssim(m.rgb, r.rgb)), "ssim-rgb-crop{crop}", "", True)
SSIM_STORED = VideoMetric(
    each_frame(lambda r, m: ssim(m.stored[..., None], r.stored[..., None])), "ssim-y-stored-crop{crop}", "", True
)
