"""How one token is chosen, against a plain computation in double precision."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from gantools.core.tokens import BEGIN, UNKNOWN
from gantools.models.text.choice import Choice, inverse

VOCABULARY, CANDIDATES, ROWS = 200, 50, 400


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


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1.0, 0, 1.0), (0.5, 0, 1.0), (1.7, 7, 1.0), (1.0, 0, 0.8), (1.0, 30, 0.6), (0.3, 0, 0.01), (1.0, 1, 1.0)],
)
def test_a_token_is_where_the_papers_put_it(temperature: float, top_k: int, top_p: float) -> None:
    torch.manual_seed(0)
    logits, uniform = torch.randn(ROWS, VOCABULARY) * 3, torch.rand(ROWS)
    chosen = choose(logits, uniform, temperature, float(top_k), top_p).numpy()
    for row in range(ROWS):
        shares = plain(logits[row].numpy(), temperature, top_k, top_p)
        below = np.cumsum(shares)[chosen[row]] - shares[chosen[row]]
        assert shares[chosen[row]] > 0
        assert below - 1e-5 <= uniform[row] <= below + shares[chosen[row]] + 1e-5


def test_neither_the_beginning_nor_the_unknown_is_ever_chosen() -> None:
    logits = torch.zeros(ROWS, 10)
    logits[:, [BEGIN, UNKNOWN]] = 50.0
    for settings in ((1.0, 0.0, 1.0), (2.0, 3.0, 1.0), (1.0, 0.0, 0.5), (0.0, 0.0, 1.0)):
        chosen = choose(logits, torch.linspace(0, 1, ROWS).clamp(1e-7, 1 - 2**-24), *settings)
        assert not {BEGIN, UNKNOWN} & set(chosen.tolist())
    assert len(set(choose(logits, torch.rand(ROWS), 1.0, 0.0, 1.0).tolist())) == 8


def test_three_ways_to_ask_for_the_likeliest_token_are_one() -> None:
    torch.manual_seed(0)
    logits, uniform = torch.randn(ROWS, VOCABULARY), torch.rand(ROWS)
    allowed = logits.clone()
    allowed[:, [BEGIN, UNKNOWN]] = -torch.inf
    for settings in ((0.0, 0.0, 1.0), (1.0, 1.0, 1.0), (1.0, 0.0, 1e-6), (1.0, 0.0, 0.0), (0.0, 5.0, 0.5)):
        assert torch.equal(choose(logits, uniform, *settings), allowed.argmax(1))


def test_equally_likely_tokens_are_kept_together_and_the_coldest_takes_the_first() -> None:
    logits = torch.zeros(ROWS, 10)
    logits[:, 5:8] = 4.0
    uniform = torch.linspace(0.001, 0.999, ROWS)
    assert set(choose(logits, uniform, 1.0, 2.0, 1.0).tolist()) == {5, 6, 7}
    assert set(choose(logits, uniform, 1.0, 0.0, 0.4).tolist()) == {5, 6, 7}
    assert set(choose(logits, uniform, 0.0, 0.0, 1.0).tolist()) == {5}


def test_rows_have_settings_of_their_own() -> None:
    torch.manual_seed(0)
    logits, uniform = torch.randn(1, VOCABULARY).expand(3, -1), torch.full((3,), 0.1)
    settings = torch.tensor([[1.0, 0.0, 1.0], [1.0, 3.0, 1.0], [0.6, 0.0, 0.7]])
    together = Choice(VOCABULARY, CANDIDATES)(logits, uniform, *settings.unbind(1))
    for row in range(3):
        assert together[row] == choose(logits[:1], uniform[:1], *settings[row].tolist())
    assert len(set(together.tolist())) > 1


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000])
def test_the_inverse_finds_weights_at_both_ends_and_nothing_else(size: int) -> None:
    for place in {0, size // 2, size - 1}:
        weights = torch.zeros(3, size)
        weights[:, place] = 0.3
        found = inverse(weights, torch.tensor([0.0, 0.5, 1 - 2**-24]))
        assert found.tolist() == [place] * 3


def test_the_inverse_gives_everything_its_share() -> None:
    torch.manual_seed(0)
    shares = torch.rand(1, 300).pow(3)
    shares[:, 40:170] = 0  # whole blocks without any weight
    count = 100_000
    uniform = (torch.arange(count) + 0.5) / count
    found = torch.bincount(inverse(shares.expand(count, -1), uniform), minlength=300)
    assert torch.allclose(found / count, shares[0] / shares.sum(), atol=2.0 / count)
    assert not found[40:170].any()


def test_the_inverse_of_many_equal_weights_is_exact_to_a_token() -> None:
    """Of 8192 of them: a sum in one row would be off by several tokens at its end."""
    size = 8192
    middles = (torch.arange(size) + 0.5) / size
    weights = torch.full((1, size), 0.1).expand(size, -1)
    assert torch.equal(inverse(weights, middles), torch.arange(size))
