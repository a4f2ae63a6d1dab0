from typing import Any

import pytest
import torch

from gantools.core.errors import RecipeError
from gantools.models.discriminators.stylegan2 import (
    Block,
    MinibatchDeviation,
    StyleGAN2Discriminator,
    StyleGAN2DiscriminatorConfig,
)
from gantools.models.model import ImageShape


def judge(shape: ImageShape, **options: Any) -> StyleGAN2Discriminator:
    return StyleGAN2Discriminator(StyleGAN2DiscriminatorConfig(**options), shape)


def test_the_deviation_of_a_group_is_the_one_computed_by_hand() -> None:
    layer = MinibatchDeviation(group=2)
    # Two groups of every second image: {0, 2} differ by 2 in one of two values, {1, 3} by 6 in both.
    maps = torch.tensor([[0.0, 5.0], [1.0, 0.0], [2.0, 5.0], [7.0, 6.0]]).reshape(4, 2, 1, 1)
    found = layer(maps)
    assert found.shape == (4, 3, 1, 1)
    assert torch.equal(found[:, :2], maps)
    assert torch.allclose(found[:, 2].flatten(), torch.tensor([0.5, 3.0, 0.5, 3.0]), atol=1e-3)


@pytest.mark.parametrize(("batch", "size"), [(8, 4), (6, 3), (5, 1), (2, 2)])
def test_a_group_is_the_largest_that_divides_the_batch(batch: int, size: int) -> None:
    torch.manual_seed(0)
    maps = torch.randn(batch, 3, 2, 2)
    expected = maps.reshape(size, -1, 12).std(0, correction=0).mean(1)
    found = MinibatchDeviation(group=4)(maps)[:, 3, 0, 0]
    assert torch.allclose(found, expected.repeat(size), atol=1e-3)


def test_in_inference_the_deviation_is_its_average_over_training() -> None:
    layer = MinibatchDeviation(group=4)
    for _ in range(100):
        layer(torch.tensor([-2.0, 2.0]).reshape(2, 1, 1, 1))
    found = layer.eval()(torch.zeros(1, 1, 2, 2))
    assert torch.allclose(found[:, 1], torch.tensor(2.0 * (1 - 0.995**100)), atol=1e-3)


@pytest.mark.parametrize(("base", "count"), [(32768, 28_864_129), (16384, 24_001_089)])
def test_the_official_widths_have_the_official_number_of_parameters(base: int, count: int) -> None:
    with torch.device("meta"):
        net = judge(ImageShape(256, 3), channel_base=base, channel_max=512)
    assert sum(parameter.numel() for parameter in net.parameters()) == count


def test_a_block_halves_the_edge_and_keeps_the_size_of_values() -> None:
    torch.manual_seed(0)
    # Smooth maps, because the filters take away what changes from pixel to pixel.
    maps = torch.nn.functional.interpolate(torch.randn(4, 64, 4, 4), scale_factor=8, mode="bilinear")
    maps = maps / maps.square().mean().sqrt()
    found = Block(64, 96)(maps)
    assert found.shape == (4, 96, 16, 16)
    assert found.square().mean().item() == pytest.approx(1, rel=0.5)


@pytest.mark.parametrize("resolution", [4, 48])
def test_a_resolution_that_cannot_be_halved_down_is_refused(resolution: int) -> None:
    with pytest.raises(RecipeError, match=rf"halves images down to 4x4, and the model makes {resolution}x{resolution}"):
        judge(ImageShape(resolution, 3))
