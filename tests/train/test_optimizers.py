from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.optim import Optimizer

from gantools.core.errors import ArtifactError
from gantools.models.build import build_model
from gantools.models.model import Model
from gantools.train.optimizers import make_optimizers, optimizer_tensors, restore_optimizers
from tests.train.conftest import MakeRecipe


def built(make_recipe: MakeRecipe, **changes: object) -> tuple[Model, dict[str, Optimizer]]:
    recipe = make_recipe(**changes)
    model = build_model(recipe)
    for net in model.nets.values():
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model, make_optimizers(model, recipe.train)


@pytest.fixture
def saved(make_recipe: MakeRecipe, tmp_path: Path) -> Path:
    """The state after one step of the generator alone."""
    model, optimizers = built(make_recipe)
    for parameter in model.nets["G"].parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizers["G"].step()
    tensors = optimizer_tensors(model.nets, optimizers)
    assert len(tensors) == 3 * len(list(model.nets["G"].parameters()))
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, tmp_path / "optimizers.safetensors")
    return tmp_path / "optimizers.safetensors"


def test_each_net_has_its_learning_rate(make_recipe: MakeRecipe) -> None:
    def rates(**changes: object) -> dict[str, float]:
        return {net: optimizer.param_groups[0]["lr"] for net, optimizer in built(make_recipe, **changes)[1].items()}

    assert rates(train__learning_rate=0.1) == {"G": 0.1, "D": 0.1}
    assert rates(train__learning_rate=0.1, train__discriminator_learning_rate=0.3) == {"G": 0.1, "D": 0.3}


def test_state_comes_back_in_the_layout_of_its_parameters(make_recipe: MakeRecipe, saved: Path) -> None:
    model, optimizers = built(make_recipe)
    restore_optimizers(model.nets, optimizers, saved)
    restored = optimizer_tensors(model.nets, optimizers)
    stored = load_file(saved)
    assert restored.keys() == stored.keys()
    assert all(torch.equal(restored[name], stored[name]) for name in stored)
    for parameter in model.nets["G"].parameters():
        assert optimizers["G"].state[parameter]["exp_avg"].stride() == parameter.stride()
    assert not optimizers["D"].state, "no phase has moved it yet"


def test_state_of_other_parameters_is_refused(make_recipe: MakeRecipe, saved: Path) -> None:
    model, optimizers = built(make_recipe)
    stored = load_file(saved)
    save_file({**stored, "G.surplus/step": torch.zeros(())}, saved)
    with pytest.raises(ArtifactError, match=r"holds the state of unknown parameters: G.surplus/step"):
        restore_optimizers(model.nets, optimizers, saved)
    save_file({**stored, "G.project.weight/exp_avg": torch.zeros(3)}, saved)
    with pytest.raises(ArtifactError, match=r"does not fit the parameter 'G.project.weight'"):
        restore_optimizers(model.nets, optimizers, saved)
