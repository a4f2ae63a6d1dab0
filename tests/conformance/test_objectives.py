"""Every objective of the table, in its default form and with every phase turned on."""

from typing import Any

import pytest
import torch

from gantools.losses import OBJECTIVES
from gantools.losses.objectives.objective import Batch, Loss
from gantools.models import MODELS

# Options under which an objective has all the phases it can have.
EVERYTHING: dict[str, dict[str, Any]] = {"nonsaturating": {"label_smoothing": 0.1, "r1_gamma": 1.0, "r1_every": 2}}
CASES = [(name, options) for name in OBJECTIVES for options in ({}, EVERYTHING[name])]


def game(name: str, options: dict[str, Any]) -> tuple[Any, Any, Batch]:
    row = OBJECTIVES.load(name)
    architecture = MODELS.load("dcgan")
    torch.manual_seed(0)
    config = architecture.Config(channels=1, latent=8, width=4, discriminator_norm="none")
    model = architecture.build(config)
    batch = Batch(torch.rand(4, 1, 32, 32) * 2 - 1, {"latent": torch.randn(4, 8)})
    return row.build(row.Config(**options)), model.nets, batch


def loss_of(objective: Any, phase: Any, nets: Any, batch: Batch) -> Loss:
    loss = objective.loss(phase, nets, batch, torch.Generator().manual_seed(0))
    assert isinstance(loss, Loss)
    return loss


def test_no_objective_is_left_out() -> None:
    assert set(EVERYTHING) == set(OBJECTIVES)
    assert len(CASES) == 2 * len(OBJECTIVES)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_losses_are_finite_float32_scalars_with_detached_terms(name: str, options: dict[str, Any]) -> None:
    objective, nets, batch = game(name, options)
    assert len(objective.phases) >= 1
    terms: set[str] = set()
    with torch.autocast("cpu", torch.bfloat16):
        for phase in objective.phases:
            loss = loss_of(objective, phase, nets, batch)
            for value in (loss.value, *loss.terms.values()):
                assert value.shape == ()
                assert value.dtype == torch.float32
                assert value.isfinite()
            assert loss.value.requires_grad
            assert loss.terms
            assert not any(value.requires_grad for value in loss.terms.values())
            assert not terms & loss.terms.keys(), "a name stands for one thing"
            terms |= loss.terms.keys()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_phases_cover_the_nets_and_are_named_once(name: str, options: dict[str, Any]) -> None:
    objective, nets, _ = game(name, options)
    names = [phase.name for phase in objective.phases]
    assert len(set(names)) == len(names)
    assert {net for phase in objective.phases for net in phase.updates} == set(OBJECTIVES.load(name).nets) <= set(nets)
    assert all(phase.every >= 1 for phase in objective.phases)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_phase_lowers_its_own_loss(name: str, options: dict[str, Any]) -> None:
    """A small step against the gradient of a phase's own nets makes its loss smaller: the sign is right."""
    objective, _, _ = game(name, options)
    for index in range(len(objective.phases)):
        objective, nets, batch = game(name, options)
        phase = objective.phases[index]
        parameters = [p for net in phase.updates for p in nets[net].parameters()]
        before = loss_of(objective, phase, nets, batch).value
        gradients = torch.autograd.grad(before, parameters, allow_unused=True)
        length = sum(float(g.square().sum()) for g in gradients if g is not None) ** 0.5
        assert length > 0
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter -= 1e-3 / length * gradient
        again = Batch(batch.real, batch.noise)  # what was made with the old weights is not used
        assert loss_of(objective, phase, nets, again).value < before
