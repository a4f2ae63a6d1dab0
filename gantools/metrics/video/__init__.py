"""How far a clip lies from the one that it should be, frame by frame and from frame to frame.

A metric is one file and one row here. It sees frames; files are read by ``gantools.verify.clips``. The name of a
value's protocol says in which colours it is measured and how many pixels at each edge are left out.
"""

from gantools.core.registry import Table
from gantools.metrics.video.metric import VideoMetric

VIDEO_METRICS: Table[VideoMetric] = Table(
    "metric of clips",
    {
        "psnr": "gantools.metrics.video.psnr:PSNR_Y",
        "psnr-rgb": "gantools.metrics.video.psnr:PSNR_RGB",
        "psnr-stored": "gantools.metrics.video.psnr:PSNR_STORED",
        "ssim": "gantools.metrics.video.ssim:SSIM_Y",
        "ssim-rgb": "gantools.metrics.video.ssim:SSIM_RGB",
        "ssim-stored": "gantools.metrics.video.ssim:SSIM_STORED",
        "tof": "gantools.metrics.video.tof:TOF",
        "warping": "gantools.metrics.video.warping:WARPING",
        "flicker": "gantools.metrics.video.flicker:FLICKER",
        "vmaf": "gantools.metrics.video.vmaf:VMAF",
    },
)
