"""Images that are in a set twice, or in two sets that shall have nothing in common.

Equal images are found by a digest of their pixels. Nearly equal ones, such as the same picture compressed again, scaled
or brightened, are found by their low frequencies: the first coefficients of the discrete cosine transform of the grey
image, without the mean and scaled to length one, so neither brightness nor contrast counts. The distance of two images
is one minus the cosine of the angle between them. That is the idea of perceptual hashes (Zauner, "Implementation and
Benchmarking of Perceptual Image Hash Functions", 2010) without the rounding to bits, which a search tree does not need.

How near is near depends on the set: trousers on black resemble each other more than photographs do. So the limit is a
small share of the distance at which images of the set usually have ten neighbours. It is not made for mirrored, shifted
or cropped copies.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gantools.core.errors import DataError
from gantools.core.optional import require
from gantools.data.images import ImageSet
from gantools.data.statistics import pixel_digests

FREQUENCIES = 12  # along each axis
# Below this standard deviation, in units of 0..255, an image is flat: its structure is noise.
LEAST_CONTRAST = 2.0
# Recompressed, scaled and brightened copies of CIFAR-10 and Fashion-MNIST images lie below these in 9 of 10 cases, and
# what they let through was looked at.
LARGEST_LIMIT, SMALLEST_LIMIT = 0.01, 0.0005
SHARE_OF_NEIGHBOURHOOD, NEIGHBOURS = 0.05, 10
PROBES = 256
# Components in which the tree searches. Distances there are never larger, so nothing is missed.
TREE_AXES = 12
MOST_CANDIDATES = 20_000_000
PIECE_IMAGES = 4096

Floats = npt.NDArray[np.float32]
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class Near:
    """Two images that are nearly equal: their numbers, and their distance from 0 to 2."""

    first: int
    second: int
    distance: float


@dataclass(frozen=True)
class Duplicates:
    """What a set holds more than once.

    Attributes:
        equal: Groups of numbers of images with equal pixels.
        near: Pairs of images that are nearly equal, nearest first; of equal ones the first stands for all.
        limit: The largest distance that counts as near.
        flat: Images without structure, which were only compared for being equal.
    """

    equal: tuple[tuple[int, ...], ...]
    near: tuple[Near, ...]
    limit: float
    flat: int


@dataclass(frozen=True)
class Leaks:
    """What two sets have in common.

    Attributes:
        equal: (number in the first, number in the second) of images with equal pixels.
        near: Pairs that are nearly equal: ``first`` counts in the first set, ``second`` in the second.
        limit: The largest distance that counts as near.
        flat: Images without structure, in both sets, which were only compared for being equal.
    """

    equal: tuple[tuple[int, int], ...]
    near: tuple[Near, ...]
    limit: float
    flat: int


def find_duplicates(images: ImageSet, *, limit: float | None = None) -> Duplicates:
    """Find equal and nearly equal images. Sixty thousand take seconds.

    Args:
        images: A set.
        limit: The largest distance that counts as near; none: found from the set.
    """
    groups = _groups(images)
    kept = np.array(sorted(group[0] for group in groups), np.int64)
    features, structured = _features(images.images, kept)
    kept, features = kept[structured], features[structured]
    limit = _limit(features) if limit is None else limit
    pairs, limit = _near_pairs(features, None, limit)
    return Duplicates(
        equal=tuple(tuple(group) for group in groups if len(group) > 1),
        near=tuple(Near(int(kept[a]), int(kept[b]), distance) for a, b, distance in pairs),
        limit=limit,
        flat=int(len(structured) - structured.sum()),
    )


def find_leaks(train: ImageSet, test: ImageSet, *, limit: float | None = None) -> Leaks:
    """Find images of one set in another.

    Args:
        train: A set.
        test: Another, of the same size and channels.
        limit: The largest distance that counts as near; none: found from ``train``.

    Raises:
        DataError: The sets have different sizes.
    """
    if train.images.shape[1:] != test.images.shape[1:]:
        raise DataError(
            f"'{train.name}' has images of shape {train.images.shape[1:]}, '{test.name}' of {test.images.shape[1:]}.",
            hint="open both with the same resolution and channels",
        )
    where = defaultdict(list)
    for number, digest in enumerate(pixel_digests(test.images)):
        where[digest].append(number)
    equal = [(a, b) for a, digest in enumerate(pixel_digests(train.images)) for b in where.get(digest, ())]
    features, structured = _features(train.images, np.arange(len(train.images)))
    others, others_structured = _features(test.images, np.arange(len(test.images)))
    ours, theirs = np.flatnonzero(structured), np.flatnonzero(others_structured)
    limit = _limit(features[ours]) if limit is None else limit
    pairs, limit = _near_pairs(features[ours], others[theirs], limit)
    known = set(equal)
    near = [Near(int(ours[a]), int(theirs[b]), distance) for a, b, distance in pairs]
    flat = len(structured) - len(ours) + len(others_structured) - len(theirs)
    return Leaks(tuple(equal), tuple(pair for pair in near if (pair.first, pair.second) not in known), limit, flat)


def _groups(images: ImageSet) -> list[list[int]]:
    groups = defaultdict(list)
    for number, digest in enumerate(pixel_digests(images.images)):
        groups[digest].append(number)
    return list(groups.values())


def _features(images: npt.NDArray[np.uint8], numbers: npt.NDArray[np.int64]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Low frequencies (n, k) float32 of length one of the chosen images, and which of them have structure (n,)."""
    fft = require("scipy.fft", extra="data", why="to compare images")
    edge = images.shape[1]
    size = min(FREQUENCIES, edge)
    features = np.empty((len(numbers), size * size - 1), np.float32)
    contrast = np.empty(len(numbers), np.float32)
    for start in range(0, len(numbers), PIECE_IMAGES):
        part = images[numbers[start : start + PIECE_IMAGES]].astype(np.float32)
        grey = part[..., 0] if part.shape[-1] == 1 else part @ _LUMA
        found = fft.dctn(grey, axes=(1, 2), norm="ortho")[:, :size, :size].reshape(len(grey), -1)[:, 1:]
        # Orthonormal: the length of all coefficients but the mean is the standard deviation times the edge.
        length = np.linalg.norm(found, axis=1)
        contrast[start : start + PIECE_IMAGES] = length / edge
        features[start : start + PIECE_IMAGES] = found / np.maximum(length, 1e-6)[:, None]
    return features, contrast >= LEAST_CONTRAST


def _limit(features: Floats) -> float:
    """A share of the median distance to the tenth neighbour, over probes spread evenly over the set."""
    if len(features) < 5 * NEIGHBOURS:
        return LARGEST_LIMIT
    probes = np.linspace(0, len(features) - 1, min(PROBES, len(features))).astype(np.int64)
    nearness = np.partition(features[probes] @ features.T, -NEIGHBOURS - 1, axis=1)  # the nearest is the probe itself
    neighbourhood = 1 - float(np.median(nearness[:, -NEIGHBOURS - 1]))
    return float(np.clip(SHARE_OF_NEIGHBOURHOOD * neighbourhood, SMALLEST_LIMIT, LARGEST_LIMIT))


def _near_pairs(features: Floats, others: Floats | None, limit: float) -> tuple[list[tuple[int, int, float]], float]:
    """Pairs within ``limit``, nearest first, in one set or across two; and the limit, halved while they are too many.

    For vectors of length one the squared distance is twice one minus the cosine. The tree searches in the directions in
    which the set varies most, and what it finds is compared in full.
    """
    if not len(features) or (others is not None and not len(others)):
        return [], limit
    spatial = require("scipy.spatial", extra="data", why="to compare images")
    some = features[:: max(1, len(features) // 20_000)]
    _, directions = np.linalg.eigh(np.cov(some, rowvar=False)) if len(some) > 1 else (None, np.eye(features.shape[1]))
    axes = directions[:, ::-1][:, :TREE_AXES].astype(np.float32)
    points = features @ axes
    tree = spatial.cKDTree(points)
    other = tree if others is None else spatial.cKDTree(others @ axes)
    step = max(1, len(points) // 2000)
    probes = spatial.cKDTree(points[::step])  # a few tell how many there will be
    while step * probes.count_neighbors(other, _radius(limit)) > MOST_CANDIDATES + len(points):
        limit /= 2
    radius = _radius(limit)
    if others is None:
        pairs = tree.query_pairs(radius, output_type="ndarray")
    else:
        found = tree.query_ball_tree(other, radius)
        pairs = np.array([(a, b) for a, near in enumerate(found) for b in near], np.int64).reshape(-1, 2)
    ends = features if others is None else others
    distances = np.concatenate(
        [
            1 - np.einsum("ij,ij->i", features[part[:, 0]], ends[part[:, 1]])
            for part in np.array_split(pairs, len(pairs) // 100_000 + 1)
        ]
    )
    order = np.argsort(distances, kind="stable")
    return [
        (int(pairs[k, 0]), int(pairs[k, 1]), max(0.0, float(distances[k]))) for k in order if distances[k] <= limit
    ], limit


def _radius(limit: float) -> float:
    """The distance in the tree, a little wider than exact: its points are rounded."""
    return float(np.sqrt(2 * limit)) + 1e-6
