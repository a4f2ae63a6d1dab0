"""Features of images, from a small network that ships with gantools.

An extractor is an ONNX file and a card (JSON) beside it that holds its digest, its input size and how it was trained.
The digest goes into every quality card, because values from different extractors must not be compared. This is no
Inception: figures are comparable with each other, never with published ones.

``digits-cnn`` was trained on handwritten digits. On other images its features still tell sharp from blurred and varied
from collapsed, but it was not made for them: it sees 32x32 pixels and no colour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from gantools.core.artifact import GraphFile
from gantools.core.atomic import sha256_file
from gantools.core.errors import ArtifactError, DataError
from gantools.core.optional import require
from gantools.core.registry import Table
from gantools.core.spec import AxisRange, Frozen, GraphSpec, TensorSpec
from gantools.runtime.session import Session, Where

FOLDER = Path(__file__).parent / "extractors"
_BATCH = 256

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class ExtractorCard(Frozen):
    """What is known of an extractor.

    Attributes:
        sha256: Digest of the ONNX file.
        height: Of the network's input.
        width: Of the network's input.
        channels: Of the network's input: 1.
        features: Width d of a feature row.
        classes: How many classes it was trained to tell apart.
        preparation: How an image becomes an input.
        held_out_accuracy: Share of held-out images it classifies right.
        training: How it was trained.
    """

    name: str
    sha256: str
    height: int
    width: int
    channels: int
    features: int
    classes: int
    preparation: str
    held_out_accuracy: float
    training: dict[str, Any]


class Extractor:
    """A network that turns images into features. Not thread-safe.

    Args:
        path: The ONNX file; its card has the same name with ``.json``.
        where: Who runs it.

    Raises:
        ArtifactError: The file or its card is missing or damaged.
    """

    def __init__(self, path: Path, where: Where = Where()) -> None:  # noqa: B008 - Where is frozen
        self.card = _checked_card(path)
        self.name, self.sha256 = self.card.name, self.card.sha256
        entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=_spec(self.card), sha256=self.sha256)
        self._session = Session(path, entry, where)

    def features(self, images: Images) -> Floats:
        """Features of images.

        Args:
            images: (n, height, width, channels) uint8, NHWC, 0..255, grey or RGB, of any size.

        Returns:
            (n, d) float32.

        Raises:
            DataError: Not such images.
        """
        return self._run(images, "features")

    def probabilities(self, images: Images) -> Floats:
        """Class probabilities of images, as in ``features``: (n, classes) float32, rows sum to 1."""
        return self._run(images, "probabilities")

    def _run(self, images: Images, output: str) -> Floats:
        check_images(images)
        parts = (self._session.run({"image": self._prepared(part)})[output] for part in _parts(images))
        return np.concatenate(list(parts))

    def _prepared(self, images: Images) -> Images:
        """Images as the network takes them; unchanged when they are already so."""
        if images.shape[3] == 3:
            # Luma of ITU-R BT.601, the weights of Pillow's own grey conversion.
            images = np.rint(images @ np.array([[0.299], [0.587], [0.114]])).astype(np.uint8)
        if images.shape[1:3] != (self.card.height, self.card.width):
            pillow = require("PIL.Image", extra="media", why="to resize images for the feature extractor")
            size, how = (self.card.width, self.card.height), pillow.Resampling.BICUBIC
            resized = [np.asarray(pillow.fromarray(image[..., 0]).resize(size, how)) for image in images]
            images = np.stack(resized)[..., None]
        return np.ascontiguousarray(images)


def digits_cnn() -> Extractor:
    """The extractor trained on handwritten digits."""
    return Extractor(FOLDER / "digits-cnn.onnx")


EXTRACTORS: Table[Callable[[], Extractor]] = Table(
    "feature extractor", {"digits-cnn": "gantools.metrics.features:digits_cnn"}
)


def load_extractor(name: str = "digits-cnn") -> Extractor:
    """Open an extractor by its name in the table.

    Raises:
        UnknownNameError: No such extractor.
        ArtifactError: Its file is missing or damaged.
        MissingDependencyError: No runtime to run it is installed.
    """
    return EXTRACTORS.load(name)()


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


def _parts(images: Images) -> Iterator[Images]:
    for first in range(0, len(images), _BATCH):
        yield images[first : first + _BATCH]


def _checked_card(path: Path) -> ExtractorCard:
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


def _spec(card: ExtractorCard) -> GraphSpec:
    size = ("batch", card.height, card.width, card.channels)
    return GraphSpec(
        inputs=(TensorSpec(name="image", dtype="uint8", shape=size, doc="grey, 0..255, NHWC"),),
        outputs=(
            TensorSpec(name="features", dtype="float32", shape=("batch", card.features)),
            TensorSpec(name="probabilities", dtype="float32", shape=("batch", card.classes), doc="rows sum to 1"),
        ),
        axes={"batch": AxisRange(min=1, opt=_BATCH, max=_BATCH)},
    )
