"""Features of images, from a classifier that was taught something else.

An extractor is an ONNX file and a card that says what it is. The card's digest goes into every quality card, because
values from different extractors must not be compared. ``digits-cnn`` ships with gantools; the others are published
networks, which ``pretrained`` makes of their weights.

``digits-cnn`` was trained on handwritten digits. On other images its features still tell sharp from blurred and varied
from collapsed, but it was not made for them: it sees 32x32 pixels and no colour.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from gantools.core.artifact import GraphFile
from gantools.core.atomic import sha256_file
from gantools.core.errors import ArtifactError, DataError
from gantools.core.events import OnEvent, Progress, ignore
from gantools.core.optional import require
from gantools.core.registry import Table
from gantools.core.spec import AxisRange, Frozen, GraphSpec, TensorSpec
from gantools.runtime.session import Session, Where

FOLDER = Path(__file__).parent / "extractors"
LARGEST = 4096  # edge of the images that an extractor without a size of its own takes

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class ExtractorCard(Frozen):
    """What is known of an extractor.

    Attributes:
        sha256: What values may be compared by: the digest of the shipped ONNX file, or of the published weights and of
            what is made of them.
        height: Of the network's input; none: any, it resizes by itself.
        width: Of the network's input; none: any.
        channels: Of the network's input: 1 for grey, 3 for RGB.
        features: Width d of a feature row.
        classes: How many classes it was trained to tell apart.
        preparation: How an image becomes an input.
        held_out_accuracy: Share of held-out images it classifies right, where it was trained here.
        training: How it was trained, or where its weights come from.
        batch: Images in one run.
    """

    name: str
    sha256: str
    height: int | None
    width: int | None
    channels: int
    features: int
    classes: int
    preparation: str
    held_out_accuracy: float | None = None
    training: dict[str, Any] = {}
    batch: int = 256


class Rows(NamedTuple):
    """What an extractor says of n images: features (n, d) and class probabilities (n, classes), float32."""

    features: Floats
    probabilities: Floats


class ImageExtractor(Protocol):
    """Whoever says what an extractor says: an ``Extractor`` itself, or many of them elsewhere.

    Attributes:
        card: What the extractor is.
        name: That of the card.
        sha256: That of the card.
    """

    card: ExtractorCard
    name: str
    sha256: str

    def rows(self, images: Images, *, on_event: OnEvent = ignore) -> Rows:
        """Features and class probabilities; see ``Extractor.rows``."""


class Extractor:
    """A network that turns images into features. Not thread-safe.

    Args:
        path: The ONNX file.
        card: What it is.
        where: Who runs it.

    Raises:
        BackendError: The runtime refused.
        MissingDependencyError: No runtime to run it is installed.
    """

    def __init__(self, path: Path, card: ExtractorCard, where: Where = Where()) -> None:  # noqa: B008 - Where is frozen
        self.card, self.name, self.sha256 = card, card.name, card.sha256
        entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=graph_spec(card))
        self._session = Session(path, entry, where)

    def rows(self, images: Images, *, on_event: OnEvent = ignore) -> Rows:
        """Features and class probabilities of images, in one pass.

        Args:
            images: (n, height, width, channels) uint8, NHWC, 0..255, grey or RGB, of any size.
            on_event: Who watches.

        Returns:
            Rows in the order of the images.

        Raises:
            DataError: Not such images.
        """
        check_images(images)
        parts = []
        for first in range(0, len(images), self.card.batch):
            part = np.asarray(images[first : first + self.card.batch])
            found = self._session.run({"image": self._prepared(part)})
            parts.append((found["features"], found["probabilities"]))
            on_event(Progress("features", min(first + self.card.batch, len(images)), len(images), "images"))
        return Rows(*(np.concatenate(outputs) for outputs in zip(*parts, strict=True)))

    def features(self, images: Images, *, on_event: OnEvent = ignore) -> Floats:
        """Features of images, as in ``rows``: (n, d) float32."""
        return self.rows(images, on_event=on_event).features

    def probabilities(self, images: Images, *, on_event: OnEvent = ignore) -> Floats:
        """Class probabilities of images, as in ``rows``: (n, classes) float32; each row sums to 1."""
        return self.rows(images, on_event=on_event).probabilities

    def _prepared(self, images: Images) -> Images:
        """Images as the network takes them; unchanged when they are already so."""
        if images.shape[3] == 3 and self.card.channels == 1:
            # Luma of ITU-R BT.601, the weights of Pillow's own grey conversion.
            images = np.rint(images @ np.array([[0.299], [0.587], [0.114]])).astype(np.uint8)
        if self.card.height and self.card.width and images.shape[1:3] != (self.card.height, self.card.width):
            images = _resized(images, self.card.height, self.card.width)
        return np.ascontiguousarray(np.broadcast_to(images, (*images.shape[:3], self.card.channels)))


def digits_cnn(where: Where = Where(), _on_event: OnEvent = ignore) -> Extractor:  # noqa: B008 - Where is frozen
    """The extractor trained on handwritten digits."""
    path = FOLDER / "digits-cnn.onnx"
    return Extractor(path, checked_card(path), where)


EXTRACTORS: Table[Callable[[Where, OnEvent], Extractor]] = Table(
    "feature extractor",
    {
        "digits-cnn": "gantools.metrics.features:digits_cnn",
        "efficientnet-lite0": "gantools.metrics.pretrained:efficientnet_lite0",
        "efficientnet-lite0-96": "gantools.metrics.pretrained:efficientnet_lite0_96",
        "inception-v3-tf": "gantools.metrics.pretrained:inception_v3_tf",
    },
)
DEFAULT = "efficientnet-lite0"


def load_extractor(name: str, where: Where = Where(), on_event: OnEvent = ignore) -> Extractor:  # noqa: B008
    """Open an extractor by its name in the table.

    Raises:
        UnknownNameError: No such extractor.
        ArtifactError: Its file is missing or damaged, or cannot be had.
        MissingDependencyError: No runtime to run it, or no weights of it, are installed.
    """
    return EXTRACTORS.load(name)(where, on_event)


def check_images(images: Images) -> None:
    """Refuse what is not a set of images.

    Raises:
        DataError: Not (n, height, width, 1 or 3) uint8, or none.
    """
    if images.ndim != 4 or images.dtype != np.uint8 or images.shape[-1] not in (1, 3) or not images.size:
        raise DataError(
            f"images must be (n, height, width, 1 or 3) uint8, got {images.shape} {images.dtype}.",
            hint="layout is NHWC, values are 0..255",
        )


def checked_card(path: Path) -> ExtractorCard:
    """The card of a shipped extractor: JSON beside the ONNX file, with its digest.

    Raises:
        ArtifactError: The file or its card is missing or damaged.
    """
    try:
        card = ExtractorCard.model_validate_json(path.with_suffix(".json").read_bytes())
        found = sha256_file(path)
    except (OSError, ValidationError) as err:
        raise ArtifactError(
            f"the feature extractor '{path.stem}' is missing or its card cannot be read.", hint="install gantools again"
        ) from err
    if found != card.sha256:
        raise ArtifactError(
            f"the feature extractor '{path.name}' has digest {found[:12]}, its card says {card.sha256[:12]}.",
            hint="install gantools again",
        )
    return card


def graph_spec(card: ExtractorCard) -> GraphSpec:
    """The interface of an extractor's graph."""
    axes = {"batch": AxisRange(min=1, opt=card.batch, max=256)}
    if card.height is None or card.width is None:
        axes |= {name: AxisRange(min=1, opt=64, max=LARGEST) for name in ("height", "width")}
    size = ("batch", card.height or "height", card.width or "width", card.channels)
    return GraphSpec(
        inputs=(TensorSpec(name="image", dtype="uint8", shape=size, doc="0..255, NHWC"),),
        outputs=(
            TensorSpec(name="features", dtype="float32", shape=("batch", card.features)),
            TensorSpec(name="probabilities", dtype="float32", shape=("batch", card.classes), doc="rows sum to 1"),
        ),
        axes=axes,
    )


def _resized(images: Images, height: int, width: int) -> Images:
    """Images by Pillow's bicubic filter, which widens when it shrinks (Parmar et al. 2022): no aliasing."""
    pillow = require("PIL.Image", extra="media", why="to resize images for the feature extractor")
    grey = images.shape[3] == 1
    resized = [
        np.asarray(
            pillow.fromarray(image[..., 0] if grey else image).resize((width, height), pillow.Resampling.BICUBIC)
        )
        for image in images
    ]
    return np.stack(resized).reshape(len(images), height, width, -1)
