"""Training and reference images: read from a folder, a zip or a built-in set, decoded once. Free of torch."""

from gantools.data.images import ImageSet, open_images

__all__ = ["ImageSet", "open_images"]
