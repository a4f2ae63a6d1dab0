import numpy as np
import pytest
import torch

from gantools.data import ImageSet
from gantools.models import MODELS
from gantools.train.draws import Draws, generator


def draws(count: int = 10, batch: int = 4, *, mirror: bool = False, rank: int = 0, world: int = 1) -> Draws:
    """Images whose pixels are their number, but for the left column, which is 255."""
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 32, 32, 1)).copy()
    images[:, :, 0] = 255
    architecture = MODELS.load("dcgan")
    model = architecture.build(architecture.Config(channels=1, latent=8, width=4))
    return Draws(
        ImageSet("numbers", images, "", ()),
        model,
        batch=batch,
        mirror=mirror,
        seed=3,
        rank=rank,
        world=world,
        device=torch.device("cpu"),
    )


def test_a_step_draws_the_same_whenever_it_is_asked() -> None:
    forward = draws()
    in_order = [forward.batch(step) for step in range(6)]
    later = draws()
    for step in reversed(range(6)):
        batch = later.batch(step)
        assert torch.equal(batch.real, in_order[step].real)
        assert torch.equal(batch.noise["latent"], in_order[step].noise["latent"])
    assert not torch.equal(in_order[0].noise["latent"], in_order[1].noise["latent"])


def test_every_epoch_sees_every_image_once_in_another_order() -> None:
    seen = np.concatenate([draws().indices(step) for step in range(10)]).reshape(4, 10)
    assert (np.sort(seen) == np.arange(10)).all()
    assert len({tuple(epoch) for epoch in seen}) == 4


def test_a_batch_may_be_larger_than_the_data() -> None:
    indices = draws(count=3, batch=8).indices(0)
    assert np.bincount(indices).max() <= 3
    assert len(indices) == 8


def test_ranks_share_the_batch_and_draw_their_own_noise() -> None:
    whole = draws(batch=4)
    parts = [draws(batch=4, rank=rank, world=2) for rank in range(2)]
    for step in range(5):
        assert np.concatenate([part.indices(step) for part in parts]).tolist() == whole.indices(step).tolist()
        noise = [part.batch(step).noise["latent"] for part in parts]
        assert noise[0].shape == (2, 8)
        assert not torch.equal(*noise)


def test_real_images_are_in_the_range_and_memory_layout_of_the_networks() -> None:
    real = draws(batch=10).batch(0).real
    assert real.shape == (10, 1, 32, 32)
    assert real.dtype == torch.float32
    assert real.is_contiguous(memory_format=torch.channels_last)
    assert real.max() == 1
    assert sorted(real[:, 0, 0, 5].tolist()) == pytest.approx([number / 127.5 - 1 for number in range(10)])


def test_mirroring_flips_about_half_of_the_images_left_to_right() -> None:
    plain, mirrored = draws(mirror=False), draws(mirror=True)
    flipped = 0
    for step in range(50):
        before, after = plain.batch(step).real, mirrored.batch(step).real
        for one, other in zip(before, after, strict=True):
            assert torch.equal(other, one) or torch.equal(other, one.flip(-1))
            flipped += not torch.equal(other, one)
    assert 70 < flipped < 130


def test_generators_depend_on_all_that_they_are_named_by() -> None:
    names = [(1, "a", 0, 0), (2, "a", 0, 0), (1, "b", 0, 0), (1, "a", 1, 0), (1, "a", 0, 1)]
    assert len({torch.rand((), generator=generator(*name)).item() for name in names}) == len(names)
    assert generator(1, "a", 0).initial_seed() == generator(1, "a", 0).initial_seed()
