"""Every objective of the table, in its default form and with every phase turned on."""

from typing import Any

import pytest
import torch

from gantools.core.tokens import END
from gantools.losses import OBJECTIVES
from gantools.losses.objectives.objective import Batch, Loss
from gantools.losses.objectives.restoration import singly
from gantools.losses.objectives.translation import is_conditional
from gantools.models import DISCRIMINATORS
from gantools.models.build import shape_of
from gantools.models.model import Model
from tests.conformance.tiny import MODEL_CASES, OBJECTIVES_WHOLE, Options, small_batch, small_model
from tests.conformance.tiny_texts import (
    STEPS,
    TEXT_DISCRIMINATORS_SMALL,
    TEXTS_SMALL,
    VOCABULARY,
    small_text_model,
)

CASES = [(name, options) for name in OBJECTIVES for options in ({}, OBJECTIVES_WHOLE[name])]


# Discriminators without dropout, which would change a loss between two looks.
JUDGES: dict[str, Options] = {
    "text_cnn": TEXT_DISCRIMINATORS_SMALL["text_cnn"][1],
    "text_gru": {**TEXT_DISCRIMINATORS_SMALL["text_gru"][0], "every_place": True},
}
# Objectives of texts, and a model that is trained with each.
OF_TEXTS = {
    "likelihood": "text_lstm",
    "seqgan": "text_gru",
    "scratchgan": "text_lstm",
    "relgan": "text_gru",
    "text_elbo": "text_vae",
}


def text_model(name: str, judge: str | None) -> Model:
    model = small_text_model(name, TEXTS_SMALL[name][0])
    if judge is None:
        return model
    row = DISCRIMINATORS.load(judge)
    net = row.build(row.Config(**JUDGES[judge]), shape_of(model))
    return model.with_net("D", net, {})


def text_batch(model: Model, due: tuple[str, ...]) -> Batch:
    rng = torch.Generator().manual_seed(5)
    real = torch.randint(3, VOCABULARY, (16, STEPS), generator=rng)
    real[:8, 5:] = END
    noise = {"latent": torch.randn(16, 3, generator=rng)} if model.sampler.noise.get("latent") else {}
    labels = torch.arange(16) % model.classes if model.classes else None
    if model.classes:
        noise["label"] = torch.arange(16) // 4 % model.classes
    return Batch(real, noise, labels, due, step=50)


def game(name: str, options: Options) -> tuple[Any, Model, Batch]:
    """The objective, and the first model that is trained with it; one of films where its options are of films."""
    row = OBJECTIVES.load(name)
    if name in OF_TEXTS:
        judge = "text_gru" if name == "scratchgan" else "text_cnn"
        model = text_model(OF_TEXTS[name], judge if "D" in row.nets else None)
        objective = row.build(row.Config(**options))
        return objective, model, text_batch(model, tuple(phase.name for phase in objective.phases))
    of_it = [case for case in MODEL_CASES if case[1]["objective"] == name] or MODEL_CASES
    model_name, model_options = next(case for case in of_it if case[0] == "recurrent" or "temporal" not in options)
    model, _ = small_model(model_name, model_options)
    for net in model.nets.values():  # the usual beginning is so small that penalties have a kink there
        for weight in net.parameters():
            if weight.ndim > 1:
                torch.nn.init.xavier_normal_(weight)
    for _ in range(10 if "D" in model.nets else 0):  # the power iterations of spectral norm settle on the new weights
        with torch.no_grad():
            batch = small_batch(model)
            shown = batch.given if is_conditional(model.nets["D"]) else None
            beside = {} if shown is None else {"given": singly(shown)}
            real = singly(batch.real)
            model.nets["D"](*([real] if batch.labels is None else [real, batch.labels]), **beside)
    for module in model.nets["D"].modules() if "D" in model.nets else ():
        if isinstance(module, torch.nn.BatchNorm2d):  # penalties are made for discriminators without
            module.eval()
    objective = row.build(row.Config(**options))
    return objective, model, small_batch(model, due=tuple(phase.name for phase in objective.phases))


def loss_of(objective: Any, phase: Any, model: Model, batch: Batch) -> Loss:
    loss = objective.loss(phase, model.nets, batch, torch.Generator().manual_seed(0))
    assert isinstance(loss, Loss)
    return loss


def test_no_objective_is_left_out() -> None:
    assert set(OBJECTIVES_WHOLE) == set(OBJECTIVES)
    assert len(CASES) == 2 * len(OBJECTIVES)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_losses_are_finite_float32_scalars_with_detached_terms(name: str, options: Options) -> None:
    objective, model, batch = game(name, options)
    assert len(objective.phases) >= 1
    terms: set[str] = set()
    with torch.autocast("cpu", torch.bfloat16):
        for phase in objective.phases:
            loss = loss_of(objective, phase, model, batch)
            assert (loss.value is not None) == bool(phase.updates)
            for value in (loss.value, *loss.terms.values()):
                if value is not None:
                    assert value.shape == ()
                    assert value.dtype == torch.float32
                    assert value.isfinite()
            assert loss.terms
            assert not any(value.requires_grad for value in loss.terms.values())
            assert not terms & loss.terms.keys(), "a name stands for one thing"
            terms |= loss.terms.keys()


@pytest.mark.parametrize(("name", "options"), CASES)
def test_phases_cover_the_nets_and_are_named_once(name: str, options: Options) -> None:
    objective, model, _ = game(name, options)
    names = [phase.name for phase in objective.phases]
    assert len(set(names)) == len(names)
    updated = {net for phase in objective.phases for net in phase.updates}
    assert updated <= set(OBJECTIVES.load(name).nets) <= set(model.nets)
    assert all(phase.every >= 1 for phase in objective.phases)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_phase_lowers_its_own_loss(name: str, options: Options) -> None:
    """A small step against the gradient of a phase's own nets makes its loss smaller: the sign is right."""
    objective, _, _ = game(name, options)
    for index in range(len(objective.phases)):
        objective, model, batch = game(name, options)
        phase = objective.phases[index]
        before = loss_of(objective, phase, model, batch).value
        if before is None:
            continue
        parameters = [p for net in phase.updates for p in model.nets[net].parameters()]
        gradients = torch.autograd.grad(before, parameters, allow_unused=True)
        length = sum(float(g.square().sum()) for g in gradients if g is not None) ** 0.5
        assert length > 0
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.sub_(gradient, alpha=1e-3 / length)
        fresh, _, _ = game(name, options)  # what was remembered or made with the old weights is not used
        again = Batch(batch.real, batch.noise, batch.labels, batch.due, batch.step, batch.given)
        after = loss_of(fresh, phase, model, again).value
        assert after is not None
        assert after < before
