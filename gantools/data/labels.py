"""Which class an image is of: the rules by which a source's own statements become numbers and names.

1. What the source states counts: a label file beside an idx file, an array ``labels``, ``.cls`` files of WebDataset
   shards, a ``ClassLabel`` column. Numbers stay what they are; other texts are numbered in alphabetical order.
2. Otherwise the class of an image is the top folder it lies in, numbered in alphabetical order. A top folder that holds
   everything is looked through first. An image outside all folders, a single folder, or folders that are splits
   (``train``, ``test``) rather than classes are errors, because labels are only asked for by who needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError

SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev"}
MOST_CLASSES = 100_000


@dataclass(frozen=True)
class Labels:
    """Classes of images.

    Attributes:
        values: (n,) int64, from 0.
        classes: The name of each class.
    """

    values: npt.NDArray[np.int64]
    classes: tuple[str, ...]


def labels_of_folders(
    names: Sequence[str], origin: str, *, what: str = "images", example: str = "photos/cat/ and photos/dog/"
) -> Labels:
    """Rule 2.

    Args:
        names: Of the images, relative to the source, with forward slashes.
        origin: The source as errors shall say it.
        what: What has classes, for errors.
        example: Folders of classes, for errors.

    Raises:
        DataError: The folders are no classes.
    """
    folders = [tuple(name.split("/")[:-1]) for name in names]
    depth = 0
    while len({folder[depth : depth + 1] for folder in folders}) == 1 and folders[0][depth:]:
        depth += 1
    outside = next((name for name, folder in zip(names, folders, strict=True) if len(folder) <= depth), None)
    if outside is not None:
        alone = (
            f"all {what} of '{origin}' lie in one folder"
            if len(set(folders)) == 1
            else (f"'{outside}' in '{origin}' lies in no folder of a class")
        )
        raise DataError(
            f"class labels are needed, and {alone}.",
            hint=f"put the {what} of each class into a folder of its own, such as {example}",
        )
    tops = [folder[depth] for folder in folders]
    classes = tuple(sorted(set(tops)))
    if {name.lower() for name in classes} <= SPLITS:
        raise DataError(
            f"class labels are needed, and the folders of '{origin}' are splits: {', '.join(classes)}.",
            hint=f"give one of them, such as {origin}/{classes[-1]}",
        )
    numbers = {name: number for number, name in enumerate(classes)}
    return Labels(np.array([numbers[top] for top in tops], np.int64), classes)


def labels_of_texts(texts: Sequence[str], classes: tuple[str, ...], origin: str) -> Labels:
    """Rule 1, for texts such as the contents of ``.cls`` files."""
    if all(text.isascii() and text.isdigit() and len(text) < 10 for text in texts):
        return labels_of_numbers(np.array(texts, np.int64), classes, origin)
    names = tuple(sorted(set(texts)))
    numbers = {name: number for number, name in enumerate(names)}
    return Labels(np.array([numbers[text] for text in texts], np.int64), names)


def labels_of_numbers(values: npt.NDArray[np.integer], classes: tuple[str, ...], origin: str) -> Labels:
    """Rule 1, for numbers.

    Args:
        values: (n,), any integers, at least one.
        classes: The name of each class; empty: they are called by their numbers.
        origin: The source as errors shall say it.

    Raises:
        DataError: A number is below 0, or too large to be a class.
    """
    most, first, last = len(classes) or MOST_CLASSES, int(values.min()), int(values.max())
    if first < 0 or last >= most:
        raise DataError(
            f"the labels of '{origin}' go from {first} to {last}, expected 0 to at most {most - 1}.",
            hint="number the classes from 0",
        )
    names = classes or tuple(str(number) for number in range(last + 1))
    return Labels(values.astype(np.int64), names)
