import pytest
import torch

from gantools.models.discriminators.dcgan import DCGANDiscriminator, DCGANDiscriminatorConfig
from gantools.models.image.dcgan import DCGANConfig, dcgan
from gantools.models.model import ImageShape


def judge(resolution: int = 32, channels: int = 3, **options: object) -> torch.nn.Module:
    return DCGANDiscriminator(DCGANDiscriminatorConfig(**options), ImageShape(resolution, channels))  # type: ignore[arg-type]


@pytest.mark.parametrize(("resolution", "channels"), [(32, 1), (32, 3), (64, 1), (64, 3)])
def test_widths_halve_from_4x4_to_the_image(resolution: int, channels: int) -> None:
    model = dcgan.build(DCGANConfig(resolution=resolution, channels=channels, latent=8, width=4))  # type: ignore[arg-type]
    image = model.nets["G"](torch.randn(2, 8))
    assert image.shape == (2, channels, resolution, resolution)
    assert judge(resolution, channels, width=4)(image).shape == (2,)
    deconvolutions = [m for m in model.nets["G"].modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [layer.in_channels for layer in deconvolutions] == [4 * 2**p for p in reversed(range(len(deconvolutions)))]
    assert 4 * 2 ** len(deconvolutions) == resolution


def test_weights_begin_as_in_the_paper() -> None:
    model = dcgan.build(DCGANConfig(width=32))
    layers = [m for net in (model.nets["G"], judge(width=32)) for m in net.modules()]
    convolutions = [m for m in layers if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    norms = [m for m in layers if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(convolutions) == 6
    assert len(norms) == 5
    for layer in convolutions:
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.15)
    for norm in norms:
        assert norm.weight.mean().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("norm", "batch", "spectral"), [("batch", 2, 0), ("spectral", 0, 4), ("none", 0, 0)])
def test_the_discriminator_has_the_norm_that_was_asked_for(norm: str, batch: int, spectral: int) -> None:
    net = judge(width=4, norm=norm)
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules()) == batch
    assert sum("original" in name for name, _ in net.named_parameters()) == spectral


def test_spectral_norm_bounds_every_layer() -> None:
    net = judge(width=8, norm="spectral")
    for _ in range(5):
        net(torch.randn(2, 3, 32, 32))
    layers = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 4
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.1)
