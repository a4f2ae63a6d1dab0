"""A small causal transformer: the decoder of Vaswani et al., "Attention Is All You Need" (NeurIPS 2017), as in GPT-2.

Normalization before each block and learned positions (Radford et al. 2019). While it samples, keys and values of all
places are part of the state, at a fixed length, so that every step has the same shapes.
"""

from __future__ import annotations

from math import sqrt

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.models.model import Architecture, Model
from gantools.models.text.generator import DEFAULTS, Context, State, TextConfig, TextGenerator, before
from gantools.models.text.graphs import text_model

_DEVIATION = 0.02  # of weights at the beginning, as in GPT-2
_UNSEEN = -1e9  # added to what attention may not look at; finite, and nothing beside any score


class TransformerConfig(TextConfig):
    """Options of ``text_transformer``, beside those of ``TextConfig``.

    Attributes:
        width: Length of the vector of a place.
        layers: How many blocks.
        heads: Of attention, in each block; ``width`` is a multiple of it.
        dropout: Share of units dropped from vectors of tokens and from what each half of a block adds.
        tied: The output has the vectors of the input (Press and Wolf 2017).
    """

    width: int = Field(default=256, ge=1)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    tied: bool = True


class Block(nn.Module):
    """Attention to what came before, then a layer for each place alone; each adds to the vector it reads.

    Args:
        config: Sizes.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.norm, self.other_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.look, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, places: Tensor) -> Tensor:
        """(batch, steps, width) -> the same."""
        query, key, value = (part.transpose(1, 2) for part in self._look(places))
        found = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self._add(places, found.transpose(1, 2).flatten(2))

    def step(self, place: Tensor, keys: Tensor, values: Tensor, here: Tensor, unseen: Tensor) -> tuple[Tensor, ...]:
        """One place further.

        Args:
            place: (batch, 1, width).
            keys: Of all places so far, (batch, heads, places, width / heads).
            values: Likewise.
            here: (batch, 1, places, 1) bool: which place it is.
            unseen: (batch, 1, 1, places) float32, far below 0 for places that come later.

        Returns:
            The place, and the keys and values with those of this place among them.
        """
        query, key, value = (part.transpose(1, 2) for part in self._look(place))
        keys, values = torch.where(here, key, keys), torch.where(here, value, values)
        scores = query @ keys.transpose(2, 3) / sqrt(keys.shape[3]) + unseen
        found = scores.softmax(3) @ values
        return self._add(place, found.transpose(1, 2).flatten(2)), keys, values

    def _look(self, places: Tensor) -> tuple[Tensor, ...]:
        """Query, key and value: (batch, steps, heads, width / heads) each."""
        looked = self.look(self.norm(places))
        return tuple(part.unflatten(2, (self.heads, -1)) for part in looked.chunk(3, 2))

    def _add(self, places: Tensor, found: Tensor) -> Tensor:
        places = places + self.dropout(self.join(found))
        changed = self.narrow(F.gelu(self.widen(self.other_norm(places))))
        added: Tensor = places + self.dropout(changed)
        return added


class TransformerGenerator(TextGenerator):
    """See ``TextGenerator``.

    The state is the number of the place (batch, 1) float32; keys and values, (batch, layers, heads, steps, width /
    heads) each; then what the context adds to every place (batch, width), where there is one.

    Args:
        config: Sizes.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        if config.width % config.heads:
            raise RecipeError(
                f"the width of 'text_transformer' is {config.width}, no multiple of its {config.heads} heads.",
                hint="set model.width to a multiple of model.heads",
            )
        self.steps, self.heads, self.width = config.steps, config.heads, config.width
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.steps, config.width)
        self.context = Context(config, config.width)
        self.kept = 1 if self.context.size else 0
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.output = None if config.tied else nn.Linear(config.width, config.vocabulary, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, 0.0, _DEVIATION)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
            if isinstance(module, Block):  # each adds to the same vector, twice
                for adding in (module.join, module.narrow):
                    adding.weight.data /= sqrt(2 * config.layers)

    def begin(self, latent: Tensor | None, label: Tensor | None, batch: int) -> State:
        """See ``TextGenerator``."""
        weight = self.positions.weight
        shape = (batch, len(self.blocks), self.heads, self.steps, self.width // self.heads)
        keys, values = (weight.new_zeros(shape, dtype=torch.float32) for _ in range(2))
        place = weight.new_zeros((batch, 1), dtype=torch.float32)
        context = (self.context(latent, label),) if self.kept else ()
        return (place, keys, values, *context)

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """See ``TextGenerator``."""
        place, keys, values, *context = state
        # Whoever tries the graph with numbers that are no places must not get numbers that are none.
        at = place.round().clamp(0, self.steps - 1)
        there = torch.arange(self.steps, device=place.device)
        here = (there == at)[:, None, :, None]
        unseen = ((there > at).float() * _UNSEEN)[:, None, None, :]
        vector = self.embedding(token) + self.positions(at.long().squeeze(1))
        vector = self.dropout(vector + context[0] if context else vector)[:, None]
        made_keys, made_values = [], []
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            vector, key, value = block.step(vector, keys[:, layer], values[:, layer], here, unseen)
            made_keys.append(key)
            made_values.append(value)
        following = (at + 1, torch.stack(made_keys, 1).float(), torch.stack(made_values, 1).float())
        return self.logits(vector.squeeze(1)), (*following, *(part.clone() for part in context))

    def features(self, tokens: Tensor, latent: Tensor | None = None, label: Tensor | None = None) -> Tensor:
        """See ``TextGenerator``."""
        vectors = self.embedding(before(tokens)) + self.positions.weight[: tokens.shape[1]]
        if self.kept:
            vectors = vectors + self.context(latent, label)[:, None]
        vectors = self.dropout(vectors)
        for block in self.blocks:
            vectors = block(vectors)
        found: Tensor = vectors
        return found

    def logits(self, features: Tensor) -> Tensor:
        """See ``TextGenerator``."""
        features = self.norm(features)
        logits: Tensor = F.linear(features, self.embedding.weight) if self.output is None else self.output(features)
        return logits.float()


def _build(config: TransformerConfig) -> Model:
    return text_model(TransformerGenerator(config))


text_transformer = Architecture(TransformerConfig, _build, defaults={"objective": {"name": "likelihood"}, **DEFAULTS})
