"""Inception-v3 as the Frechet inception distance uses it, as a feature extractor.

Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016, in the form of TensorFlow's graph of
2015-12-05 (Heusel et al. 2017 score with it): 1008 outputs, averages that leave the padding out, a maximum instead of
an average in the last block, and images enlarged by TensorFlow 1's bilinear interpolation. It cannot be trained here.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, max_pool2d, relu

SIZE, FEATURES, CLASSES = 299, 2048, 1008


class Step(NamedTuple):
    """A convolution: its name in the published state dictionary, its width, kernel and stride.

    With stride 1 it keeps the size; with stride 2 it has no padding.
    """

    name: str
    width: int
    kernel: int | tuple[int, int]
    stride: int = 1


Fork = tuple[Step, ...]  # convolutions of the same input, side by side
Branch = tuple[str | Step | Fork, ...]  # one after the other; a string is a pooling
AVERAGE, MAXIMUM, SHRINK = "average", "maximum", "shrink"
_WIDE, _HIGH = (1, 7), (7, 1)


def _block_a(pool: int) -> tuple[Branch, ...]:
    return (
        (Step("branch1x1", 64, 1),),
        (Step("branch5x5_1", 48, 1), Step("branch5x5_2", 64, 5)),
        (Step("branch3x3dbl_1", 64, 1), Step("branch3x3dbl_2", 96, 3), Step("branch3x3dbl_3", 96, 3)),
        (AVERAGE, Step("branch_pool", pool, 1)),
    )


def _block_c(inner: int) -> tuple[Branch, ...]:
    return (
        (Step("branch1x1", 192, 1),),
        (Step("branch7x7_1", inner, 1), Step("branch7x7_2", inner, _WIDE), Step("branch7x7_3", 192, _HIGH)),
        (
            Step("branch7x7dbl_1", inner, 1),
            Step("branch7x7dbl_2", inner, _HIGH),
            Step("branch7x7dbl_3", inner, _WIDE),
            Step("branch7x7dbl_4", inner, _HIGH),
            Step("branch7x7dbl_5", 192, _WIDE),
        ),
        (AVERAGE, Step("branch_pool", 192, 1)),
    )


def _block_e(pooling: str) -> tuple[Branch, ...]:
    def fork(name: str) -> Fork:
        return (Step(f"{name}a", 384, (1, 3)), Step(f"{name}b", 384, (3, 1)))

    return (
        (Step("branch1x1", 320, 1),),
        (Step("branch3x3_1", 384, 1), fork("branch3x3_2")),
        (Step("branch3x3dbl_1", 448, 1), Step("branch3x3dbl_2", 384, 3), fork("branch3x3dbl_3")),
        (pooling, Step("branch_pool", 192, 1)),
    )


BLOCKS: dict[str, tuple[Branch, ...]] = {
    "Mixed_5b": _block_a(32),
    "Mixed_5c": _block_a(64),
    "Mixed_5d": _block_a(64),
    "Mixed_6a": (
        (Step("branch3x3", 384, 3, 2),),
        (Step("branch3x3dbl_1", 64, 1), Step("branch3x3dbl_2", 96, 3), Step("branch3x3dbl_3", 96, 3, 2)),
        (SHRINK,),
    ),
    "Mixed_6b": _block_c(128),
    "Mixed_6c": _block_c(160),
    "Mixed_6d": _block_c(160),
    "Mixed_6e": _block_c(192),
    "Mixed_7a": (
        (Step("branch3x3_1", 192, 1), Step("branch3x3_2", 320, 3, 2)),
        (
            Step("branch7x7x3_1", 192, 1),
            Step("branch7x7x3_2", 192, _WIDE),
            Step("branch7x7x3_3", 192, _HIGH),
            Step("branch7x7x3_4", 192, 3, 2),
        ),
        (SHRINK,),
    ),
    "Mixed_7b": _block_e(AVERAGE),
    "Mixed_7c": _block_e(MAXIMUM),
}


class InceptionV3(nn.Module):
    """See the module. Its parts have the names of the published state dictionary."""

    def __init__(self) -> None:
        super().__init__()
        # The first convolutions have no padding but for the third.
        self.Conv2d_1a_3x3 = _Unit(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = _Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = _Unit(32, 64, 3, padding=(1, 1))
        self.Conv2d_3b_1x1 = _Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = _Unit(80, 192, 3)
        width = 192
        for name, branches in BLOCKS.items():
            block = _Block(width, branches)
            self.add_module(name, block)
            width = block.width
        self.fc = nn.Linear(width, CLASSES)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One pass.

        Args:
            image: (batch, height, width, 3) uint8, RGB, 0..255, NHWC, of any size.

        Returns:
            (batch, 2048) float32 features, the mean over all places, and (batch, 1008) float32 probabilities, which
            leave the bias of the last layer out, as the Inception score does in Salimans' own graph.
        """
        x = (enlarged(image.permute(0, 3, 1, 2).float(), SIZE) - 128.0) / 128.0
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(max_pool2d(x, 3, 2)))
        x = max_pool2d(x, 3, 2)
        for name in BLOCKS:
            x = self.get_submodule(name)(x)
        features = x.mean((2, 3))
        return features, (features @ self.fc.weight.T).softmax(1)


def enlarged(x: torch.Tensor, size: int) -> torch.Tensor:
    """TensorFlow 1's ``resize_bilinear`` without aligned corners: place i is at i * old / new of the old pixels.

    Not the half-pixel convention of today, and no antialiasing: published values depend on it.

    Args:
        x: (batch, channels, height, width) float32.
        size: New height and width.

    Returns:
        (batch, channels, size, size) float32.
    """
    for axis in (3, 2):  # columns first, as TensorFlow rounds
        x = _along(x, axis, size)
    return x


def _along(x: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    old = x.shape[axis]
    place = torch.arange(size, dtype=torch.float32) * (torch.scalar_tensor(old) / size)
    low = place.long()
    high = torch.clamp(low + 1, max=old - 1)
    share = (place - low.float()).view(-1, *[1] * (3 - axis))
    first = x.index_select(axis, low)
    return first + (x.index_select(axis, high) - first) * share


class _Unit(nn.Module):
    """Convolution, batch normalization, ReLU."""

    def __init__(
        self,
        width: int,
        out: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return relu(self.bn(self.conv(x)))


class _Block(nn.Module):
    """Branches of one input, concatenated."""

    def __init__(self, width: int, branches: tuple[Branch, ...]) -> None:
        super().__init__()
        self.branches = branches
        self.width = sum(self._add(width, branch) for branch in branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self._run(x, branch) for branch in self.branches], 1)

    def _add(self, width: int, branch: Branch) -> int:
        """Make the convolutions of a branch; returns its width."""
        for part in branch:
            if isinstance(part, str):
                continue
            steps = (part,) if isinstance(part, Step) else part
            for step in steps:
                kernel = (step.kernel, step.kernel) if isinstance(step.kernel, int) else step.kernel
                padding = (kernel[0] // 2, kernel[1] // 2) if step.stride == 1 else (0, 0)
                self.add_module(step.name, _Unit(width, step.width, kernel, stride=step.stride, padding=padding))
            width = sum(step.width for step in steps)
        return width

    def _run(self, x: torch.Tensor, branch: Branch) -> torch.Tensor:
        for part in branch:
            if isinstance(part, str):
                x = _pooled(x, part)
            elif isinstance(part, Step):
                x = self.get_submodule(part.name)(x)
            else:
                x = torch.cat([self.get_submodule(step.name)(x) for step in part], 1)
        return x


def _pooled(x: torch.Tensor, how: str) -> torch.Tensor:
    if how == AVERAGE:
        return avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    return max_pool2d(x, 3, 1, 1) if how == MAXIMUM else max_pool2d(x, 3, 2)
