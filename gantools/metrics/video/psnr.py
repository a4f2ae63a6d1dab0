"""Peak signal-to-noise ratio of each frame, in three kinds of colours; the value of a clip is the mean over frames."""

from __future__ import annotations

from gantools.metrics.pairs import psnr
from gantools.metrics.video.metric import VideoMetric, each_frame

# Brightness by BT.601 in 16..235 against a peak of 255, as papers on super-resolution have it.
PSNR_Y = VideoMetric(each_frame(lambda r, m: psnr(m.luma, r.luma)), "psnr-y-bt601-crop{crop}", "dB", True)
PSNR_RGB = VideoMetric(each_frame(lambda r, m: psnr(m.rgb, r.rgb)), "psnr-rgb-crop{crop}", "dB", True)
# Brightness as the files store it, as papers on codecs have it.
PSNR_STORED = VideoMetric(each_frame(lambda r, m: psnr(m.stored, r.stored)), "psnr-y-stored-crop{crop}", "dB", True)
