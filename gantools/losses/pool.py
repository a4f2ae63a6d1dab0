"""A history of images that a generator made, from which its discriminator is shown some of the older ones.

Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training", CVPR 2017, section
2.3: a discriminator that only sees the last images forgets the faults of the earlier ones, and the two go round in
circles.
"""

from __future__ import annotations

import torch
from torch import Tensor


class ImagePool:
    """At most so many images. Until it is full it keeps each and shows it; then it exchanges every other one.

    Args:
        size: How many, at least 1.

    Attributes:
        images: (n, channels, height, width) uint8, 0..255, the images of which it consists, changed in place; (0,)
            before the first. In 8 bits, as real ones come: a quarter of the size in memory and checkpoints.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images = torch.zeros(0, dtype=torch.uint8)

    @torch.no_grad()
    def shown(self, made: Tensor, rng: torch.Generator) -> Tensor:
        """What the discriminator is to see instead of the images that were just made.

        Args:
            made: (batch, channels, height, width) float in [-1, 1].
            rng: On the CPU.

        Returns:
            As ``made``: each is one of them, or with a probability of 1/2 an older one, whose place it takes.
        """
        shown = made.detach().clone()
        for number, image in enumerate(((made.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)):
            if len(self.images) < self.size:
                self.images.data = torch.cat([self.images, image[None]]) if len(self.images) else image[None].clone()
            elif torch.rand((), generator=rng) < 0.5:
                place = int(torch.randint(self.size, (), generator=rng))
                shown[number] = self.images[place].float() / 127.5 - 1
                self.images[place] = image
        return shown
