"""Losses of texts, with generators whose answers are known."""

import math

import pytest
import torch
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.core.tokens import BEGIN, END, UNKNOWN
from gantools.losses import OBJECTIVES
from gantools.losses.drawing import Drawn, draw, gone_on, surely
from gantools.losses.likelihood import inside, token_nats
from gantools.losses.objectives.objective import Batch
from gantools.losses.objectives.relgan import RelGAN, RelGANConfig, draw_soft
from gantools.losses.objectives.scratchgan import ScratchGAN, ScratchGANConfig
from gantools.losses.objectives.seqgan import SeqGAN, SeqGANConfig
from gantools.models.text.recurrent import RecurrentConfig, RecurrentGenerator

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

    def features(self, tokens: Tensor) -> Tensor:
        return torch.cat([torch.full((len(tokens), 1), BEGIN), tokens[:, :-1]], 1)

    def logits(self, features: Tensor) -> Tensor:
        return self.table[features]


class Likes(nn.Module):
    """A discriminator that counts a token; or looks for it at every place."""

    every_place = False

    def __init__(self, token: int) -> None:
        super().__init__()
        self.token = token
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, tokens: Tensor) -> Tensor:
        found = (tokens == self.token).float()
        return self.scale * (2 * found - 1 if self.every_place else found.sum(1) - 1)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_nats_are_those_of_the_tokens_up_to_the_end() -> None:
    tokens = torch.tensor([[3, END, END], [4, 5, 3]])
    assert inside(tokens).tolist() == [[1, 1, 0], [1, 1, 1]]
    nats = token_nats(Chain(torch.zeros(VOCABULARY, VOCABULARY)), tokens)
    torch.testing.assert_close(nats, math.log(VOCABULARY) * inside(tokens))
    chain = Chain(torch.arange(VOCABULARY * VOCABULARY).reshape(VOCABULARY, VOCABULARY).float().sin())
    shares = chain.table.detach().log_softmax(1)
    expected = [[shares[BEGIN, 3], shares[3, END], 0], [shares[BEGIN, 4], shares[4, 5], shares[5, 3]]]
    torch.testing.assert_close(token_nats(chain, tokens), -torch.tensor(expected))
    longer = torch.nn.functional.pad(tokens[:1], (0, 5), value=END)  # nothing is computed behind the longest
    torch.testing.assert_close(token_nats(chain, longer)[:, :3], token_nats(chain, tokens)[:1])


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


POLICIES = {
    "seqgan, whole": SeqGAN(SeqGANConfig(pretrain_steps=0, rollouts=0)),
    "seqgan, 16 continuations": SeqGAN(SeqGANConfig(pretrain_steps=0, rollouts=16)),
    "scratchgan": ScratchGAN(ScratchGANConfig(pretrain_steps=0)),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_learns_what_the_discriminator_likes(name: str) -> None:
    torch.manual_seed(0)
    net, judge, objective = Chain(torch.zeros(VOCABULARY, VOCABULARY)), Likes(4), POLICIES[name]
    judge.every_place = name == "scratchgan"
    objective.check({"G": net, "D": judge})
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


def test_rewards_that_follow_count_less_the_later_they_come() -> None:
    objective = ScratchGAN(ScratchGANConfig(pretrain_steps=0, discount=0.5))
    judge = Likes(4)
    judge.every_place = True
    judge.scale.data.fill_(100.0)  # sure: rewards are 1 and -1
    drawn = Drawn(torch.tensor([[4, 4, 3, END, END]]), ())
    rewards = objective.rewards({"D": judge}, drawn, None, rng())
    last = -1.0  # the token that ends the text is its last
    third = -1 + 0.5 * last
    second = 1 + 0.5 * third
    assert rewards[0].tolist() == pytest.approx([1 + 0.5 * second, second, third, last, 0.0])


@pytest.mark.parametrize(("name", "every"), [("seqgan", True), ("relgan", True), ("scratchgan", False)])
def test_a_discriminator_that_judges_otherwise_is_refused(name: str, every: bool) -> None:
    row = OBJECTIVES.load(name)
    judge = Likes(4)
    judge.every_place = every
    said = "every place of a text, and this one judges whole" if not every else "whole texts, and this one judges every"
    with pytest.raises(RecipeError, match=said) as caught:
        row.build(row.Config()).check({"G": nn.Identity(), "D": judge})
    assert "discriminator.every_place" in str(caught.value.hint)


def test_what_is_drawn_is_of_the_model_that_ships_and_dropout_comes_back() -> None:
    config = RecurrentConfig(vocabulary=VOCABULARY, steps=STEPS, embedding=6, hidden=8, layers=2, dropout=0.5)
    torch.manual_seed(0)
    net = RecurrentGenerator(config, "gru")
    tokens = torch.randint(3, VOCABULARY, (4, STEPS))
    with surely(net):
        sure, drawn = token_nats(net, tokens), draw(net, 50, STEPS, rng(), {}).tokens
    dropped = token_nats(net, tokens)
    assert not torch.allclose(token_nats(net, tokens), dropped)
    net.eval()
    torch.testing.assert_close(token_nats(net, tokens), sure)
    assert torch.equal(draw(net, 50, STEPS, rng(), {}).tokens, drawn)


def test_phases_of_seqgan_come_one_after_another() -> None:
    objective = SeqGAN(SeqGANConfig(pretrain_steps=100, discriminator_steps=30, generator_every=2))

    def due(step: int) -> list[str]:
        return [phase.name for phase in objective.phases if phase.is_due(step)]

    assert due(0) == due(69) == ["likelihood"]
    assert due(70) == due(99) == ["likelihood", "D"]
    assert due(100) == ["D", "G"]
    assert due(101) == ["D"]
    alone = SeqGAN(SeqGANConfig(pretrain_steps=0, discriminator_steps=30))
    assert [phase.name for phase in alone.phases] == ["D", "G"]
    assert [[phase.name for phase in alone.phases if phase.is_due(step)] for step in (29, 30)] == [["D"], ["D", "G"]]


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
