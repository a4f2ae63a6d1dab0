"""What sets one adversarial objective apart from another, beyond its game."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from gantools.core.errors import RecipeError
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


@pytest.mark.parametrize("phase", ["D", "D_r1"])
def test_weights_are_clipped_after_every_phase_that_moves_them(phase: str) -> None:
    objective, parts = objective_of("wasserstein", clip=0.01, gp_weight=0, r1_gamma=1), nets()
    objective.after(next(one for one in objective.phases if one.name == phase), parts)
    assert all(weight.abs().max() <= 0.01 for weight in parts["D"].parameters())
    untouched = nets()
    objective.after(next(one for one in objective.phases if one.name == "G"), untouched)
    assert any(weight.abs().max() > 0.01 for weight in untouched["D"].parameters())


@pytest.mark.parametrize(
    ("name", "options", "option"),
    [
        ("hinge", {"r1_gamma": 1}, "r1_gamma"),
        ("lsgan", {"r2_gamma": 1}, "r2_gamma"),
        ("wasserstein", {}, "gp_weight"),
    ],
)
def test_a_discriminator_with_batch_norm_is_refused_where_a_penalty_needs_each_image_by_itself(
    name: str, options: dict[str, Any], option: str
) -> None:
    parts = {**nets(), "D": nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 1), nn.Flatten(0))}
    with pytest.raises(RecipeError, match=f"objective.{option} needs a discriminator without batch norm") as caught:
        objective_of(name, **options).check(parts)
    assert caught.value.hint is not None
    assert "discriminator.norm" in caught.value.hint
    objective = objective_of(name, **options)
    with pytest.raises(RecipeError):  # also where nobody called check
        objective.loss(objective.phases[0], parts, batch(), torch.Generator())
    objective_of("minimax").check(parts)


def test_a_critic_is_not_said_to_be_right_or_wrong() -> None:
    terms = {}
    for name in ("wasserstein", "hinge", "lsgan", "minimax", "nonsaturating"):
        objective = objective_of(name)
        terms[name] = objective.loss(objective.phases[0], nets(), batch(), torch.Generator()).terms
    assert "D.accuracy" not in terms.pop("wasserstein")
    assert len(terms) == 4
    assert all({"D.real", "D.fake", "D.accuracy", "D.gap"} == found.keys() for found in terms.values())


def test_ada_is_refused_for_a_critic() -> None:
    with pytest.raises(ValidationError, match="a critic's values have no sign; use 'diffaugment'"):
        objective_of("wasserstein", augment="ada")
    assert objective_of("wasserstein", augment="diffaugment").state == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"real_target": 0.0}, "real_target must be above fake_target, got 0 and 0"),
        ({"generator_target": -1.0}, "generator_target must be above fake_target, got -1 and 0"),
    ],
)
def test_least_squares_targets_in_a_senseless_order_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        objective_of("lsgan", **options)


@pytest.mark.parametrize("augment", ["diffaugment", "ada"])
def test_real_and_generated_images_are_augmented_in_every_phase(augment: str) -> None:
    """A discriminator that keeps what it is shown; images that come unchanged would be found among them."""
    shown: list[Tensor] = []

    class Keeping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, image: Tensor) -> Tensor:
            shown.append(image.detach())
            return (self.weight * image).mean((1, 2, 3))

    objective = objective_of("hinge", augment=augment, r1_gamma=1, r2_gamma=1)
    for p in objective.state.values():
        p.fill_(0.8)
    parts, given = {"G": Counting(), "D": Keeping()}, batch()
    for phase in objective.phases:
        objective.loss(phase, parts, given, torch.Generator().manual_seed(1))
    assert len(shown) == 5, "D on both kinds, R1, R2, and G"
    generated = given.noise["latent"].reshape(-1, 1, 2, 2)
    for images, plain in zip(shown, [given.real, generated, given.real, generated, generated], strict=True):
        assert (images != plain).flatten(1).any(1).float().mean() > 0.5


def test_ada_reports_its_strength() -> None:
    objective = objective_of("nonsaturating", augment="ada")
    terms = objective.loss(objective.phases[0], nets(), batch(), torch.Generator()).terms
    assert {"ADA.p", "ADA.rt"} <= terms.keys()
    assert objective.state["ada.count"] == 1


def test_labels_go_with_their_images() -> None:
    """Of real images those of the data, of generated ones those they were made for."""
    seen: list[tuple[bool, Tensor]] = []

    class Conditional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, image: Tensor, label: Tensor) -> Tensor:
            seen.append((bool((image > 0).all()), label))
            return (self.weight * image).sum((1, 2, 3)) + label

    class Labelled(Counting):
        def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
            assert label is not None
            return super().forward(latent)

    real, made = torch.tensor([0, 1, 2]), torch.tensor([3, 4, 5])
    given = Batch(torch.ones(3, 1, 2, 2), {"latent": -torch.ones(3, 4), "label": made}, real)
    objective = objective_of("hinge", r1_gamma=1, r2_gamma=1)
    for phase in objective.phases:
        objective.loss(phase, {"G": Labelled(), "D": Conditional()}, given, torch.Generator())
    assert [is_real for is_real, _ in seen] == [True, False, True, False, False]
    assert all(torch.equal(label, real if is_real else made) for is_real, label in seen)


def test_accuracy_and_gap_tell_who_is_winning() -> None:
    objective, parts, given = objective_of("nonsaturating"), nets(), batch()
    judge: Any = parts["D"][1]  # type: ignore[index]
    with torch.no_grad():
        judge.weight.zero_()
        judge.bias.fill_(1.0)
    terms = objective.loss(objective.phases[0], parts, given, torch.Generator()).terms
    assert terms["D.accuracy"] == 0.5, "everything is called real"
    assert terms["D.gap"] == 0
