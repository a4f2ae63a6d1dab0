"""A recurrent network that restores a film frame by frame, with what it made and found before.

After "Efficient Video Super-Resolution through Recurrent Latent Space Propagation" (Fuoli, Gu and Timofte, ICCVW 2019):
the frame, the one before it, what was made of that, and a map of features that the network writes for itself go into
one stack of convolutions, which learns by itself where things have moved. Unlike there it waits for no later frame, so
that it can run on what is being filmed. What was made before is given in the size of the frame, each of its pixels as
channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantools.models.model import Architecture, Model
from gantools.models.translate.graphs import translation_model
from gantools.models.video.restorer import RestorerConfig

State = tuple[Tensor, Tensor, Tensor]


class RecurrentConfig(RestorerConfig):
    """Options of ``recurrent``: those of every restorer.

    ``nano`` has about 70 thousand parameters, ``small`` 270 thousand, ``base`` 830 thousand.
    """

    sizes = {"nano": (32, 5), "small": (48, 10), "base": (64, 20)}


class RecurrentNet(nn.Module):
    """A frame and the state -> what it should be, and the next state.

    Frames are (batch, channels, height, width) float32 in [-1, 1], NCHW, and come out ``scale`` times as large. The
    state is the frame before, what was made of it (batch, channels * scale^2, height, width), and features (batch,
    width, height, width); before the first frame all of it is zero.
    """

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.width, depth = config.shape
        self.scale, self.channels = config.scale, config.channels
        self.pixels = config.channels * config.scale**2
        inner = 2 * config.channels + self.pixels + self.width
        blocks: list[nn.Module] = [nn.Conv2d(inner, self.width, 3, padding=1), nn.PReLU(self.width, 0.1)]
        for _ in range(depth):
            blocks += [nn.Conv2d(self.width, self.width, 3, padding=1), nn.PReLU(self.width, 0.1)]
        self.blocks = nn.Sequential(*blocks)
        self.image = nn.Conv2d(self.width, self.pixels, 3, padding=1)
        self.features = nn.Conv2d(self.width, self.width, 3, padding=1)
        for block in (*self.blocks, self.features):
            if isinstance(block, nn.Conv2d):
                nn.init.kaiming_normal_(block.weight, a=0.1)
                nn.init.zeros_(block.bias)  # type: ignore[arg-type]  # there is one
        nn.init.normal_(self.image.weight, std=1e-3)
        nn.init.zeros_(self.image.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor, before: Tensor, made: Tensor, hidden: Tensor) -> tuple[Tensor, *State]:
        """See the class; the next state comes behind the image, in the order of the inputs."""
        found = self.blocks(torch.cat([image, before, made, hidden], 1))
        repeated = image if self.scale == 1 else F.interpolate(image, scale_factor=float(self.scale), mode="nearest")
        missing = self.image(found).float()
        result = repeated + (missing if self.scale == 1 else F.pixel_shuffle(missing, self.scale))
        # Bounded, so that nothing grows over thousands of frames.
        written = torch.tanh(self.features(found).float())
        gathered = result if self.scale == 1 else F.pixel_unshuffle(result, self.scale)
        return result, image, gathered.clamp(-1, 1), written

    def begin(self, image: Tensor) -> State:
        """The state before the first frame."""
        batch, _, height, width = image.shape
        return (
            torch.zeros_like(image),
            image.new_zeros(batch, self.pixels, height, width),
            image.new_zeros(batch, self.width, height, width),
        )

    def clip(self, frames: Tensor) -> Tensor:
        """Frames that follow each other, (batch, frames, channels, height, width), all at once, from the first on."""
        state = self.begin(frames[:, 0])
        results = []
        for frame in frames.unbind(1):
            result, *rest = self(frame, *state)
            state = (rest[0], rest[1], rest[2])
            results.append(result)
        return torch.stack(results, 1)


def _build(config: RecurrentConfig) -> Model:
    net = RecurrentNet(config)
    states = {"before": config.channels, "made": net.pixels, "hidden": net.width}
    return translation_model(net, scale=config.scale, channels=config.channels, states=states)


recurrent = Architecture(RecurrentConfig, _build, defaults={"objective": {"name": "pixels"}, "data": {"frames": 5}})
