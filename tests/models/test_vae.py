"""What the variational autoencoder is made of, and what its encoder ships as."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from gantools.core.artifact import ENCODER
from gantools.losses.objectives.elbo import Binary
from gantools.models.image.vae import VAEConfig, vae
from gantools.models.model import Model


def build(**options: object) -> Model:
    torch.manual_seed(0)
    return vae.build(VAEConfig.model_validate({"width": 8, "latent": 6, **options}))


@pytest.mark.parametrize("resolution", [32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_maps_are_halved_to_4x4_and_doubled_again(resolution: int, channels: int) -> None:
    model = build(resolution=resolution, channels=channels, depth=1)
    image = torch.rand(2, channels, resolution, resolution) * 2 - 1
    shapes: list[tuple[int, ...]] = []
    for net in model.nets.values():
        net.blocks.register_forward_pre_hook(  # type: ignore[union-attr]
            lambda module, given: shapes.append(tuple(given[0].shape))
        )
    mean, log_variance = model.nets["E"](image)
    assert mean.shape == log_variance.shape == (2, 6)
    assert model.nets["G"](mean).shape == image.shape
    assert shapes[1][2:] == (4, 4)
    assert shapes[1][1] == 8 * min(resolution // 8, 8), "no map has more than eight times the width"


def test_codes_begin_with_the_variance_of_the_prior() -> None:
    model = build()
    mean, log_variance = model.nets["E"](torch.rand(4, 3, 32, 32))
    assert not log_variance.any()
    assert mean.any()


def test_an_image_and_its_log_odds_say_the_same() -> None:
    decoder = build().nets["G"].eval()
    assert isinstance(decoder, Binary)
    latent = torch.randn(5, 6) * 3
    torch.testing.assert_close(torch.sigmoid(decoder.logits(latent)) * 2 - 1, decoder(latent), atol=1e-6, rtol=1e-5)


def test_the_shipped_encoder_scales_pixels_as_the_training_does() -> None:
    model = build(channels=1).eval()
    pixels = torch.randint(0, 256, (3, 32, 32, 1), dtype=torch.uint8)
    scaled = pixels.permute(0, 3, 1, 2).float().div(127.5).sub(1)
    shipped: tuple[Tensor, Tensor] = model.graphs[ENCODER].module(pixels)
    for got, expected in zip(shipped, model.nets["E"](scaled), strict=True):
        torch.testing.assert_close(got, expected)
    spec = model.graphs[ENCODER].spec
    assert spec.inputs == model.graphs["generator"].spec.outputs, "what the generator gives, the encoder takes"
    assert spec.outputs[0].shape == model.graphs["generator"].spec.inputs[0].shape
    assert [output.name for output in spec.outputs] == ["latent", "log_variance"]


def test_both_nets_are_averaged_and_ship() -> None:
    model = build()
    assert set(model.averaged) == {"E", "G"} == set(model.nets)
    assert set(model.graphs) == {"generator", "generator_float", ENCODER}
    assert vae.defaults == {"objective": {"name": "elbo"}}


def test_with_group_norm_a_code_does_not_depend_on_its_batch_in_training_either() -> None:
    images = torch.rand(4, 3, 32, 32)
    codes = {}
    for norm in ("group", "batch"):
        encoder = build(norm=norm).nets["E"].train()
        codes[norm] = np.allclose(encoder(images)[0][:2].detach(), encoder(images[:2])[0].detach(), atol=1e-5)
    assert codes == {"group": True, "batch": False}


def test_in_bf16_images_keep_all_their_grey_levels() -> None:
    model = build(channels=1)
    with torch.autocast("cpu", torch.bfloat16):
        image = model.nets["G"](torch.randn(8, 6) * 10)
        mean, log_variance = model.nets["E"](torch.rand(2, 1, 32, 32))
    assert image.dtype == mean.dtype == log_variance.dtype == torch.float32
    assert not torch.equal(image, image.bfloat16().float())


def test_widths_are_multiples_of_the_groups() -> None:
    with pytest.raises(ValidationError, match="multiple of 8"):
        VAEConfig(width=12)
