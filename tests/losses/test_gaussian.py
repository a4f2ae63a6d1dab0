from typing import Any

import pytest
import torch

from gantools.core.errors import RecipeError
from gantools.losses import OBJECTIVES
from gantools.losses.objectives.objective import Batch
from tests.conformance.tiny import MODELS_SMALL, small_batch, small_model


def test_a_step_adds_its_images_and_reports_their_likelihood_before_it_knows_them() -> None:
    model, _ = small_model("nmg", MODELS_SMALL["nmg"][0])
    row = OBJECTIVES.load("gaussian")
    objective = row.build(row.Config(fit_every=2))
    (phase,) = objective.phases
    gaussian: Any = model.nets["N"]
    batch = small_batch(model, 16)
    reported = []
    for step in range(4):
        now = Batch(batch.real, batch.noise, step=step)
        loss = objective.loss(phase, model.nets, now, torch.Generator())
        assert loss.value is None
        reported.append(float(loss.terms["N.log_likelihood"]))
        assert int(gaussian.count) == 16 * (step + 1)
        assert int(gaussian.fitted) == 16 * ((step + 1) // 2 * 2)
    assert reported[0] == reported[1] < reported[2]
    assert torch.allclose(gaussian.mean, batch.real.flatten(1).mean(0), atol=1e-6)


@pytest.mark.parametrize("game", ["nonsaturating", "hinge"])
def test_the_discriminator_learns_to_tell_images_from_draws(game: str) -> None:
    model, _ = small_model("nmg", MODELS_SMALL["nmg"][1])
    row = OBJECTIVES.load("gaussian_judged")
    objective = row.build(row.Config(game=game, fit_every=1))
    fit, judged = objective.phases
    batch = small_batch(model, 64)
    batch = Batch(batch.real.sign() * 0.9, batch.noise)  # two values only, which no normal distribution has
    objective.loss(fit, model.nets, batch, torch.Generator())
    descent = torch.optim.Adam(model.nets["D"].parameters(), 1e-2)
    for _ in range(60):
        loss = objective.loss(judged, model.nets, batch, torch.Generator())
        descent.zero_grad()
        loss.value.backward()
        descent.step()
    assert loss.terms["D.accuracy"] > 0.9


def test_a_generator_without_sums_is_refused() -> None:
    model, _ = small_model("dcgan", MODELS_SMALL["dcgan"][0])
    row = OBJECTIVES.load("gaussian")
    objective = row.build(row.Config())
    with pytest.raises(RecipeError, match="fit sums over images, and the generator Generator"):
        objective.check({"N": model.nets["G"]})
    with pytest.raises(RecipeError):
        objective.loss(objective.phases[0], {"N": model.nets["G"]}, small_batch(model), torch.Generator())
