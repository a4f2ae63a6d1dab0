"""The history of images: what it keeps, what it shows."""

import torch
from torch import nn

from gantools.losses.objectives.cyclegan import CycleGAN, CycleGANConfig
from gantools.losses.objectives.objective import Batch
from gantools.losses.pool import ImagePool
from tests.losses.test_translation import Shift, batch_of, judge_of


def grey(*levels: int) -> torch.Tensor:
    """Images of one level of 255 each: (n, 3, 2, 2)."""
    return torch.tensor(levels, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, 2, 2) / 127.5 - 1


def test_until_it_is_full_every_image_is_kept_and_shown() -> None:
    pool, rng = ImagePool(4), torch.Generator()
    for first in (10, 20):
        made = grey(first, first + 1)
        torch.testing.assert_close(pool.shown(made, rng), made, rtol=0, atol=0)
    assert pool.images[:, 0, 0, 0].tolist() == [10, 11, 20, 21]
    assert pool.images.shape == (4, 3, 2, 2)


def test_then_half_of_what_is_shown_is_older_and_gives_its_place_to_what_is_new() -> None:
    pool, rng = ImagePool(5), torch.Generator().manual_seed(0)
    pool.shown(grey(*range(5)), rng)
    made = grey(*range(5, 205))
    shown = (pool.shown(made, rng) + 1).mul(127.5).round()[:, 0, 0, 0].int().tolist()
    older = [new for new, seen in zip(range(5, 205), shown, strict=True) if seen < new]
    assert all(seen <= new for new, seen in zip(range(5, 205), shown, strict=True))
    assert 75 < len(older) < 125
    exchanged = [seen for new, seen in zip(range(5, 205), shown, strict=True) if seen < new]
    assert len(set(exchanged)) == len(exchanged), "what was shown has left the pool"
    assert sorted([*exchanged, *pool.images[:, 0, 0, 0].tolist()]) == sorted([*range(5), *older])


def test_a_cyclegan_shows_each_judge_its_own_history() -> None:
    objective = CycleGAN(CycleGANConfig(pool=2))
    nets: dict[str, nn.Module] = {"G": Shift(0.2), "F": Shift(-0.2), "D": judge_of(), "D_A": judge_of()}
    due = tuple(phase.name for phase in objective.phases)
    batch = batch_of(due)
    for phase in objective.phases[:2]:
        objective.loss(phase, nets, batch, torch.Generator())
    assert batch.given is not None
    for judge, images in (("D", batch.given + 0.2), ("D_A", batch.real - 0.2)):
        wanted = ((images + 1) * 127.5).round().clamp(0, 255)
        torch.testing.assert_close(objective.state[f"pool.{judge}"].float(), wanted, rtol=0, atol=0)
    other = Batch(batch.real.flip(-1), {}, None, due, given=batch.given.flip(-1))
    before = objective.state["pool.D"].clone()
    terms = [
        objective.loss(objective.phases[0], nets, other, torch.Generator().manual_seed(seed)).terms["D.fake"]
        for seed in range(6)
    ]
    assert len({float(one) for one in terms}) > 1, "what is shown is drawn"
    assert not torch.equal(objective.state["pool.D"], before)


def test_without_a_history_nothing_is_remembered() -> None:
    assert not CycleGAN(CycleGANConfig(pool=0)).state
