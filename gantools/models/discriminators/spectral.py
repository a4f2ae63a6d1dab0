"""Spectral normalization of a whole network (Miyato et al., ICLR 2018, equation 8)."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

_WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Linear, nn.Embedding)


def normalize(net: nn.Module) -> None:
    """Divide every weight of convolutions, linear maps and embeddings by its largest singular value.

    Call it after the initialization: the power iteration starts from the weights. In inference mode the division uses
    the singular vectors as they were last, so an exported weight is a constant.
    """
    for module in [module for module in net.modules() if isinstance(module, _WEIGHTED)]:
        spectral_norm(module)
