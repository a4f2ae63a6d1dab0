import pytest
import torch
from torch import nn

from gantools.train.ema import RAMP_UP, Average


def net(value: float) -> nn.BatchNorm1d:
    layer = nn.BatchNorm1d(1)
    nn.init.constant_(layer.weight, value)
    return layer


def test_the_average_begins_at_its_source() -> None:
    source, averaged = net(5.0), net(0.0)
    Average(source, averaged, 100)
    assert averaged.weight.item() == 5.0
    assert not averaged.weight.requires_grad


def test_a_change_is_half_taken_over_after_the_half_life() -> None:
    source, averaged = net(0.0), net(0.0)
    average = Average(source, averaged, half_life_images=1000)
    nn.init.constant_(source.weight, 1.0)
    for step in range(10):
        average.update(100, images_seen=10**6 + step * 100)
    assert averaged.weight.item() == pytest.approx(0.5, rel=1e-5)


def test_the_half_life_is_short_while_little_was_seen() -> None:
    source, averaged = net(0.0), net(0.0)
    average = Average(source, averaged, half_life_images=10**6)
    nn.init.constant_(source.weight, 1.0)
    average.update(50, images_seen=1000)
    assert averaged.weight.item() == pytest.approx(1 - 0.5 ** (50 / (1000 * RAMP_UP)))


def test_a_net_without_buffers_is_averaged() -> None:
    source, averaged = nn.Linear(1, 1), nn.Linear(1, 1)
    average = Average(source, averaged, half_life_images=0)
    nn.init.constant_(source.weight, 3.0)
    average.update(1, images_seen=1)
    assert averaged.weight.item() == 3.0


def test_a_half_life_of_zero_copies() -> None:
    source, averaged = net(0.0), net(0.0)
    average = Average(source, averaged, half_life_images=0)
    nn.init.constant_(source.weight, 1.0)
    average.update(1, images_seen=10**6)
    assert averaged.weight.item() == 1.0


def test_buffers_are_copied() -> None:
    source, averaged = net(1.0), net(1.0)
    average = Average(source, averaged, half_life_images=10**6)
    source(torch.randn(8, 1) + 3)
    average.update(1, images_seen=10**9)
    assert averaged.running_mean is not None
    assert torch.equal(averaged.running_mean, source.running_mean)  # type: ignore[arg-type]
    assert averaged.num_batches_tracked == 1
