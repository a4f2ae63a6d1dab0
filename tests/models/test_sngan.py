"""Sizes of the published networks, and what conditioning does."""

import pytest
import torch

from gantools.models.discriminators.resnet import ResNetDiscriminator, ResNetDiscriminatorConfig
from gantools.models.image.conditional_norm import ClassBatchNorm2d
from gantools.models.image.light import LightConfig, light
from gantools.models.image.sngan import SNGANConfig, sngan
from gantools.models.model import ImageShape


def parameters(net: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_network_for_32_pixels_has_the_published_size() -> None:
    """Written out: a dense layer, three blocks of 256 channels, a norm, a convolution to RGB."""
    dense = 128 * 4096 + 4096
    block = 2 * (256 * 256 * 9 + 256) + 2 * 512 + 256 * 256 + 256
    assert parameters(sngan.build(SNGANConfig()).nets["G"]) == dense + 3 * block + 512 + 256 * 3 * 9 + 3 == 4_276_739


def test_the_discriminator_for_32_pixels_has_the_published_size() -> None:
    first = 3 * 128 * 9 + 128 + 128 * 128 * 9 + 128 + 3 * 128 + 128
    plain = 2 * (128 * 128 * 9 + 128)
    halving = plain + 128 * 128 + 128
    net = ResNetDiscriminator(ResNetDiscriminatorConfig(spectral=False), ImageShape(32, 3))
    assert parameters(net) == first + halving + 2 * plain + 129


@pytest.mark.parametrize("resolution", [32, 64, 128])
def test_maps_double_from_4x4_to_the_image(resolution: int) -> None:
    generator = sngan.build(SNGANConfig(resolution=resolution, width=16)).nets["G"]  # type: ignore[arg-type]
    assert generator(torch.randn(2, 128)).shape == (2, 3, resolution, resolution)
    judge = ResNetDiscriminator(ResNetDiscriminatorConfig(width=16), ImageShape(resolution, 3))
    assert judge(torch.randn(2, 3, resolution, resolution)).shape == (2,)


def test_classes_begin_alike_and_scale_and_shift_by_their_row() -> None:
    norm, plain = ClassBatchNorm2d(4, 3).eval(), ClassBatchNorm2d(4, 0).eval()
    features, label = torch.randn(3, 4, 2, 2), torch.arange(3)
    assert torch.allclose(norm(features, label), plain(features, None))
    with torch.no_grad():
        norm.scale.weight[1] = 2.0  # type: ignore[union-attr]
        norm.shift.weight[1] = 5.0  # type: ignore[union-attr]
    changed = norm(features, label)
    assert torch.allclose(changed[1], plain(features, None)[1] * 2 + 5)
    assert torch.equal(changed[0], norm(features, torch.zeros(3, dtype=torch.long))[0])


def test_the_light_generator_keeps_its_promise_of_size() -> None:
    generator = light.build(LightConfig()).nets["G"]
    assert parameters(generator) < 1_000_000
    products = 0

    def count(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal products
        if isinstance(module, torch.nn.Conv2d):
            products += output.numel() * module.weight[0].numel()

    for module in generator.modules():
        module.register_forward_hook(count)
    generator.eval()(torch.randn(1, 64))
    assert 1_000_000 < products < 30_000_000, "products of convolutions for an image of 64 pixels"
