"""EfficientNet-Lite0, as a feature extractor: images in, pooled features and ImageNet class probabilities out.

Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019, table 1, with the changes
of its authors' Lite release: no squeeze-and-excitation, ReLU6 for swish. It cannot be trained here: there is no dropout
and no stochastic depth.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

# Repeats, kernel, stride of the first block, expansion, width.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD, CLASSES = 32, 1280, 1000
MEAN, DEVIATION = 127.0, 128.0  # of the authors' Lite release, for all three colours
# The modules' names in the published state dictionary, outside of and in a block.
_OUTER = {
    "_conv_stem": "stem.conv",
    "_bn0": "stem.norm",
    "_conv_head": "head.conv",
    "_bn1": "head.norm",
    "_fc": "classify",
}
_INNER = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


class EfficientNetLite0(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Unit(3, STEM, 3, stride=2)
        blocks, width = [], STEM
        for repeats, kernel, stride, expansion, out in STAGES:
            for repeat in range(repeats):
                blocks.append(_Block(width, out, kernel, stride if repeat == 0 else 1, expansion))
                width = out
        self.blocks = nn.Sequential(*blocks)
        self.head = _Unit(width, HEAD, 1)
        self.classify = nn.Linear(HEAD, CLASSES)

    def load_published(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take over the published state dictionary, whose parts have other names."""
        self.load_state_dict({_renamed(name): value for name, value in weights.items()})

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One pass.

        Args:
            image: (batch, size, size, 3) uint8, RGB, 0..255, NHWC; size a multiple of 32.

        Returns:
            (batch, 1280) float32 features, the mean over all places, and (batch, 1000) float32 probabilities.
        """
        x = (image.permute(0, 3, 1, 2).float() - MEAN) / DEVIATION
        features = self.head(self.blocks(self.stem(x))).mean((2, 3))
        return features, self.classify(features).softmax(1)


class _Unit(nn.Module):
    """Convolution padded as TensorFlow does it ("same": the odd pixel goes to the end), batch normalization, ReLU6.

    With stride 2 the padding depends on the size; what is here holds for even sizes.
    """

    def __init__(
        self, width: int, out: int, kernel: int, *, stride: int = 1, groups: int = 1, active: bool = True
    ) -> None:
        super().__init__()
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        self.pad = nn.ZeroPad2d((before, after, before, after))
        self.conv = nn.Conv2d(width, out, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=1e-3)
        self.active = nn.ReLU6() if active else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.active(self.norm(self.conv(self.pad(x))))
        return y


class _Block(nn.Module):
    """Inverted residual with a linear bottleneck (Sandler et al., "MobileNetV2", 2018, section 3.3)."""

    def __init__(self, width: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = width * expansion
        self.expand = _Unit(width, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _Unit(inner, inner, kernel, stride=stride, groups=inner)
        self.project = _Unit(inner, out, 1, active=False)
        self.adds = stride == 1 and width == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.adds else y


def _renamed(name: str) -> str:
    module, _, rest = name.partition(".")
    if module != "_blocks":
        return f"{_OUTER[module]}.{rest}"
    number, inner, leaf = rest.split(".")
    return f"blocks.{number}.{_INNER[inner]}.{leaf}"
