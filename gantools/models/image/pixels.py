"""The last step of every image graph that ships: floats become the bytes an application shows."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Pixels(nn.Module):
    """A generator whose output is ready to show.

    Args:
        generator: Returns (batch, channels, height, width) float32 in [-1, 1].
    """

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, *inputs: Tensor) -> Tensor:
        """The generator's inputs -> (batch, height, width, channels) uint8, 0..255, NHWC.

        The cast comes last, after the change of layout: TensorRT knows uint8 only as the output of a graph, straight
        after a cast.
        """
        image: Tensor = self.generator(*inputs)
        return ready(image)


def ready(image: Tensor) -> Tensor:
    """(batch, channels, height, width) float32 in [-1, 1] -> (batch, height, width, channels) uint8, 0..255."""
    levels = (image * 127.5 + 127.5).round().clamp(0, 255)
    return levels.permute(0, 2, 3, 1).to(torch.uint8)
