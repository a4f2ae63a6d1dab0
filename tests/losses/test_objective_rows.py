"""What sets one adversarial objective apart from another, beyond its game."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from gantools.losses import OBJECTIVES
from gantools.losses.objectives.objective import Batch, Objective
from tests.losses.test_nonsaturating import Counting, batch, nets


def objective_of(name: str, **options: Any) -> Objective:
    row = OBJECTIVES.load(name)
    built: Objective = row.build(row.Config(**options))
    return built


def test_the_critic_is_updated_five_times_as_often_in_a_wasserstein_game() -> None:
    phases = objective_of("wasserstein").phases
    assert [(phase.name, phase.every) for phase in phases] == [("D", 1), ("G", 5)]


def test_clipping_bounds_every_weight_of_the_critic_and_none_of_the_generator() -> None:
    objective, parts = objective_of("wasserstein", clip=0.01, gp_weight=0), nets()
    for phase in objective.phases:
        objective.after(phase, parts)
    weights = torch.cat([p.detach().flatten() for p in parts["D"].parameters()])
    assert weights.abs().max() == pytest.approx(0.01)
    assert weights.abs().min() <= 0.01
    assert isinstance(parts["G"], Counting)
    assert parts["G"].weight == 1


@pytest.mark.parametrize("options", [{"clip": 0.01}, {"gp_weight": 0}])
def test_a_critic_has_exactly_one_bound(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="one of gp_weight and clip bounds the critic"):
        objective_of("wasserstein", **options)


def test_the_gradient_penalty_is_part_of_the_critics_loss() -> None:
    with_penalty, without = objective_of("wasserstein", gp_weight=7), objective_of("wasserstein", gp_weight=0, clip=1)
    losses = [o.loss(o.phases[0], nets(), batch(), torch.Generator().manual_seed(0)) for o in (with_penalty, without)]
    values = [loss.value.item() for loss in losses if loss.value is not None]
    assert values[0] - values[1] == pytest.approx(7 * losses[0].terms["D.gp"].item(), rel=1e-5)


@pytest.mark.parametrize("due", [("D",), ("D", "G")])
def test_the_generators_graph_is_kept_only_where_the_generator_is_due(due: tuple[str, ...]) -> None:
    objective, parts, given = objective_of("hinge"), nets(), batch()
    given = Batch(given.real, given.noise, due=due)
    objective.loss(objective.phases[0], parts, given, torch.Generator())
    assert given.once("fake", lambda: torch.zeros(())).requires_grad == ("G" in due)


def test_accuracy_and_gap_tell_who_is_winning() -> None:
    objective, parts, given = objective_of("nonsaturating"), nets(), batch()
    judge: Any = parts["D"][1]  # type: ignore[index]
    with torch.no_grad():
        judge.weight.zero_()
        judge.bias.fill_(1.0)
    terms = objective.loss(objective.phases[0], parts, given, torch.Generator()).terms
    assert terms["D.accuracy"] == 0.5, "everything is called real"
    assert terms["D.gap"] == 0
