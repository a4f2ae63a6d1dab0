"""Training and reference images: from folders, archives, arrays and public sets, decoded once. Free of torch."""

from gantools.data.images import ImageSet, open_images
from gantools.data.statistics import note_duplicates

__all__ = ["ImageSet", "note_duplicates", "open_images"]
