import math

import pytest
import torch
import torch.nn.functional as F

from gantools.losses.adversarial import (
    HINGE,
    WASSERSTEIN,
    Game,
    LogitLoss,
    fake_loss,
    generator_loss,
    least_squares_game,
    minimax_game,
    nonsaturating_game,
    real_loss,
)

LOGITS = torch.linspace(-8, 8, 9)


def test_losses_are_the_cross_entropies_of_the_paper() -> None:
    ones, zeros = torch.ones(9), torch.zeros(9)
    bce = F.binary_cross_entropy_with_logits
    assert real_loss(LOGITS) == pytest.approx(bce(LOGITS, ones))
    assert real_loss(LOGITS, 0.1) == pytest.approx(bce(LOGITS, ones * 0.9))
    assert fake_loss(LOGITS) == pytest.approx(bce(LOGITS, zeros))
    assert generator_loss(LOGITS) == pytest.approx(bce(LOGITS, ones))


def test_at_chance_the_discriminator_loses_log_4() -> None:
    even = torch.zeros(4)
    assert (real_loss(even) + fake_loss(even)).item() == pytest.approx(math.log(4))


def test_the_generator_gets_its_gradient_where_the_discriminator_is_sure() -> None:
    logits = torch.tensor([-20.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(generator_loss(logits), [logits])
    assert gradient.item() == pytest.approx(-1)


@pytest.mark.parametrize("loss", [real_loss, fake_loss, generator_loss])
def test_losses_are_float32_and_finite_for_bfloat16_logits_of_any_size(loss: LogitLoss) -> None:
    value = loss(torch.tensor([-3e4, 3e4, 0.0], dtype=torch.bfloat16))
    assert value.dtype == torch.float32
    assert value.isfinite()


def slope(loss: LogitLoss, logit: float) -> float:
    logits = torch.tensor([float(logit)], requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(logits), [logits])
    return float(gradient)


def test_the_minimax_generator_saturates_and_the_other_does_not() -> None:
    assert slope(minimax_game(0).generator, -10) == pytest.approx(0, abs=1e-4)
    assert slope(nonsaturating_game(0).generator, -10) == pytest.approx(-1, abs=1e-4)
    zero_sum = minimax_game(0)
    assert zero_sum.generator(LOGITS).item() == pytest.approx(-zero_sum.fake(LOGITS).item())


@pytest.mark.parametrize(("a", "b", "c"), [(0.0, 1.0, 1.0), (-1.0, 1.0, 0.0)], ids=["equation 9", "equation 8"])
def test_least_squares_are_those_of_the_paper_with_the_middle_of_the_targets_at_logit_zero(
    a: float, b: float, c: float
) -> None:
    game, judged = least_squares_game(a, b, c), LOGITS + (a + b) / 2
    assert game.real(LOGITS).item() == pytest.approx((judged - b).square().mean().item() / 2)
    assert game.fake(LOGITS).item() == pytest.approx((judged - a).square().mean().item() / 2)
    assert game.generator(LOGITS).item() == pytest.approx((judged - c).square().mean().item() / 2)
    half = torch.tensor([(b - a) / 2])
    assert game.real(half) == game.fake(-half) == 0, "positive means real"


def test_the_optimal_least_squares_discriminator_of_equal_distributions_says_neither() -> None:
    """Equation 5 of the paper: D = (b p + a q) / (p + q), which is the middle where p = q."""
    game = least_squares_game(0, 1, 1)
    logit = torch.zeros(1, requires_grad=True)
    (gradient,) = torch.autograd.grad(game.real(logit) + game.fake(logit), [logit])
    assert gradient.item() == pytest.approx(0)


def test_least_squares_smoothing_moves_the_target_of_real_images_alone() -> None:
    smooth, plain = least_squares_game(-1, 1, 1, 0.1), least_squares_game(-1, 1, 1)
    assert smooth.real(torch.full((3,), 0.8)).item() == pytest.approx(0)
    assert smooth.fake(LOGITS) == plain.fake(LOGITS)
    assert smooth.generator(LOGITS) == plain.generator(LOGITS)


def test_the_wasserstein_losses_are_the_negated_gap() -> None:
    real, fake = torch.tensor([3.0, 5.0]), torch.tensor([-1.0, 1.0])
    assert (WASSERSTEIN.real(real) + WASSERSTEIN.fake(fake)).item() == -4
    assert WASSERSTEIN.generator(fake) == -WASSERSTEIN.fake(fake)


def test_the_hinge_is_flat_beyond_its_margin() -> None:
    assert HINGE.real(torch.tensor([1.0, 7.0])) == HINGE.fake(torch.tensor([-1.0, -7.0])) == 0
    assert HINGE.real(torch.tensor([-1.0])).item() == HINGE.fake(torch.tensor([1.0])).item() == 2
    assert slope(HINGE.generator, 30) == -1


@pytest.mark.parametrize(
    "game",
    [nonsaturating_game(0.1), minimax_game(0), least_squares_game(0, 1, 1), WASSERSTEIN, HINGE],
    ids=["nonsaturating", "minimax", "lsgan", "wasserstein", "hinge"],
)
def test_patches_count_like_images_and_the_players_want_opposite_things(game: Game) -> None:
    logits = torch.linspace(-0.9, 0.9, 12)
    for name in ("real", "fake", "generator"):
        loss = getattr(game, name)
        assert loss(logits.reshape(3, 4)).item() == pytest.approx(loss(logits).item())
        assert loss(logits.bfloat16()).dtype == torch.float32
    for logit in (-0.45, 0.0, 0.45):
        assert slope(game.real, logit) < 0 < slope(game.fake, logit)
        assert slope(game.generator, logit) < 0
