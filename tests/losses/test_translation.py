"""What objectives of translators count, and what they refuse."""

from math import exp, log
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.losses.objectives.cut import CUT, CUTConfig, contrast
from gantools.losses.objectives.cyclegan import CycleGAN, CycleGANConfig
from gantools.losses.objectives.objective import Batch
from gantools.losses.objectives.pix2pix import Pix2Pix, Pix2PixConfig
from gantools.losses.objectives.translation import game_of
from gantools.models.discriminators.patch import PatchDiscriminator, PatchDiscriminatorConfig
from gantools.models.model import ImageShape
from gantools.models.translate.beside import Projection
from gantools.models.translate.resnet import ResNet, ResNetConfig

RNG = torch.Generator()


class Shift(nn.Module):
    """Adds a number to every pixel."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by))

    def forward(self, given: Tensor) -> Tensor:
        return given + self.by


def judge_of(*, conditional: bool = False) -> PatchDiscriminator:
    torch.manual_seed(0)
    config = PatchDiscriminatorConfig(width=4, layers=1, norm="none", conditional=conditional)
    return PatchDiscriminator(config, ImageShape(16, 3, given=3))


def batch_of(due: tuple[str, ...] = ()) -> Batch:
    torch.manual_seed(1)
    given, real = (torch.rand(2, 3, 16, 16) - 0.5 for _ in range(2))
    return Batch(real, {}, None, due, given=given)


def terms_of(objective: Any, phase: str, nets: dict[str, nn.Module], batch: Batch) -> tuple[float, dict[str, float]]:
    found = objective.loss(next(one for one in objective.phases if one.name == phase), nets, batch, RNG)
    return found.value.item(), {name: value.item() for name, value in found.terms.items()}


def test_contrast_is_the_cross_entropy_of_finding_ones_own_key() -> None:
    apart = torch.eye(6)[None].repeat(2, 1, 1)
    assert float(contrast(apart, apart, 0.5)) == pytest.approx(log(1 + 5 * exp(-1 / 0.5)), abs=1e-6)
    alike = torch.ones(2, 6, 1)
    assert float(contrast(alike, alike, 0.5)) == pytest.approx(log(6), abs=1e-6)
    assert contrast(apart, apart.flip(1), 0.5) > contrast(apart, alike.expand(2, 6, 6) / 6**0.5, 0.5)


def test_a_least_squares_generator_has_no_half() -> None:
    game = game_of("least_squares")
    logits = torch.tensor([-0.5, 0.5])  # D(x) of 0 and 1
    assert float(game.generator(logits)) == pytest.approx((1 + 0) / 2)
    assert float(game.fake(logits)) == pytest.approx((0 + 1) / 2 / 2)


def test_pix2pix_weighs_the_distance_to_the_target() -> None:
    given = batch_of().real
    nets = {"G": Shift(0.25), "D": judge_of(conditional=True)}
    exact = Batch(given + 0.25, {}, given=given)
    total, terms = terms_of(Pix2Pix(Pix2PixConfig()), "G", nets, exact)
    assert terms["G.l1"] == pytest.approx(0, abs=1e-6)
    assert total == pytest.approx(terms["G.fake"], abs=1e-4)
    exact = Batch(exact.real, {}, given=exact.given)
    nets["G"] = Shift(0.35)
    total, terms = terms_of(Pix2Pix(Pix2PixConfig(l1_weight=7)), "G", nets, exact)
    assert terms["G.l1"] == pytest.approx(0.1, abs=1e-6)
    assert total == pytest.approx(terms["G.fake"] + 0.7, abs=1e-5)


def test_without_a_judge_pix2pix_is_regression() -> None:
    objective = Pix2Pix(Pix2PixConfig(adversarial=False))
    assert [phase.name for phase in objective.phases] == ["G"]
    nets = {"G": Shift(0.0), "D": judge_of(conditional=True)}
    total, terms = terms_of(objective, "G", nets, batch_of())
    assert set(terms) == {"G.l1"}
    assert total == pytest.approx(100 * terms["G.l1"], rel=1e-5)


def test_a_conditional_judge_sees_what_was_given() -> None:
    batch, nets = batch_of(), {"G": Shift(0.0), "D": judge_of(conditional=True)}
    first = terms_of(Pix2Pix(Pix2PixConfig()), "D", nets, batch)[1]
    assert batch.given is not None
    other = Batch(batch.real, {}, given=batch.given.flip(0))
    assert terms_of(Pix2Pix(Pix2PixConfig()), "D", nets, other)[1]["D.real"] != first["D.real"]


def test_there_and_back_is_a_cycle() -> None:
    judges = {"D": judge_of(), "D_A": judge_of()}
    nets: dict[str, nn.Module] = {"G": Shift(0.2), "F": Shift(-0.2), **judges}
    terms = terms_of(CycleGAN(CycleGANConfig()), "G", nets, batch_of())[1]
    assert terms["G.cycle"] == pytest.approx(0, abs=1e-6)
    assert terms["F.cycle"] == pytest.approx(0, abs=1e-6)
    assert terms["G.identity"] == pytest.approx(0.2, abs=1e-6)
    nets["F"] = Shift(0.1)
    total, terms = terms_of(CycleGAN(CycleGANConfig()), "G", nets, batch_of())
    assert terms["G.cycle"] == pytest.approx(0.3, abs=1e-6)
    expected = terms["G.fake"] + terms["F.fake"] + 10 * (0.3 + 0.3) + 5 * (0.2 + 0.1)
    assert total == pytest.approx(expected, rel=1e-4)


def test_what_is_compared_with_is_not_moved() -> None:
    """Only what the translator makes is pulled towards the image, not the image's own features towards it."""
    torch.manual_seed(0)
    net = ResNet(ResNetConfig(width=4, blocks=1))
    nets: dict[str, nn.Module] = {"G": net, "D": judge_of(), "H": Projection(net.feature_widths, 8)}
    objective, batch = CUT(CUTConfig(identity_weight=0.0)), batch_of()
    seen: list[bool] = []
    features = net.features

    def watched(image: Tensor) -> list[Tensor]:
        seen.append(torch.is_grad_enabled())
        return features(image)

    net.features = watched  # type: ignore[method-assign]
    objective.loss(objective.phases[1], nets, batch, RNG)
    assert seen == [False, True]


@pytest.mark.parametrize(("objective", "name"), [
    (Pix2Pix(Pix2PixConfig()), "pix2pix"), (CUT(CUTConfig()), "cut"), (CycleGAN(CycleGANConfig()), "cyclegan")
])  # fmt: skip
def test_images_alone_are_refused(objective: Any, name: str) -> None:
    with pytest.raises(RecipeError, match=f"the objective '{name}' makes images of images, and the data are") as caught:
        objective.loss(objective.phases[0], {}, Batch(torch.zeros(1, 3, 16, 16), {}), RNG)
    assert "data.targets" in str(caught.value.hint)


@pytest.mark.parametrize("objective", [CUT(CUTConfig()), CycleGAN(CycleGANConfig())])
def test_a_conditional_judge_needs_pairs(objective: Any) -> None:
    nets = {"G": ResNet(ResNetConfig(width=4, blocks=1)), "D": judge_of(conditional=True)}
    with pytest.raises(RecipeError, match="has no pairs, and the discriminator judges an image beside"):
        objective.check(nets)


def test_cut_needs_a_generator_that_shows_its_maps() -> None:
    with pytest.raises(RecipeError, match="compares maps inside the generator, and Shift shows none"):
        CUT(CUTConfig()).check({"G": Shift(0.0), "D": judge_of()})
