"""A photograph, a quarter of its pixels, and packed hard."""

from pathlib import Path

import sklearn.datasets
from PIL import Image

photo = Image.open(Path(sklearn.datasets.__file__).parent / "images" / "china.jpg").crop((120, 40, 440, 280))
photo.resize((160, 120), Image.Resampling.BICUBIC).save("worse.jpg", quality=70)
