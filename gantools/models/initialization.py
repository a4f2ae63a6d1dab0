"""How weights start, for architectures that share a convention."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def dcgan_normal(module: nn.Module) -> None:
    """Radford et al. 2016, section 4: weights N(0, 0.02); scales of batch norm N(1, 0.02), as in the authors' code."""
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
