from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gantools.losses.objectives.nonsaturating import nonsaturating
from gantools.losses.objectives.objective import Batch, Loss, Objective


class Counting(nn.Module):
    """A generator of one weight that counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.calls = 0

    def forward(self, latent: Tensor) -> Tensor:
        self.calls += 1
        return (self.weight * latent).reshape(-1, 1, 2, 2)


def nets() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {"G": Counting(), "D": nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0))}


def batch() -> Batch:
    torch.manual_seed(1)
    return Batch(torch.randn(6, 1, 2, 2), {"latent": torch.randn(6, 4)})


def objective_of(**options: Any) -> Objective:
    return nonsaturating.build(nonsaturating.Config(**options))


def value_of(loss: Loss) -> torch.Tensor:
    assert loss.value is not None
    return loss.value


def test_one_batch_of_generated_images_serves_both_phases() -> None:
    objective, parts, given = objective_of(), nets(), batch()
    for phase in objective.phases:
        objective.loss(phase, parts, given, torch.Generator())
    assert [phase.name for phase in objective.phases] == ["D", "G"]
    assert parts["G"].calls == 1


def test_the_discriminator_phase_gives_the_generator_no_gradient() -> None:
    objective, parts = objective_of(), nets()
    loss = objective.loss(objective.phases[0], parts, batch(), torch.Generator())
    parameters = [*parts["G"].parameters(), *parts["D"].parameters()]
    gradients: list[Any] = list(torch.autograd.grad(value_of(loss), parameters, allow_unused=True))
    of_generator, *of_discriminator = gradients
    assert of_generator is None
    assert len(of_discriminator) == 2
    assert all(gradient.any() for gradient in of_discriminator)
    assert value_of(loss).item() == pytest.approx((loss.terms["D.real"] + loss.terms["D.fake"]).item())


def test_r1_is_a_phase_of_its_own_only_when_it_weighs_something() -> None:
    lazy = objective_of(r1_gamma=2.0, r1_every=4)
    assert [(phase.name, phase.updates, phase.every) for phase in lazy.phases] == [
        ("D", ("D",), 1),
        ("D_r1", ("D",), 4),
        ("G", ("G",), 1),
    ]
    loss = lazy.loss(lazy.phases[1], nets(), batch(), torch.Generator())
    assert value_of(loss).item() == pytest.approx(4 * loss.terms["D.r1"].item()), (
        "gamma / 2 times the steps it stands for"
    )


def test_smoothing_reaches_the_real_loss_alone() -> None:
    plain, smooth = (objective_of(label_smoothing=s) for s in (0.0, 0.2))
    losses = [objective.loss(objective.phases[0], nets(), batch(), torch.Generator()) for objective in (plain, smooth)]
    assert losses[0].terms["D.fake"] == losses[1].terms["D.fake"]
    assert losses[0].terms["D.real"] != losses[1].terms["D.real"]
