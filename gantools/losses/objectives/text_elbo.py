"""The evidence lower bound of a variational autoencoder of texts, negated (Bowman et al., CoNLL 2016, equation 1).

As ``elbo``, with the likelihood of tokens; in nats for a text. A strong decoder does without the latent unless that
costs nothing at first: hence a warm-up and free bits unless a recipe says otherwise. Nets ``"E"`` and ``"G"``.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from gantools.losses.likelihood import inside, token_nats
from gantools.losses.objectives.elbo import Bound, BoundConfig
from gantools.losses.objectives.objective import Batch, ObjectiveRow


class TextELBOConfig(BoundConfig):
    """Options of ``text_elbo``: those of every bound, with other defaults.

    Attributes:
        free_bits: See ``BoundConfig``.
        warmup_steps: See ``BoundConfig``.
    """

    free_bits: float = Field(default=0.1, ge=0)
    warmup_steps: int = Field(default=1000, ge=0)


class TextELBO(Bound):
    """See the module."""

    def reconstruction(self, decoder: nn.Module, latent: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """See ``Bound``: of all tokens of a text; told is the mean of a token."""
        label = {} if batch.labels is None else {"label": batch.labels}
        nats = token_nats(decoder, batch.real, latent=latent, **label)
        return nats.sum(1).mean(), {"VAE.nats": (nats.sum() / inside(batch.real).sum()).detach()}


text_elbo = ObjectiveRow(TextELBOConfig, TextELBO, nets=("E", "G"), makes="texts")
