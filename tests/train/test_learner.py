from typing import Any

import pytest
import torch
from lightning_fabric import Fabric

from gantools.core.errors import RecipeError
from gantools.losses import OBJECTIVES
from gantools.losses.objectives.nonsaturating import nonsaturating
from gantools.losses.objectives.objective import Batch, ObjectiveRow
from gantools.train.draws import generator
from gantools.train.learner import Learner
from tests.train.conftest import MakeRecipe

with_encoder = ObjectiveRow(nonsaturating.Config, nonsaturating.build, nets=("G", "D", "E"))


@pytest.fixture
def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1, precision="32-true")


def weights(learner: Learner, net: str) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in learner.model.nets[net].parameters()])


def test_each_phase_moves_its_own_nets_and_no_other(make_recipe: MakeRecipe, fabric: Fabric) -> None:
    learner = Learner(make_recipe(objective__r1_gamma=1.0, discriminator__norm="none"), fabric)
    batch = Batch(torch.rand(8, 1, 32, 32) * 2 - 1, {"latent": torch.randn(8, 8)})
    moved = []
    for phase in learner.objective.phases:
        before = {net: weights(learner, net) for net in ("G", "D")}
        learner.update(phase, batch, generator(0, phase.name, 0))
        moved.append((phase.name, [net for net in before if not torch.equal(before[net], weights(learner, net))]))
    assert moved == [("D", ["D"]), ("D_r1", ["D"]), ("G", ["G"])]


def test_networks_are_channels_last_and_the_averages_are_in_inference_mode(
    make_recipe: MakeRecipe, fabric: Fabric
) -> None:
    learner = Learner(make_recipe(), fabric)
    kernels = [p for net in learner.model.nets.values() for p in net.parameters() if p.ndim == 4 and p.shape[1] > 1]
    assert len(kernels) >= 4
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    assert learner.model.nets["G"].training
    assert not learner.averaged.nets["G"].training
    assert not any(parameter.requires_grad for parameter in learner.averaged.nets["G"].parameters())


def test_an_objective_that_does_not_fit_the_model_is_refused(
    make_recipe: MakeRecipe, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OBJECTIVES._rows, "coding", f"{__name__}:with_encoder")
    with pytest.raises(RecipeError, match=r"'coding' trains G, D, E, and the model 'dcgan' has no E"):
        Learner(make_recipe(objective__name="coding"), fabric)


def test_dropout_draws_from_the_step_and_not_from_what_happened_before(make_recipe: MakeRecipe, fabric: Fabric) -> None:
    batch = Batch(torch.rand(8, 1, 32, 32) * 2 - 1, {"latent": torch.randn(8, 8)})
    results = []
    for seed, step in [(1, 0), (2, 0), (1, 1)]:
        learner = Learner(make_recipe(discriminator__dropout=0.5), fabric)
        torch.manual_seed(seed)
        learner.update(learner.objective.phases[0], batch, generator(0, "D", step))
        left = torch.rand(1)
        assert torch.equal(left, torch.rand(1, generator=torch.Generator().manual_seed(seed))), "it takes none of them"
        results.append(weights(learner, "D"))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_nets_that_nothing_updates_any_more_need_no_gradients(make_recipe: MakeRecipe, fabric: Fabric) -> None:
    learner = Learner(make_recipe(), fabric)
    batch = Batch(torch.rand(8, 1, 32, 32) * 2 - 1, {"latent": torch.randn(8, 8)}, due=("D", "G"))
    wanted = []
    for phase in learner.objective.phases:
        learner.update(phase, batch, generator(0, phase.name, 0))
        nets = learner.model.nets
        wanted.append({name: all(weight.requires_grad for weight in nets[name].parameters()) for name in nets})
    assert wanted == [{"G": True, "D": True}, {"G": True, "D": False}], "G's images serve both phases"


def test_nets_that_an_objective_is_not_made_for_are_refused_before_the_first_step(
    make_recipe: MakeRecipe, fabric: Fabric
) -> None:
    penalized = make_recipe(objective__r1_gamma=1.0, discriminator__norm="batch")
    with pytest.raises(RecipeError, match=r"objective.r1_gamma needs a discriminator without batch norm"):
        Learner(penalized, fabric)
    styled = make_recipe(objective__name="stylegan2", discriminator__norm="none")
    with pytest.raises(RecipeError, match="the objective 'stylegan2' gives each layer a style"):
        Learner(styled, fabric)


def test_parts_of_a_loss_are_differentiated_one_by_one_and_add_up(
    make_recipe: MakeRecipe, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The discriminator's gradients are those of the whole loss, and real images' are done before fakes are made."""
    learner = Learner(make_recipe(objective__name="wasserstein", discriminator__norm="none"), fabric)
    images, latent = torch.rand(8, 1, 32, 32) * 2 - 1, torch.randn(8, 8)
    phase, parameters = learner.objective.phases[0], list(learner.model.nets["D"].parameters())
    whole = learner.objective.loss(phase, learner.model.nets, Batch(images, {"latent": latent}), generator(0, "D", 0))
    assert whole.value is not None
    expected = torch.autograd.grad(whole.value, parameters, allow_unused=True)
    happened: list[str] = []
    found: list[torch.Tensor] = []
    differentiate = torch.autograd.grad

    def told(*args: Any, **options: Any) -> Any:
        happened.append("grad")
        return differentiate(*args, **options)

    monkeypatch.setattr(torch.autograd, "grad", told)
    learner.model.nets["G"].register_forward_hook(lambda *_: happened.append("G"))
    monkeypatch.setattr(
        learner._optimizers["D"], "step", lambda: found.extend(p.grad for p in parameters if p.grad is not None)
    )
    terms = learner.update(phase, Batch(images, {"latent": latent}), generator(0, "D", 0))
    assert happened[:2] == ["grad", "G"]
    assert happened.count("grad") == 4, "real, fake, and the penalty, which differentiates twice"
    assert {"D.real", "D.fake", "D.gp"} <= set(terms) == set(whole.terms)
    wanted = [gradient for gradient in expected if gradient is not None]
    assert len(found) == len(wanted) >= 6
    for ours, theirs in zip(found, wanted, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_net_that_nobody_ships_has_no_second_copy(make_recipe: MakeRecipe, fabric: Fabric) -> None:
    learner = Learner(make_recipe(discriminator__norm="spectral"), fabric)
    for net, shared in (("D", True), ("G", False)):
        pairs = zip(learner.model.nets[net].parameters(), learner.averaged.nets[net].parameters(), strict=True)
        assert {a.data_ptr() == b.data_ptr() for a, b in pairs} == {shared}, net


def test_gradients_are_taken_in_the_precision_of_what_they_are_of(
    make_recipe: MakeRecipe, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of a loss that is computed in float32 on purpose is differentiated in float32, in a bf16 training too."""
    learner = Learner(make_recipe(train__precision="bf16"), fabric)
    differentiate, seen = torch.autograd.grad, []

    def told(*args: Any, **options: Any) -> Any:
        seen.append(torch.is_autocast_enabled("cpu"))
        return differentiate(*args, **options)

    monkeypatch.setattr(torch.autograd, "grad", told)
    dtypes = []
    learner.model.nets["D"].get_submodule("head").register_forward_hook(lambda *given: dtypes.append(given[2].dtype))
    batch = Batch(torch.rand(8, 1, 32, 32) * 2 - 1, {"latent": torch.randn(8, 8)})
    for phase in learner.objective.phases:
        learner.update(phase, batch, generator(0, phase.name, 0))
    assert dtypes == [torch.bfloat16] * 3, "every part is computed under autocast, those after a gradient too"
    assert seen == [False] * 3
