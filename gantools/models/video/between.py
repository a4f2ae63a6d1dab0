"""A network that makes the frame in the middle of two.

It finds where every pixel of that frame was in the frame before and is in the frame after, fetches it from both, and
mixes the two; what neither has it adds. After "Real-Time Intermediate Flow Estimation for Video Frame Interpolation"
(Huang et al., ECCV 2022), with one scale of flow in place of three and no teacher.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.core.spec import Frozen
from gantools.models.model import Architecture, Model
from gantools.models.translate.graphs import translation_model

STEP = 8
"""Heights and widths are multiples of it: the flow is found at an eighth of the size."""
_REACH = 16.0  # pixels that a flow of 1 means: what the last layer gives at first is small


class BetweenConfig(Frozen):
    """Options of ``between``.

    Attributes:
        width: Channels at a quarter of the size; at an eighth there are twice as many.
        depth: Residual convolutions at an eighth of the size, each of which sees 16 pixels further.
    """

    width: int = Field(default=32, ge=8, multiple_of=8)
    depth: int = Field(default=6, ge=1)


class Between(nn.Module):
    """Both frames (batch, 6, height, width) float32 in [-1, 1], the one before first -> the middle one (batch, 3, ...).

    Attributes:
        flows: What moves and mixes: the last layer, which begins with standing still and half of each.
    """

    def __init__(self, config: BetweenConfig) -> None:
        super().__init__()
        width = config.width
        self.stem = nn.Sequential(
            nn.Conv2d(6, width, 3, stride=2, padding=1),
            nn.PReLU(width, 0.1),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.PReLU(width, 0.1),
        )
        self.down = nn.Sequential(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.PReLU(2 * width, 0.1))
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.PReLU(2 * width, 0.1))
            for _ in range(config.depth)
        )
        self.up = nn.Sequential(nn.Conv2d(2 * width, 4 * width, 3, padding=1), nn.PixelShuffle(2))
        self.head = nn.Sequential(nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.PReLU(2 * width, 0.1))
        self.flows = nn.Conv2d(2 * width, 16 * 8, 3, padding=1)  # two flows, a mask and a colour for each pixel
        nn.init.normal_(self.flows.weight, std=1e-3)
        nn.init.zeros_(self.flows.bias)  # type: ignore[arg-type]  # there is one

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        near = self.stem(frames)
        far = self.down(near)
        for block in self.blocks:
            far = far + block(far)
        seen = self.head(torch.cat([near, self.up(far)], 1))
        found = F.pixel_shuffle(self.flows(seen).float(), 4)
        before, after = frames[:, :3], frames[:, 3:]
        share = torch.sigmoid(found[:, 4:5])
        mixed = share * moved(before, _REACH * found[:, :2]) + (1 - share) * moved(after, _REACH * found[:, 2:4])
        return mixed + found[:, 5:]


def moved(image: Tensor, flow: Tensor) -> Tensor:
    """What lies where a flow leads to, bilinear between pixels; outside, the edge.

    Args:
        image: (batch, channels, height, width).
        flow: (batch, 2, height, width): to the right and down, in pixels.
    """
    height, width = image.shape[2:]
    across = torch.arange(width, device=image.device, dtype=torch.float32)
    down = torch.arange(height, device=image.device, dtype=torch.float32)
    x = (across[None, None, :] + flow[:, 0]) * (2.0 / (width - 1)) - 1.0
    y = (down[None, :, None] + flow[:, 1]) * (2.0 / (height - 1)) - 1.0
    grid = torch.stack([x, y], -1)
    return F.grid_sample(image.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)


def _build(config: BetweenConfig) -> Model:
    return translation_model(Between(config), given=6, step=STEP, between=True)


between = Architecture(
    BetweenConfig,
    _build,
    defaults={"objective": {"name": "pixels"}, "data": {"frames": 3, "degrade": [{"name": "middle"}]}},
)
