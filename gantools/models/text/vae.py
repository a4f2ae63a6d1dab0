"""A variational autoencoder of sentences (Bowman et al., "Generating Sentences from a Continuous Space", CoNLL 2016).

An encoder that gives each text a distribution over latents, and a recurrent decoder that is the generator. A strong
decoder learns to do without the latent; words that it is not told while it trains (section 3.1 there) make it ask.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor, nn

from gantools.core.artifact import ENCODER
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.core.tokens import END, UNKNOWN
from gantools.models.model import Architecture, ExportGraph, Model
from gantools.models.text.cells import Cells
from gantools.models.text.generator import DEFAULTS, before
from gantools.models.text.graphs import text_model
from gantools.models.text.recurrent import RecurrentConfig, RecurrentGenerator


class TextVAEConfig(RecurrentConfig):
    """Options of ``text_vae``, beside those of ``text_gru``.

    Attributes:
        latent: Length of the code of a text.
        word_dropout: Share of the tokens that the decoder sees as unknown while it is trained.
    """

    latent: int = Field(default=32, ge=1)
    word_dropout: float = Field(default=0.25, ge=0, le=1)


class Decoder(RecurrentGenerator):
    """A GRU that is not told every word.

    Args:
        config: Sizes.
    """

    def __init__(self, config: TextVAEConfig) -> None:
        super().__init__(config, "gru")
        self.word_dropout = config.word_dropout

    def previous(self, tokens: Tensor) -> Tensor:
        """See ``RecurrentGenerator``. The beginning stays known."""
        told = before(tokens)
        if not (self.training and self.word_dropout):
            return told
        dropped = torch.rand(told.shape, device=told.device) < self.word_dropout
        dropped[:, 0] = False
        return told.masked_fill(dropped, UNKNOWN)


class Encoder(nn.Module):
    """tokens (batch, steps) int64 -> mean and log variance of the latent, (batch, latent) float32 each.

    They are of a Gaussian with independent dimensions, read off the state of a GRU at the end of the text.

    Args:
        config: Sizes.
    """

    def __init__(self, config: TextVAEConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocabulary, config.embedding)
        self.cells = Cells("gru", config.embedding, config.hidden)
        self.mean = nn.Linear(config.hidden, config.latent)
        self.log_variance = nn.Linear(config.hidden, config.latent)
        nn.init.zeros_(self.log_variance.weight)  # codes begin with the variance of the prior
        nn.init.zeros_(self.log_variance.bias)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        states = self.cells(self.embedding(tokens), self.cells.zeros(tokens.shape[0]))
        ended = (tokens == END).long().cumsum(1)
        last = (ended == 0).long().sum(1).clamp(max=tokens.shape[1] - 1)  # the first end, or the last token
        state = states.gather(1, last[:, None, None].expand(-1, 1, states.shape[2])).squeeze(1)
        return self.mean(state).float(), self.log_variance(state).float()


class TextEncoder(nn.Module):
    """The encoder as it ships: tokens (batch, steps) int32 -> latent and log variance.

    Args:
        encoder: Tokens (batch, steps) int64 -> mean and log variance.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        mean, log_variance = self.encoder(tokens.long())
        return mean, log_variance


def _build(config: TextVAEConfig) -> Model:
    decoder, encoder = Decoder(config), Encoder(config)
    model = text_model(decoder, nets={"E": encoder, "G": decoder})
    main = model.graphs["generator"].spec
    mean, log_variance = (
        TensorSpec(name=name, dtype="float32", shape=("batch", config.latent), doc=doc)
        for name, doc in (("latent", "the code of the text"), ("log_variance", "log of the code's variance"))
    )
    spec = GraphSpec(inputs=main.outputs, outputs=(mean, log_variance), axes=main.axes)
    return replace(model, graphs={**model.graphs, ENCODER: ExportGraph(TextEncoder(encoder), spec)})


text_vae = Architecture(TextVAEConfig, _build, defaults={"objective": {"name": "text_elbo"}, **DEFAULTS})
