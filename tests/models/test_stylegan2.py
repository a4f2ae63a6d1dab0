from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gantools.models.image.stylegan2.generator import Generator, StyleGAN2Config, noise_sizes, stylegan2
from gantools.models.image.stylegan2.mapping import Mapping
from gantools.models.image.stylegan2.modulation import ModulatedConv, StyledLayer
from tests.models.test_resampling import defined

SMALL: dict[str, Any] = {"latent": 8, "style": 8, "mapping_layers": 2, "channel_base": 256, "channel_max": 8}


def small(**options: Any) -> Generator:
    torch.manual_seed(0)
    return Generator(StyleGAN2Config(**{**SMALL, "resolution": 16, **options})).eval()


def noisy(generator: Generator) -> Generator:
    """With noise that is seen, and an average style that is none of the beginning."""
    for name, parameter in generator.named_parameters():
        if name.endswith("strength"):
            parameter.data.fill_(0.5)
    generator.mapping.average.copy_(torch.randn(8))
    return generator


def literal(conv: ModulatedConv, maps: Tensor, style: Tensor, epsilon: float = 1e-8) -> Tensor:
    """Equations 1 and 3 of the paper, with weights of its own for each image."""
    results = []
    for image, scales in zip(maps, conv.affine(style), strict=True):
        modulated = scales[None, :, None, None] * conv.weight
        weight = modulated / (modulated.square().sum((1, 2, 3), keepdim=True) + epsilon).sqrt()
        if conv.blur is None:
            results.append(F.conv2d(image[None], weight, padding=1))
        else:
            wide = F.conv_transpose2d(image[None], weight.transpose(0, 1), stride=2)
            results.append(defined(wide, 1, 1, 1, 1, gain=4.0))
    return torch.cat(results) * conv.gain


@pytest.mark.parametrize("up", [False, True])
def test_a_modulated_convolution_is_the_one_of_the_paper(up: bool) -> None:
    torch.manual_seed(0)
    conv = ModulatedConv(6, 5, 4, up=up, gain=1.5)
    maps, style = torch.randn(3, 6, 8, 8), torch.randn(3, 4)
    found, wanted = conv(maps, style), literal(conv, maps, style)
    assert found.shape == (3, 5, 16, 16) if up else (3, 5, 8, 8)
    assert torch.allclose(found, wanted, atol=1e-5)
    direction = torch.randn_like(found)
    parameters = [*conv.parameters()]
    for one, other in zip(
        torch.autograd.grad((found * direction).sum(), parameters),
        torch.autograd.grad((wanted * direction).sum(), parameters),
        strict=True,
    ):
        assert one.any()
        assert torch.allclose(one, other, atol=1e-4), "constants that cancel have no gradient"


def test_float16_does_not_overflow_where_the_definition_does() -> None:
    torch.manual_seed(0)
    conv = ModulatedConv(64, 8, 4)
    conv.weight.data *= 500
    conv.affine.weight.data *= 500
    maps, style = torch.randn(2, 64, 8, 8) * 100, torch.randn(2, 4)
    wanted = conv(maps, style)
    conv.half()
    assert not literal(conv, maps.half(), style.half(), epsilon=1e-4).isfinite().all()
    found = conv(maps.half(), style.half())
    assert found.dtype == torch.float16
    assert (found.float() - wanted).abs().max() < 0.02 * wanted.abs().max()


def test_activations_are_of_size_one_at_first_whatever_the_style() -> None:
    torch.manual_seed(0)
    # Slope 0.2 and gain sqrt(2) make leaky ReLU multiply a mean square by 1.04.
    style = Mapping(128, 128, 8, classes=0)(torch.randn(256, 128))
    assert style.square().mean().item() == pytest.approx(1.04**8, rel=0.3)
    layer = StyledLayer(128, 128, 16, up=False, noisy=False)
    maps, style = torch.randn(4, 128, 16, 16), torch.randn(4, 16) * torch.tensor([0.1, 1.0, 10.0, 100.0])[:, None]
    inside = layer(maps, style, None)[:, :, 1:-1, 1:-1]
    assert inside.square().mean((1, 2, 3)).tolist() == pytest.approx([1, 1, 1, 1], rel=0.1)


@pytest.mark.parametrize(("base", "count"), [(32768, 30_034_338), (16384, 24_767_458)])
def test_the_official_widths_have_the_official_number_of_parameters(base: int, count: int) -> None:
    """Of the authors' networks at 256x256: configuration F, and the one with half the channels above 64x64."""
    with torch.device("meta"):
        generator = Generator(
            StyleGAN2Config(resolution=256, latent=512, style=512, channel_base=base, channel_max=512)
        )
    assert sum(parameter.numel() for parameter in generator.parameters()) == count
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in generator.named_modules()}
    assert parts["mapping.layers.0"] == 262_656
    assert parts["convolutions.0"] == 2_622_465
    assert parts["to_image.0"] == 264_195
    if base == 32768:
        assert parts["convolutions.8"] == 2_622_465
        assert [parts[f"convolutions.{k}"] for k in (9, 10, 11, 12)] == [1_442_561, 721_409, 426_369, 213_249]


def test_truncation_pulls_all_images_to_the_average() -> None:
    generator = noisy(small())
    latent = torch.randn(5, 8)
    none, full, half = (generator(latent, truncation=torch.full((5,), share)) for share in (0.0, 1.0, 0.5))
    assert torch.allclose(none, none[:1].expand_as(none), atol=1e-5)
    assert torch.allclose(none[:1], generator.images([generator.mapping.average[None]] * generator.layers), atol=1e-5)
    untouched = generator(latent)
    assert torch.allclose(full, untouched, atol=1e-5)
    assert not torch.allclose(half, untouched, atol=1e-2)
    mixed = generator(latent, truncation=torch.tensor([0.0, 1.0, 0.5, 0.0, 1.0]))
    for row, whole in enumerate((none, full, half, none, full)):
        assert torch.allclose(mixed[row], whole[row], atol=1e-5), "each row has its own"


def test_the_average_style_follows_in_training_only() -> None:
    torch.manual_seed(0)
    mapping, latent = Mapping(8, 4, 2, classes=0), torch.randn(32, 8)
    mapping.eval()(latent)
    assert not mapping.average.any()
    mean = mapping.train()(latent).mean(0)
    assert torch.allclose(mapping.average, 0.005 * mean)
    for _ in range(99):
        mapping(latent)
    assert torch.allclose(mapping.average, (1 - 0.995**100) * mean, atol=1e-5)


def test_latents_matter_by_their_direction_alone() -> None:
    mapping, latent = Mapping(8, 4, 2, classes=0), torch.randn(3, 8)
    assert torch.allclose(mapping(latent), mapping(7 * latent), atol=1e-5)


def test_every_label_has_styles_of_its_own() -> None:
    generator, latent = small(classes=3), torch.randn(1, 8).expand(3, 8)
    images = generator(latent, torch.arange(3))
    assert all(not torch.allclose(images[a], images[b], atol=1e-3) for a, b in ((0, 1), (0, 2), (1, 2)))


def test_noise_lies_from_coarse_to_fine_and_row_by_row() -> None:
    generator = small()
    assert generator.noise_sizes == noise_sizes(16) == [4, 8, 8, 16, 16]
    generator.convolutions[-1].strength.data.fill_(1.0)  # type: ignore[operator]
    latent, noise = torch.randn(1, 8), torch.zeros(1, 16 + 2 * (64 + 256))
    before = generator(latent, noise=noise)
    noise[0, -256 + 5 * 16 + 3] = 10.0
    changed = (generator(latent, noise=noise) - before).abs().amax((0, 1)) > 1e-3
    assert changed.nonzero().tolist() == [[5, 3]], "noise of the last layer reaches the pixel it belongs to"
    assert torch.allclose(before, generator(latent)), "no noise is noise of nothing"


def test_a_style_governs_its_layer_alone() -> None:
    generator = small()
    one, other = generator.styles(torch.randn(2, 8)).chunk(2)
    assert generator.layers == 6
    seen: list[Tensor] = []
    for layer in generator.convolutions:
        layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    generator.images([one] * 6)
    generator.images([one] * 3 + [other] * 3)
    same = [torch.equal(a, b) for a, b in zip(seen[:5], seen[5:], strict=True)]
    assert same == [True, True, True, False, False]


def test_styles_are_float32_and_images_stay_so_under_autocast() -> None:
    generator, latent = small(channels=1), torch.randn(2, 8)
    with torch.autocast("cpu", torch.bfloat16):
        style, image = generator.styles(latent), generator(latent)
    assert torch.equal(style, generator.styles(latent))
    assert image.dtype == torch.float32
    assert torch.allclose(image, generator(latent), atol=0.1)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["latent", "noise", "truncation"]),
        ({"noise": "none"}, ["latent", "truncation"]),
        ({"classes": 3}, ["latent", "label", "noise", "truncation"]),
    ],
)
def test_noise_labels_and_truncation_are_inputs_of_the_graph(options: dict[str, Any], names: list[str]) -> None:
    model = stylegan2.build(StyleGAN2Config(**{**SMALL, "resolution": 16, **options}))
    for graph in model.graphs.values():
        assert [tensor.name for tensor in graph.spec.inputs] == names
    assert [*model.sampler.noise] == [name for name in ("latent", "label", "noise") if name in names]
    assert len({source.stream for source in model.sampler.noise.values()}) == len(model.sampler.noise)
    assert model.sampler.settings["truncation"].default == 1.0
    strengths = [name for name, _ in model.nets["G"].named_parameters() if name.endswith("strength")]
    assert len(strengths) == (5 if "noise" in names else 0)


def test_what_ships_stays_in_range_and_what_trains_does_not() -> None:
    model = stylegan2.build(StyleGAN2Config(**{**SMALL, "resolution": 8, "noise": "none"})).eval()
    latent = torch.randn(16, 8)
    raw, shipped = model.nets["G"](latent), model.graphs["generator_float"].module(latent, torch.ones(16))
    assert raw.abs().max() > 1
    assert torch.allclose(shipped, raw.clamp(-1, 1), atol=1e-5)
