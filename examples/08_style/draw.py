"""Writes what the commands of this example work on: two photographs, and what a pencil would have made of them.

The photographs come with scikit-learn. Three quarters of each are learned from, in ``photos`` and ``drawings``; the
rest of the first one is ``photo.png``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from sklearn.datasets import load_sample_image

LEARNED = 480  # columns of 640


def drawn(photo: Image.Image) -> Image.Image:
    """Dark lines where brightness changes, on white."""
    grey = ImageOps.grayscale(photo)
    # What is darker than its surroundings, as a share of them.
    around = grey.filter(ImageFilter.GaussianBlur(3))
    share = np.asarray(grey, np.float32) / np.maximum(np.asarray(around, np.float32), 1)
    return Image.fromarray((share.clip(0, 1) ** 2 * 255).astype(np.uint8)).convert("RGB")


for folder in ("photos", "drawings"):
    Path(folder).mkdir(exist_ok=True)
for name in ("china", "flower"):
    photo = Image.fromarray(load_sample_image(f"{name}.jpg"))
    learned = photo.crop((0, 0, LEARNED, photo.height))
    learned.save(f"photos/{name}.png")
    drawn(learned).save(f"drawings/{name}.png")
    if name == "china":
        photo.crop((LEARNED, 0, photo.width, photo.height)).save("photo.png")
print("photos/, drawings/, photo.png")
