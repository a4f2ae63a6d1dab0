"""One Adam for each net, and its state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from gantools.core.errors import ArtifactError
from gantools.core.recipe import TrainSection
from gantools.models.model import Model
from gantools.train.checkpoint import read_tensors

_SLOTS = ("step", "exp_avg", "exp_avg_sq")


def learning_rates(model: Model, section: TrainSection) -> dict[str, float]:
    """By net that has parameters to be changed. Nets that generate have their own rate, those that judge the other."""
    other = section.discriminator_learning_rate or section.learning_rate
    return {
        name: other if name == "D" or name not in model.averaged else section.learning_rate
        for name, net in model.nets.items()
        if next(net.parameters(), None) is not None and name not in model.frozen
    }


def make_optimizers(model: Model, section: TrainSection) -> dict[str, Optimizer]:
    """Adam (Kingma and Ba, 2015) by net."""
    return {
        name: Adam(model.nets[name].parameters(), lr=rate, betas=section.betas, fused=True)
        for name, rate in learning_rates(model, section).items()
    }


def optimizer_tensors(nets: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
    """The moments and step counts of every parameter, under names like ``"G.project.weight/exp_avg"``."""
    return {
        f"{net}.{name}/{slot}": optimizer.state[parameter][slot]
        for net, optimizer in optimizers.items()
        for name, parameter in nets[net].named_parameters()
        if parameter in optimizer.state
        for slot in _SLOTS
    }


def restore_optimizers(nets: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer], path: Path) -> None:
    """Put saved tensors back, in the memory layout of their parameters: the same kernels then give the same bits.

    Raises:
        ArtifactError: The file is missing or damaged, or holds the state of other parameters.
    """
    saved = read_tensors(path)
    for net, optimizer in optimizers.items():
        optimizer.state.clear()
        for name, parameter in nets[net].named_parameters():
            slots = {slot: saved.pop(f"{net}.{name}/{slot}", None) for slot in _SLOTS}
            present = [value for value in slots.values() if value is not None]
            if not present:
                continue  # a parameter that no phase has moved yet
            moments = (slots["exp_avg"], slots["exp_avg_sq"])
            if len(present) < len(_SLOTS) or any(
                value.shape != parameter.shape for value in moments if value is not None
            ):
                raise ArtifactError(
                    f"'{path}' does not fit the parameter '{net}.{name}'.", hint="use another checkpoint"
                )
            optimizer.state[parameter] = {
                slot: value.to(parameter.device) if slot == "step" else torch.empty_like(parameter).copy_(value)
                for slot, value in slots.items()
                if value is not None
            }
    if saved:
        raise ArtifactError(
            f"'{path}' holds the state of unknown parameters: {next(iter(saved))}.", hint="use another checkpoint"
        )
