"""Videos and pictures through a generator of images of images, whole files in and whole files out; free of torch."""

from __future__ import annotations

from gantools.enhance.compress import Compressed, compress, restore
from gantools.enhance.files import enhance
from gantools.enhance.options import Options, Report

__all__ = ["Compressed", "Options", "Report", "compress", "enhance", "restore"]
