"""How one token is chosen, against a plain computation in double precision."""

from math import isqrt

import numpy as np
import numpy.typing as npt
import pytest
import torch

from gantools.core.tokens import BEGIN, UNKNOWN
from gantools.models.text.choice import Choice, inverse

VOCABULARY, CANDIDATES, ROWS = 200, 50, 400
SETTINGS = [(1.0, 0, 1.0), (0.5, 0, 1.0), (1.7, 7, 1.0), (1.0, 0, 0.8), (1.0, 30, 0.6), (0.3, 0, 0.01), (1.0, 1, 1.0)]
DRAWS = 60_000


def plain(logits: npt.NDArray[np.float32], temperature: float, top_k: int, top_p: float) -> npt.NDArray[np.float64]:
    """What every token's probability shall be: sorted, cut and divided by the rest, as the papers say."""
    heights = logits.astype(np.float64)
    heights[[BEGIN, UNKNOWN]] = -np.inf
    shares = np.exp((heights - heights.max()) / temperature)
    order = np.argsort(-shares, kind="stable")
    if top_k:
        shares[order[top_k:]] = 0
    shares /= shares.sum()
    if top_p < 1:
        kept = int(np.searchsorted(np.cumsum(shares[order]), top_p)) + 1
        shares[order[min(kept, CANDIDATES) :]] = 0
    whole: npt.NDArray[np.float64] = shares / shares.sum()
    return whole


def choose(logits: torch.Tensor, uniform: torch.Tensor, *settings: float) -> torch.Tensor:
    rows = [torch.full((len(logits),), value) for value in settings]
    chosen: torch.Tensor = Choice(logits.shape[1], CANDIDATES)(logits, uniform, *rows)
    return chosen


def size_of(count: int) -> int:
    """The square root, rounded up."""
    return isqrt(count - 1) + 1


def surprise(chosen: torch.Tensor, shares: npt.NDArray[np.float64]) -> float:
    """How many standard deviations Pearson's chi-square lies above its mean; infinite if what has no share came up."""
    found, likely = np.bincount(chosen.numpy(), minlength=len(shares)), shares * len(chosen) >= 5
    if found[shares == 0].any():
        return float("inf")
    expected = np.append(shares[likely], shares[~likely].sum() + 1e-9) * len(chosen)
    square = ((np.append(found[likely], found[~likely].sum()) - expected) ** 2 / np.maximum(expected, 1)).sum()
    freedom = max(int(likely.sum()) - 1, 1)
    return float((square - freedom) / (2 * freedom) ** 0.5)


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), SETTINGS)
def test_a_token_is_where_the_papers_put_it(temperature: float, top_k: int, top_p: float) -> None:
    """Its block at the first uniform number, and itself in its block at the second."""
    torch.manual_seed(0)
    logits, uniform = torch.randn(ROWS, VOCABULARY) * 3, torch.rand(ROWS, 2)
    chosen, size = choose(logits, uniform, temperature, float(top_k), top_p).numpy(), size_of(VOCABULARY)
    for row in range(ROWS):
        shares = plain(logits[row].numpy(), temperature, top_k, top_p)
        block, place = divmod(int(chosen[row]), size)
        blocks = np.add.reduceat(shares, range(0, VOCABULARY, size))
        inside = shares[block * size : (block + 1) * size] / blocks[block]
        assert shares[chosen[row]] > 0
        for parts, part, number in ((blocks, block, uniform[row, 0]), (inside, place, uniform[row, 1])):
            reached = parts[part:].sum()  # from the last on
            assert reached - parts[part] - 1e-5 <= number <= reached + 1e-5


@pytest.mark.parametrize(("temperature", "top_k", "top_p"), SETTINGS)
def test_tokens_come_up_as_often_as_they_are_likely(temperature: float, top_k: int, top_p: float) -> None:
    torch.manual_seed(1)
    logits, uniform = torch.randn(1, VOCABULARY) * 2, torch.rand(DRAWS, 2)
    shares = plain(logits[0].numpy(), temperature, top_k, top_p)
    chosen = choose(logits.expand(DRAWS, -1), uniform, temperature, float(top_k), top_p)
    assert surprise(chosen, shares) < 4
    if (shares > 0).sum() > 10:
        same = choose(logits.expand(DRAWS, -1), uniform[:, :1].expand(-1, 2), temperature, float(top_k), top_p)
        assert surprise(same, shares) > 50, "one number for both choices is another distribution"


def test_neither_the_beginning_nor_the_unknown_is_ever_chosen() -> None:
    logits = torch.zeros(ROWS, 10)
    logits[:, [BEGIN, UNKNOWN]] = 50.0
    for settings in ((1.0, 0.0, 1.0), (2.0, 3.0, 1.0), (1.0, 0.0, 0.5), (0.0, 0.0, 1.0)):
        chosen = choose(logits, torch.linspace(0, 1, ROWS).clamp(1e-7, 1 - 2**-24)[:, None].expand(-1, 2), *settings)
        assert not {BEGIN, UNKNOWN} & set(chosen.tolist())
    assert len(set(choose(logits, torch.rand(ROWS, 2), 1.0, 0.0, 1.0).tolist())) == 8


def test_three_ways_to_ask_for_the_likeliest_token_are_one() -> None:
    torch.manual_seed(0)
    logits, uniform = torch.randn(ROWS, VOCABULARY), torch.rand(ROWS, 2)
    allowed = logits.clone()
    allowed[:, [BEGIN, UNKNOWN]] = -torch.inf
    for settings in ((0.0, 0.0, 1.0), (1.0, 1.0, 1.0), (1.0, 0.0, 1e-6), (1.0, 0.0, 0.0), (0.0, 5.0, 0.5)):
        assert torch.equal(choose(logits, uniform, *settings), allowed.argmax(1))


def test_equally_likely_tokens_are_kept_together_and_the_coldest_takes_the_first() -> None:
    logits = torch.zeros(ROWS, 10)
    logits[:, 5:8] = 4.0
    uniform = torch.rand(ROWS, 2, generator=torch.Generator().manual_seed(0))
    assert set(choose(logits, uniform, 1.0, 2.0, 1.0).tolist()) == {5, 6, 7}
    assert set(choose(logits, uniform, 1.0, 0.0, 0.4).tolist()) == {5, 6, 7}
    assert set(choose(logits, uniform, 0.0, 0.0, 1.0).tolist()) == {5}
    logits[:, 9] = 4.0  # in another block
    assert set(choose(logits, uniform, 0.0, 0.0, 1.0).tolist()) == {5}
    assert set(choose(logits, uniform, 1.0, 2.0, 1.0).tolist()) == {5, 6, 7, 9}


def test_rows_have_settings_of_their_own() -> None:
    torch.manual_seed(0)
    logits, uniform = torch.randn(1, VOCABULARY).expand(3, -1), torch.full((3, 2), 0.1)
    settings = torch.tensor([[1.0, 0.0, 1.0], [1.0, 3.0, 1.0], [0.6, 0.0, 0.7]])
    together = Choice(VOCABULARY, CANDIDATES)(logits, uniform, *settings.unbind(1))
    for row in range(3):
        assert together[row] == choose(logits[:1], uniform[:1], *settings[row].tolist())
    assert len(set(together.tolist())) > 1


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000])
def test_the_inverse_finds_weights_at_both_ends_and_nothing_else(size: int) -> None:
    for place in {0, size // 2, size - 1}:
        ends = torch.tensor([0.0, 0.5, 1 - 2**-24, 1.0])
        weights = torch.zeros(16, size)
        weights[:, place] = 0.3
        assert inverse(weights, torch.cartesian_prod(ends, ends)).tolist() == [place] * 16


def test_the_inverse_gives_everything_its_share() -> None:
    torch.manual_seed(0)
    shares = torch.rand(1, 300).pow(3)
    shares[:, 40:170] = 0  # whole blocks without any weight
    found = inverse(shares.expand(DRAWS, -1), torch.rand(DRAWS, 2))
    assert surprise(found, (shares[0].double() / shares.double().sum()).numpy()) < 4


@pytest.mark.parametrize("count", [64, 5000, 8192])
def test_the_inverse_of_equal_weights_at_the_middle_of_each_is_that_one(count: int) -> None:
    """The last block is smaller than the others, but for 64."""
    size, every = size_of(count), np.arange(count)
    sizes = np.bincount(every // size)
    block = every // size
    middles = 1 - np.stack([(np.cumsum(sizes) - sizes / 2)[block] / count, (every % size + 0.5) / sizes[block]], 1)
    weights = torch.full((1, count), 0.1).expand(count, -1)
    assert torch.equal(inverse(weights, torch.from_numpy(middles).float()), torch.arange(count))
