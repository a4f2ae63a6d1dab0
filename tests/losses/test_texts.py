"""Losses of texts, with generators whose answers are known."""

import math

import pytest
import torch
from torch import Tensor, nn

from gantools.core.tokens import BEGIN, END, UNKNOWN
from gantools.losses.drawing import draw, gone_on
from gantools.losses.likelihood import inside, token_nats
from gantools.losses.objectives.objective import Batch
from gantools.losses.objectives.relgan import RelGAN, RelGANConfig, draw_soft
from gantools.losses.objectives.seqgan import SeqGAN, SeqGANConfig

VOCABULARY, STEPS = 6, 5


class Chain(nn.Module):
    """Each token depends on the one before it alone; the state counts tokens."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(logits)

    def begin(self, latent: Tensor | None, label: Tensor | None, count: int) -> tuple[Tensor, ...]:
        del latent, label
        return (torch.zeros(count, 1),)

    def step(self, token: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        return self.table[token], (state[0] + 1,)

    def forward(self, tokens: Tensor) -> Tensor:
        before = torch.cat([torch.full((len(tokens), 1), BEGIN), tokens[:, :-1]], 1)
        return self.table[before]


class Likes(nn.Module):
    """A discriminator that counts a token."""

    def __init__(self, token: int) -> None:
        super().__init__()
        self.token = token
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.scale * ((tokens == self.token).float().sum(1) - 1)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nats_are_those_of_the_tokens_up_to_the_end() -> None:
    tokens = torch.tensor([[3, END, END], [4, 5, 3]])
    assert inside(tokens).tolist() == [[1, 1, 0], [1, 1, 1]]
    nats = token_nats(torch.zeros(2, 3, VOCABULARY), tokens)
    torch.testing.assert_close(nats, math.log(VOCABULARY) * inside(tokens))


def test_what_is_drawn_has_the_shares_of_the_model_and_nothing_that_no_text_holds() -> None:
    shares = torch.tensor([0.25, 0.1, 0.1, 0.3, 0.2, 0.05])
    drawn = draw(Chain(shares.log().repeat(VOCABULARY, 1)), 20_000, STEPS, rng(), {})
    assert drawn.tokens.shape == (20_000, STEPS)
    assert len(drawn.states) == STEPS
    assert not ((drawn.tokens == BEGIN) | (drawn.tokens == UNKNOWN)).any()
    found = torch.bincount(drawn.tokens[:, 0], minlength=VOCABULARY) / 20_000
    expected = shares * torch.tensor([1.0, 0, 0, 1, 1, 1])
    torch.testing.assert_close(found, expected / expected.sum(), atol=0.015, rtol=0)
    ended = (drawn.tokens == END).long().cumsum(1) > 0
    assert bool((drawn.tokens[ended] == END).all())


def test_a_text_goes_on_from_where_it_is_and_what_stood_before_stays() -> None:
    table = torch.full((VOCABULARY, VOCABULARY), -1e9)
    table[BEGIN, [3, 4]] = 0.0
    table[3, 4], table[4, 5], table[5, 3] = 0.0, 0.0, 0.0  # a circle
    net = Chain(table)
    drawn = draw(net, 8, STEPS, rng(), {})
    assert len(set(drawn.tokens[:, 0].tolist())) == 2
    for place in range(STEPS - 1):
        texts = gone_on(net, drawn, place, 3, rng(1))
        torch.testing.assert_close(texts, drawn.tokens.repeat(3, 1))  # a circle leaves no choice
    ending = Chain(torch.full((VOCABULARY, VOCABULARY), -1e9).index_fill(1, torch.tensor([END]), 0.0))
    assert set(gone_on(ending, draw(ending, 4, STEPS, rng(), {}), 0, 2, rng()).flatten().tolist()) == {END}


@pytest.mark.parametrize("rollouts", [0, 16])
def test_seqgan_learns_what_the_discriminator_likes(rollouts: int) -> None:
    torch.manual_seed(0)
    net, judge = Chain(torch.zeros(VOCABULARY, VOCABULARY)), Likes(4)
    objective = SeqGAN(SeqGANConfig(pretrain_steps=0, rollouts=rollouts))
    optimizer = torch.optim.Adam(net.parameters(), 0.1)
    batch = Batch(torch.full((64, STEPS), 4), {})
    phase = objective.phases[-1]
    assert phase.name == "G"
    rewards = []
    for step in range(40):
        loss = objective.loss(phase, {"G": net, "D": judge}, batch, rng(step))
        assert loss.value is not None
        optimizer.zero_grad()
        torch.autograd.backward(loss.value)
        optimizer.step()
        rewards.append(float(loss.terms["G.reward"]))
    assert rewards[-1] > rewards[0] + 0.2
    liked = (draw(net, 500, STEPS, rng(), {}).tokens == 4).float().mean()
    assert liked > 0.6


def test_phases_of_seqgan_come_one_after_another() -> None:
    objective = SeqGAN(SeqGANConfig(pretrain_steps=100, discriminator_steps=30, generator_every=2))

    def due(step: int) -> list[str]:
        return [phase.name for phase in objective.phases if phase.is_due(step)]

    assert due(0) == due(69) == ["likelihood"]
    assert due(70) == due(99) == ["likelihood", "D"]
    assert due(100) == ["D", "G"]
    assert due(101) == ["D"]
    assert [phase.name for phase in SeqGAN(SeqGANConfig(pretrain_steps=0)).phases] == ["D", "G"]


class Weighs(nn.Module):
    """A discriminator that likes a token, of texts that are weights of tokens."""

    def __init__(self, token: int) -> None:
        super().__init__()
        self.token = token
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, weights: Tensor) -> Tensor:
        return self.scale * weights[:, :, self.token].sum(1)


def test_soft_texts_are_distributions_and_nearly_one_hot_in_the_end() -> None:
    net = Chain(torch.zeros(VOCABULARY, VOCABULARY))
    batch = Batch(torch.full((200, STEPS), 4), {})
    soft, hard = (draw_soft(net, batch, sharpness, rng()).detach() for sharpness in (1.0, 1000.0))
    for texts in (soft, hard):
        torch.testing.assert_close(texts.sum(2), torch.ones(200, STEPS))
        assert float(texts[:, :, [BEGIN, UNKNOWN]].max()) == 0.0
    assert float(soft.max(2).values[:, 0].median()) < 0.9
    assert float(hard.max(2).values.median()) > 0.999
    tokens = hard.argmax(2)
    ended = (tokens == END).long().cumsum(1) > 0
    assert bool((tokens[ended] == END).all())
    assert ended.any()


def test_relgan_learns_what_the_discriminator_likes() -> None:
    torch.manual_seed(0)
    net, judge = Chain(torch.zeros(VOCABULARY, VOCABULARY)), Weighs(4)
    objective = RelGAN(RelGANConfig(pretrain_steps=0, inverse_temperature=2))
    optimizer = torch.optim.Adam(net.parameters(), 0.1)
    batch = Batch(torch.full((64, STEPS), 4), {})
    for step in range(40):
        loss = objective.loss(objective.phases[-1], {"G": net, "D": judge}, batch, rng(step))
        assert loss.value is not None
        optimizer.zero_grad()
        torch.autograd.backward(loss.value)
        optimizer.step()
    liked = (draw(net, 500, STEPS, rng(), {}).tokens == 4).float().mean()
    assert liked > 0.8


def test_the_softmax_of_relgan_gets_sharper_during_the_game() -> None:
    objective = RelGAN(RelGANConfig(pretrain_steps=10, anneal_steps=100, inverse_temperature=100))
    assert [objective.sharpness(step) for step in (0, 10, 60, 110, 500)] == pytest.approx([1, 1, 10, 100, 100])
