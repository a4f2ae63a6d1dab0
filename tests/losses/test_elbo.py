"""The bound against torch's distributions and the published closed forms, on nets that can be reckoned by hand."""

from math import log, pi
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn
from torch.distributions import Normal
from torch.distributions import kl_divergence as torch_kl

from gantools.core.errors import RecipeError
from gantools.losses.objectives.elbo import (
    ELBO,
    ROUNDING,
    ELBOConfig,
    bernoulli_nats,
    calibrated_nats,
    gaussian_nats,
    kl_divergence,
)
from gantools.losses.objectives.objective import Batch, Loss

PIXELS = 2 * 3 * 3
CODE = 5


class Encoder(nn.Module):
    def __init__(self, spread: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.mean, self.log_variance = nn.Linear(PIXELS, CODE), nn.Linear(PIXELS, CODE)
        self.spread = spread

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(image.flatten(1)) * self.spread, self.log_variance(image.flatten(1))


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(CODE, PIXELS)

    def logits(self, latent: Tensor) -> Tensor:
        logits: Tensor = self.linear(latent)
        return logits.reshape(-1, 2, 3, 3)

    def forward(self, latent: Tensor) -> Tensor:
        return torch.tanh(self.logits(latent) / 2)


def nets(spread: float = 1.0) -> dict[str, nn.Module]:
    return {"E": Encoder(spread), "G": Decoder()}


def batch(size: int = 16, step: int = 0) -> Batch:
    torch.manual_seed(2)
    return Batch(torch.rand(size, 2, 3, 3) * 2 - 1, {}, step=step)


def loss_of(parts: dict[str, nn.Module] | None = None, given: Batch | None = None, **options: Any) -> Loss:
    objective = ELBO(ELBOConfig(**options))
    return objective.loss(objective.phases[0], parts or nets(), given or batch(), torch.Generator().manual_seed(3))


def value_of(loss: Loss) -> float:
    assert loss.value is not None
    return loss.value.item()


def test_the_divergence_is_that_of_torch() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(7, CODE) * 3, torch.randn(7, CODE) * 2
    expected = torch_kl(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected)
    assert not kl_divergence(torch.zeros(1, 1), torch.zeros(1, 1)).any(), "the prior costs nothing"


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_a_fixed_sigma_gives_the_density_of_torch(sigma: float) -> None:
    torch.manual_seed(0)
    images, real = torch.randn(4, 2, 3, 3), torch.randn(4, 2, 3, 3)
    expected = -Normal(images, sigma).log_prob(real).flatten(1).sum(1).mean()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(gaussian_nats(images, real, sigma), expected)


def test_the_learned_sigma_is_the_one_with_the_least_loss() -> None:
    torch.manual_seed(0)
    images, real = torch.rand(64, 2, 3, 3), torch.rand(64, 2, 3, 3)
    nats, sigma = calibrated_nats(images, real)
    error = (images - real).square().mean().item()
    assert sigma.item() == pytest.approx((error + ROUNDING) ** 0.5, rel=1e-6)
    assert nats.item() == pytest.approx(PIXELS / 2 * (log(2 * pi * (error + ROUNDING)) + 1), rel=1e-5)
    others = [gaussian_nats(images, real, sigma.item() * factor).item() for factor in (0.8, 0.95, 1.05, 1.25)]
    assert nats.item() == pytest.approx(gaussian_nats(images, real, sigma.item()).item(), abs=1e-3)
    assert all(nats.item() < other for other in others)


def test_the_variance_of_rounding_is_that_of_a_level() -> None:
    values = torch.rand(10**6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    levels = ((values + 1) * 127.5).round() / 127.5 - 1
    assert (values - levels).square().mean().item() == pytest.approx(ROUNDING, rel=0.01)
    nats, _ = calibrated_nats(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    assert nats.isfinite(), "a perfect reconstruction costs a finite number of nats"


def test_bernoulli_is_the_cross_entropy_of_torch() -> None:
    torch.manual_seed(0)
    logits, real = torch.randn(4, 2, 3, 3) * 4, torch.rand(4, 2, 3, 3) * 2 - 1
    probabilities = (torch.tanh(logits.double() / 2) + 1) / 2  # the image, brought to [0, 1]
    expected = F.binary_cross_entropy(probabilities, (real.double() + 1) / 2, reduction="sum") / 4
    assert bernoulli_nats(logits, real).item() == pytest.approx(expected.item(), rel=1e-5)
    sure = bernoulli_nats(torch.full((1, 1, 1, 1), 200.0), torch.full((1, 1, 1, 1), -1.0))
    assert sure.item() == pytest.approx(200.0), "no saturation where the decoder is sure and wrong"


@pytest.mark.parametrize("options", [{"sigma": 0.5}, {"sigma": "learned"}, {"likelihood": "bernoulli"}])
def test_the_loss_is_reconstruction_plus_beta_times_divergence(options: dict[str, Any]) -> None:
    loss = loss_of(beta=4.0, **options)
    expected = loss.terms["VAE.reconstruction"] + 4.0 * loss.terms["VAE.kl"]
    assert value_of(loss) == pytest.approx(expected.item(), rel=1e-5)
    assert ("VAE.sigma" in loss.terms) == (options.get("sigma") == "learned")


def test_latents_are_drawn_with_the_random_numbers_given() -> None:
    parts, given = nets(), batch()
    mean, log_variance = parts["E"](given.real)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(3))
    images = parts["G"](mean + noise * (log_variance / 2).exp())
    expected = gaussian_nats(images, given.real, 1.0)
    torch.manual_seed(99)
    torch.testing.assert_close(loss_of(sigma=1.0).terms["VAE.reconstruction"], expected.detach())


def test_free_bits_cost_nothing_and_teach_nothing_below_them() -> None:
    parts = nets(spread=0.0)
    plain = loss_of(parts, sigma=1.0)
    mean, log_variance = parts["E"](batch().real)
    each = kl_divergence(mean, log_variance).mean(0).detach()
    bits = each.median().item()
    loss = loss_of(parts, sigma=1.0, free_bits=bits)
    assert torch.equal(loss.terms["VAE.kl"], plain.terms["VAE.kl"]), "what is reported is the divergence itself"
    expected = loss.terms["VAE.reconstruction"] + each.clamp(min=bits).sum()
    assert value_of(loss) == pytest.approx(expected.item(), rel=1e-5)
    assert value_of(loss) > value_of(plain)
    far = loss_of(parts, sigma=1.0, free_bits=100.0)
    assert far.value is not None
    encoder: Any = parts["E"]
    bias = encoder.log_variance.bias
    (with_bits,) = torch.autograd.grad(far.value, bias)
    without = loss_of(parts, sigma=1.0, beta=0.0).value
    assert without is not None
    assert torch.allclose(with_bits, torch.autograd.grad(without, bias)[0]), "only the reconstruction is left"


def test_the_divergence_warms_up_linearly() -> None:
    weights = []
    for step in (0, 4, 9, 50):
        loss = loss_of(given=batch(step=step), sigma=1.0, beta=2.0, warmup_steps=10)
        weights.append((value_of(loss) - loss.terms["VAE.reconstruction"].item()) / loss.terms["VAE.kl"].item())
    assert weights == pytest.approx([0.2, 1.0, 2.0, 2.0], rel=1e-4)


def test_active_units_are_those_whose_mean_follows_the_image() -> None:
    parts = nets()
    encoder: Any = parts["E"]
    assert loss_of(parts).terms["VAE.active_units"] == CODE
    with torch.no_grad():
        encoder.mean.weight[:3] *= 1e-4
    assert loss_of(parts).terms["VAE.active_units"] == CODE - 3
    assert loss_of(parts, batch(1)).terms["VAE.active_units"] == 0, "one image says nothing"


def test_a_posterior_that_collapses_is_seen_in_active_units() -> None:
    """A weight that makes every nat of the code too dear: the encoder learns to say nothing."""
    parts, given = nets(), batch()
    objective = ELBO(ELBOConfig(sigma=1.0, beta=100.0))
    weights = [weight for net in parts.values() for weight in net.parameters()]
    optimizer = torch.optim.Adam(weights, lr=0.03)
    for step in range(150):
        loss = objective.loss(objective.phases[0], parts, given, torch.Generator().manual_seed(step))
        assert loss.value is not None
        optimizer.zero_grad()
        loss.value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.terms["VAE.active_units"] == 0
    assert loss.terms["VAE.kl"] < 0.05


def test_one_phase_updates_both_nets() -> None:
    phases = ELBO(ELBOConfig()).phases
    assert [(phase.name, phase.updates, phase.every) for phase in phases] == [("elbo", ("E", "G"), 1)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": 0.0}, "sigma must be 'learned' or a number above 0, got 0"),
        ({"sigma": float("nan")}, "sigma must be 'learned' or a number above 0, got nan"),
        ({"likelihood": "bernoulli", "sigma": 0.5}, "the likelihood 'bernoulli' has no sigma, got 0.5"),
    ],
)
def test_a_sigma_without_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ELBOConfig(**options)


def test_a_decoder_without_log_odds_is_refused_in_one_sentence() -> None:
    parts = nets() | {"G": nn.Linear(CODE, PIXELS)}
    with pytest.raises(RecipeError, match="needs log odds of pixels, and the generator Linear of the model") as caught:
        loss_of(parts, likelihood="bernoulli")
    assert caught.value.hint == "set objective.likelihood=gaussian, or model.name=vae"
