"""Everything that changes while training: nets, their averages, their optimizers. Knows nothing of files or logs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.core.recipe import Recipe
from gantools.losses import OBJECTIVES
from gantools.losses.objectives.objective import Batch, Loss, Makes, Objective, ObjectiveRow, Phase
from gantools.models import MODELS
from gantools.models.build import build_model
from gantools.models.model import Model
from gantools.train.checkpoint import (
    EMA,
    NETS,
    OBJECTIVE,
    OPTIMIZERS,
    Checkpoint,
    Origin,
    Tensors,
    copy_tensors,
    load_nets,
    net_tensors,
    read_tensors,
)
from gantools.train.draws import generator
from gantools.train.ema import Average
from gantools.train.optimizers import learning_rates, make_optimizers, optimizer_tensors, restore_optimizers
from gantools.train.schedule import share
from gantools.train.start import check_start, copy_nets

_FITS = "choose an objective that fits the model"
_DROPOUT = nn.modules.dropout._DropoutNd


class Learner:
    """A model in training.

    Nets are not wrapped for data parallelism: a GAN's phases run different parts of its nets, some of them twice, which
    wrappers that count backward passes forbid. Instead the gradients of a phase are averaged in one piece, as StyleGAN2
    does.

    Args:
        recipe: What to build. Its precision is settled.
        fabric: Launched; owns devices and processes.

    Attributes:
        model: What learns.
        averaged: What ships, in inference mode.
        objective: Owns the phases.
        compiled: Whether compiled networks are used; none: there are none.
        origin: Of the nets that the training began with; none: all were random.
        scale: What going back has made of the learning rates: 1 is the recipe's.
    """

    def __init__(self, recipe: Recipe, fabric: Fabric) -> None:
        row: ObjectiveRow[Any] = OBJECTIVES.load(recipe.objective.name)
        self.objective: Objective = row.build(row.Config(**recipe.objective.options))
        self.model, self.averaged = (_build(recipe, fabric.device) for _ in range(2))
        if (makes := _makes(self.model)) != row.makes:
            raise RecipeError(
                f"the objective '{recipe.objective.name}' is for models that make {row.makes}, and the model "
                f"'{recipe.model.name}' makes {makes}.",
                hint=_FITS + _usual(recipe),
            )
        if missing := sorted(set(row.nets) - set(self.model.nets)):
            raise RecipeError(
                f"the objective '{recipe.objective.name}' trains {', '.join(row.nets)}, and the model "
                f"'{recipe.model.name}' has no {', '.join(missing)}.",
                hint=f"set {row.needs}" if row.needs else _judge(makes) if missing == ["D"] else _FITS + _usual(recipe),
            )
        if idle := sorted(set(self.model.averaged) - set(row.nets) - set(self.model.frozen)):
            raise RecipeError(
                f"the objective '{recipe.objective.name}' does not train {', '.join(idle)}, which the model "
                f"'{recipe.model.name}' ships.",
                hint=_FITS + _usual(recipe),
            )
        check_start(self.model, recipe)
        self.objective.check(self.model.nets)
        for name in set(self.model.nets) - set(self.model.averaged):  # nobody ships them: no second copy
            self.averaged.nets[name].load_state_dict(self.model.nets[name].state_dict(), assign=True)
        self.averaged.eval()
        for name in self.model.frozen:
            self.model.nets[name].eval()
        for tensor in self.objective.state.values():
            tensor.data = tensor.data.to(fabric.device)
        self._objective_start = {name: tensor.clone() for name, tensor in self.objective.state.items()}
        self._recipe, self._fabric, self._batch = recipe, fabric, recipe.train.batch
        self._bf16 = recipe.train.precision == "bf16"
        self.compiled: bool | None = None
        self.origin: Origin | None = None
        self.scale = 1.0
        self._copied: dict[str, Tensors] = {}
        self._drops = any(isinstance(module, _DROPOUT) for net in self.model.nets.values() for module in net.modules())
        self._optimizers = make_optimizers(self.model, recipe.train)
        self._averages = [
            Average(self.model.nets[name], self.averaged.nets[name], recipe.train.ema_half_life_images)
            for name in self.model.averaged
        ]

    def due(self, step: int) -> list[Phase]:
        """The phases that happen after ``step`` finished steps, in order."""
        return [phase for phase in self.objective.phases if phase.is_due(step)]

    def update(self, phase: Phase, batch: Batch, rng: torch.Generator) -> dict[str, Tensor]:
        """Take one optimizer step on the nets of a phase; returns the loss terms, which nobody has waited for yet."""
        self._freeze(phase, batch)
        autocast = torch.autocast(self._fabric.device.type, torch.bfloat16, enabled=self._bf16)
        with self._kernels(phase), self._dropping(rng), autocast:
            terms = self._descend(phase, self.objective.parts(phase, self.model.nets, batch, rng))
        with torch.no_grad():
            self.objective.after(phase, self.model.nets)
            self._average_over_processes(
                [value for value in self.objective.state.values() if value.is_floating_point()]
            )
        return terms

    def compile(self, *, enabled: bool) -> None:
        """Compute with compiled networks from now on, or with eager ones again.

        What they learn stays where it is and is called what it was. Kernels are made when a phase first needs them.
        """
        if enabled and self.compiled is None:
            for net in self.model.nets.values():
                net.compile(dynamic=False)
        self.compiled = enabled if self.compiled is not None or enabled else None

    @contextmanager
    def _kernels(self, phase: Phase) -> Iterator[None]:
        """Choose between compiled and eager networks: a compiled one can be differentiated only once."""
        if self.compiled is None:
            yield
            return
        stance = "default" if self.compiled and not phase.twice else "force_eager"
        with torch.compiler.set_stance(stance), warnings.catch_warnings():
            # Tracing asks the images that one network hands to the other for a gradient they need not keep.
            warnings.filterwarnings("ignore", "The .grad attribute of a Tensor that is not a leaf")
            yield

    @contextmanager
    def _dropping(self, rng: torch.Generator) -> Iterator[None]:
        """Dropout draws from torch's own generators: here from the step's seed, as everything else that is drawn."""
        if not self._drops:
            yield
            return
        device = self._fabric.device
        with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
            torch.manual_seed(rng.initial_seed() + 1)  # not what the objective draws
            yield

    def _freeze(self, phase: Phase, batch: Batch) -> None:
        """Ask for no gradients of nets that no phase of this step updates any more.

        Eager networks would not compute them anyway, but a compiled one computes all that could be asked for.
        """
        later = batch.due[batch.due.index(phase.name) :] if phase.name in batch.due else None
        for name, net in self.model.nets.items():
            wanted = later is None or any(
                name in other.updates for other in self.objective.phases if other.name in later
            )
            net.requires_grad_(wanted)

    def _descend(self, phase: Phase, parts: Iterator[Loss]) -> dict[str, Tensor]:
        """An optimizer step down the gradient of all parts; returns their terms."""
        parameters = [parameter for net in phase.updates for parameter in self.model.nets[net].parameters()]
        terms: dict[str, Tensor] = {}
        for part in parts:
            terms |= part.terms
            if part.value is None:
                continue
            # Only what this phase updates is differentiated: the generator's phase spends nothing on gradients of the
            # discriminator's weights. A penalty does not depend on the last bias, hence allow_unused.
            # Each in the precision it was computed in: autocast would put gradients of float32 parts into bfloat16.
            with torch.autocast(self._fabric.device.type, enabled=False):
                gradients = torch.autograd.grad(part.value, parameters, allow_unused=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:  # never added in place: parameters may share one
                    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        self._average_over_processes([parameter.grad for parameter in parameters if parameter.grad is not None])
        for net in phase.updates:
            self._optimizers[net].step()
            self._optimizers[net].zero_grad()
        return terms

    def average(self, images_seen: int) -> None:
        """Let the averages follow one step."""
        for average in self._averages:
            average.update(self._batch, images_seen)

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """All that a checkpoint must hold, by file name."""
        shipped = {name: self.averaged.nets[name] for name in self.averaged.averaged}
        return {
            NETS: net_tensors(self.model.nets),
            EMA: net_tensors(shipped),
            OPTIMIZERS: optimizer_tensors(self.model.nets, self._optimizers),
            OBJECTIVE: dict(self.objective.state),
        }

    def pace(self, step: int) -> None:
        """Set the learning rates for the step after ``step`` finished ones."""
        scale = self.scale * share(self._recipe.train, step)
        for name, rate in learning_rates(self.model, self._recipe.train).items():
            for group in self._optimizers[name].param_groups:
                group["lr"] = rate * scale

    def start_from(self) -> None:
        """Begin with the nets of ``train.start_from``, if there is such. The checkpoint there is not needed again.

        Raises:
            RecipeError: Its nets are not those that the model needs.
            ArtifactError: It is no checkpoint, or does not fit.
        """
        if self._recipe.train.start_from is None:
            return
        self.origin = copy_nets(self.model, self._recipe)
        for name in self.origin.nets:
            weights = self.model.nets[name].state_dict()
            self.averaged.nets[name].load_state_dict(weights)
            self._copied[name] = {key: tensor.to("cpu", copy=True) for key, tensor in weights.items()}

    def begin_again(self) -> None:
        """Become what was built, and begun with."""
        built = _build(self._recipe, self._fabric.device)
        for model in (self.model, self.averaged):
            for name, net in model.nets.items():
                net.load_state_dict(self._copied.get(name) or built.nets[name].state_dict())
        for optimizer in self._optimizers.values():
            optimizer.state.clear()
        self._make_room(self._objective_start)
        for name, tensor in self.objective.state.items():
            tensor.copy_(self._objective_start[name])

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become what was saved."""
        load_nets(self.model.nets, checkpoint.folder / NETS)
        load_nets({name: self.averaged.nets[name] for name in self.averaged.averaged}, checkpoint.folder / EMA)
        restore_optimizers(self.model.nets, self._optimizers, checkpoint.folder / OPTIMIZERS)
        self._make_room(read_tensors(checkpoint.folder / OBJECTIVE))
        copy_tensors(self.objective.state, checkpoint.folder / OBJECTIVE, "objective")
        self.origin = checkpoint.state.origin

    def _make_room(self, saved: Mapping[str, Tensor]) -> None:
        """Give what the objective remembers, and what grows, the shape that it is about to have."""
        for name in self.objective.growing & saved.keys():
            self.objective.state[name].resize_(saved[name].shape)

    def _average_over_processes(self, tensors: list[Tensor]) -> None:
        if self._fabric.world_size == 1 or not tensors:
            return
        joined = torch.cat([tensor.flatten() for tensor in tensors])
        flat: Any = self._fabric.all_reduce(joined, reduce_op="mean")
        for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))


def _makes(model: Model) -> Makes:
    if model.modality == "text":
        return "texts"
    return "images of seeds" if model.sampler.image is None else "images of images"


def _judge(makes: Makes) -> str:
    name = {"images of seeds": "dcgan", "images of images": "patch", "texts": "text_cnn"}[makes]
    return f"set discriminator.name, such as discriminator.name={name}"


def _usual(recipe: Recipe) -> str:
    """An objective for the model, as the end of a hint."""
    usual = MODELS.load(recipe.model.name).defaults.get("objective", {}).get("name")
    return f", such as objective.name={usual}" if usual else ""


def _build(recipe: Recipe, device: torch.device) -> Model:
    """The model as the recipe's seed initializes it: the same on every process and device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator(recipe.train.seed, "initialization", 0).initial_seed())
        model = build_model(recipe)
    for net in model.nets.values():
        net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    return model
