"""Texts that a generator draws token by token while it is trained, and how they go on from any place of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gantools.core.tokens import BEGIN, END, UNKNOWN

State = tuple[Tensor, ...]


@dataclass(frozen=True)
class Drawn:
    """Texts, and what the generator knew at each place of theirs.

    Attributes:
        tokens: (batch, steps) int64.
        states: Its state before each place.
    """

    tokens: Tensor
    states: tuple[State, ...]


@contextmanager
def surely(net: nn.Module) -> Iterator[None]:
    """Without dropout: what is drawn, and how likely it is, is of the model that ships."""
    dropping: list[Any] = [module for module in net.modules() if isinstance(module, nn.Dropout | nn.RNNBase)]
    names = ["p" if isinstance(module, nn.Dropout) else "dropout" for module in dropping]
    kept = [getattr(module, name) for module, name in zip(dropping, names, strict=True)]
    try:
        for module, name in zip(dropping, names, strict=True):
            setattr(module, name, 0.0)
        yield
    finally:
        for module, name, share in zip(dropping, names, kept, strict=True):
            setattr(module, name, share)


@torch.no_grad()
def draw(net: nn.Module, count: int, steps: int, rng: torch.Generator, known: Mapping[str, Tensor]) -> Drawn:
    """Draw texts.

    Args:
        net: Begins, and steps from token to token.
        count: How many texts.
        steps: The most tokens, the end among them.
        rng: On the CPU.
        known: ``latent`` and ``label``, where the generator takes them.
    """
    steppable: Any = net
    state = steppable.begin(known.get("latent"), known.get("label"), count)
    device = next(net.parameters()).device
    token = torch.full((count,), BEGIN, device=device)
    ended = torch.zeros(count, dtype=torch.bool, device=device)
    tokens, states = [], []
    for _ in range(steps):
        states.append(state)
        token, state = _next(steppable, token, state, ended, rng)
        ended = ended | (token == END)
        tokens.append(token)
    return Drawn(torch.stack(tokens, 1), tuple(states))


@torch.no_grad()
def gone_on(net: nn.Module, drawn: Drawn, place: int, times: int, rng: torch.Generator) -> Tensor:
    """Draw how texts go on behind a place, again and again.

    Args:
        net: As for ``draw``.
        drawn: What it drew.
        place: The last token that stays.
        times: How often for each text.
        rng: On the CPU.

    Returns:
        (times * batch, steps) int64; the first ``batch`` rows are the first continuation of each.
    """
    steppable: Any = net
    steps = drawn.tokens.shape[1]
    kept = drawn.tokens[:, : place + 1].repeat(times, 1)
    state = tuple(part.repeat(times, *(1 for _ in part.shape[1:])) for part in drawn.states[place + 1])
    token, ended = kept[:, -1], (kept == END).any(1)
    tokens = [kept]
    for _ in range(place + 1, steps):
        token, state = _next(steppable, token, state, ended, rng)
        ended = ended | (token == END)
        tokens.append(token[:, None])
    return torch.cat(tokens, 1)


def _next(net: Any, token: Tensor, state: State, ended: Tensor, rng: torch.Generator) -> tuple[Tensor, State]:
    """One token, as likely as the exported graph chooses it where nothing is set; but by one uniform number."""
    logits, state = net.step(token, state)
    logits = logits.float()
    logits[:, [BEGIN, UNKNOWN]] = -torch.inf
    uniform = torch.rand(len(token), 1, generator=rng).to(logits.device)
    shares = logits.softmax(1).cumsum(1)
    chosen = (shares < uniform * shares[:, -1:]).sum(1).clamp(max=logits.shape[1] - 1)
    return torch.where(ended, torch.full_like(chosen, END), chosen), state
