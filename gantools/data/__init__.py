"""Training and reference images and texts: from folders, archives, arrays and public sets. Free of torch."""

from gantools.data.images import ImageSet, open_images
from gantools.data.statistics import note_duplicates
from gantools.data.texts import TextSet, open_texts

__all__ = ["ImageSet", "TextSet", "note_duplicates", "open_images", "open_texts"]
