import math

import pytest
import torch
import torch.nn.functional as F

from gantools.losses.adversarial import fake_loss, generator_loss, real_loss

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
def test_losses_are_float32_and_finite_for_bfloat16_logits_of_any_size(loss: object) -> None:
    value = loss(torch.tensor([-3e4, 3e4, 0.0], dtype=torch.bfloat16))  # type: ignore[operator]
    assert value.dtype == torch.float32
    assert value.isfinite()
