"""The loops that ``training.py`` compares: what they have in common, the plain PyTorch loop, and that of gantools.

Every loop trains the very same networks, as a recipe describes them, from the same initial weights, on the same images
in memory, at the same batch size and learning rates. What differs is the loop.
"""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gantools.core.recipe import Recipe, resolve_recipe
from gantools.data import ImageSet
from gantools.models.build import build_model
from gantools.models.model import Model
from gantools.train import PARTS
from gantools.train.draws import Draws, generator
from gantools.train.fit import LOOK_EVERY
from gantools.train.guard import Terms, means
from gantools.train.learner import Learner
from gantools.train.memory import kept_memory
from gantools.train.processes import start_fabric

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Setting:
    """How a loop computes.

    Attributes:
        precision: Of matrix products; ``bf16`` is ``torch.autocast`` around a step. Parameters are float32 always.
        tuned: Networks in channels_last and fused Adam, which whoever calls a loop can have without touching it.
        compiled: ``torch.compile`` of both networks.
    """

    precision: Literal["fp32", "bf16"]
    tuned: bool = True
    compiled: bool = False


# gantools is always tuned: its fp32 is to be compared with both of the others.
SETTINGS: dict[str, Setting] = {
    "fp32": Setting("fp32", tuned=False),
    "fp32 tuned": Setting("fp32"),
    "bf16": Setting("bf16", tuned=False),
    "bf16 tuned": Setting("bf16"),
    "fp32 compiled": Setting("fp32", compiled=True),
    "bf16 compiled": Setting("bf16", compiled=True),
}
OURS = "gantools"


def make_recipe(
    model: str = "dcgan",
    *,
    resolution: int = 32,
    channels: int = 1,
    width: int = 32,
    batch: int = 64,
    data: str = "builtin:digits",
    seed: int = 0,
) -> Recipe:
    """A training with the options that the script was given; all else as a recipe has it by default."""
    return resolve_recipe(
        {
            "model": {"name": model, "resolution": resolution, "channels": channels, "width": width},
            "discriminator": {"name": {"dcgan": "dcgan", "sngan": "resnet"}[model], "width": width},
            "data": {"source": data},
            "objective": {"name": "nonsaturating"},
            "train": {"batch": batch, "seed": seed},
        },
        "the benchmark",
        PARTS,
    )


class Loop(ABC):
    """Two networks in training.

    Args:
        recipe: What is trained, and how.
        setting: How it computes.
        data: What ``load`` returned.

    Attributes:
        shims: What of a peer had to be replaced, in words.
    """

    shims: tuple[str, ...] = ()

    def __init__(self, recipe: Recipe, setting: Setting, data: Any) -> None:
        self.recipe, self.setting, self.batch = recipe, setting, recipe.train.batch
        self.model = self.make_model(recipe, setting, data)

    @classmethod
    def load(cls, images: ImageSet) -> Any:
        """All images in memory, as the loop takes them: ready-made floats. What it is made of is imported, too."""
        return floats(images)

    def make_model(self, recipe: Recipe, setting: Setting, data: Any) -> Model:  # noqa: ARG002
        """The networks as gantools initializes them for the recipe's seed, in the layout of the setting."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator(recipe.train.seed, "initialization", 0).initial_seed())
            model = build_model(recipe)
        for net in model.nets.values():
            if setting.tuned:
                net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
            if setting.compiled:
                net.compile()
        return model

    @abstractmethod
    def run(self, steps: int) -> float:
        """Train on; returns the seconds of the steps alone."""

    @property
    def generators(self) -> Mapping[str, Model]:
        """What may be shipped at any time, by a word for its weights."""
        return {"last weights": self.model}

    def adam(self, net: nn.Module) -> torch.optim.Adam:
        """PyTorch's Adam with the recipe's rates."""
        train = self.recipe.train
        return torch.optim.Adam(
            net.parameters(), lr=train.learning_rate, betas=train.betas, fused=self.setting.tuned or None
        )

    def networks(self) -> dict[str, Any]:
        """Proof that all loops train the same: parameters by network, and a digest of their present values."""
        digest = hashlib.sha256()
        for net in self.model.nets.values():
            for value in net.state_dict().values():
                digest.update(value.contiguous().numpy().tobytes())
        counts = {name: sum(value.numel() for value in net.parameters()) for name, net in self.model.nets.items()}
        return {"parameters": counts, "sha256": digest.hexdigest()}


_FLOATS: dict[str, Tensor] = {}


def floats(images: ImageSet) -> Tensor:
    """All images ready-made: (n, channels, height, width) float32 in [-1, 1], contiguous. Shared by all who ask."""
    if images.digest not in _FLOATS:
        pixels = torch.from_numpy(np.array(images.images)).permute(0, 3, 1, 2)
        _FLOATS[images.digest] = torch.empty(pixels.shape).copy_(pixels).div_(127.5).sub_(1.0)
    return _FLOATS[images.digest]


class Plain(Loop):
    """The loop of the DCGAN example of pytorch/examples, names included, with its reads of every loss in every step.

    It computes the discriminator's weight gradients in the generator's step too. Its images are cut from a shuffled
    tensor, so that no data loader slows it down.
    """

    def __init__(self, recipe: Recipe, setting: Setting, data: Any) -> None:
        super().__init__(recipe, setting, data)
        self.images: Tensor = data
        self.latent: int = recipe.model.options["latent"]
        self.optimizer_d, self.optimizer_g = (self.adam(self.model.nets[name]) for name in ("D", "G"))
        self.order = torch.empty(0, dtype=torch.int64)

    def _real(self) -> Tensor:
        if len(self.order) < self.batch:
            self.order = torch.randperm(len(self.images))
        chosen, self.order = self.order[: self.batch], self.order[self.batch :]
        return self.images[chosen]

    def run(self, steps: int) -> float:
        """See ``Loop``."""
        net_g, net_d = self.model.nets["G"], self.model.nets["D"]
        criterion, batch = nn.BCEWithLogitsLoss(), self.batch
        ones, zeros = torch.ones(batch), torch.zeros(batch)
        autocast = partial(torch.autocast, "cpu", torch.bfloat16, enabled=self.setting.precision == "bf16")
        started = time.perf_counter()
        for _ in range(steps):
            net_d.zero_grad()
            with autocast():
                err_real = criterion(net_d(self._real()), ones)
            err_real.backward()
            with autocast():
                fake = net_g(torch.randn(batch, self.latent))
                err_fake = criterion(net_d(fake.detach()), zeros)
            err_fake.backward()
            self.optimizer_d.step()
            net_g.zero_grad()
            with autocast():
                err_g = criterion(net_d(fake), ones)
            err_g.backward()
            self.optimizer_g.step()
            _ = (err_real.item(), err_fake.item(), err_g.item())
        return time.perf_counter() - started


class Ours(Loop):
    """The loop of ``gantools.train.fit`` without its run folder.

    It draws its images from the memory-mapped set and a seeded noise for every step, averages the generator, and looks
    at its losses every 20 steps.
    """

    @classmethod
    def load(cls, images: ImageSet) -> Any:
        """The memory-mapped set, read once so that its pages are there."""
        images.images.max()
        return images

    def make_model(self, recipe: Recipe, setting: Setting, data: Any) -> Model:
        """The model of a learner, which tunes it as every training does."""
        how = {"precision": setting.precision, "compile": "on" if setting.compiled else "off"}
        recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update=how)})
        fabric = start_fabric(recipe, devices=1, nodes=1, accelerator="cpu")
        self.learner, self.terms, self.finished = Learner(recipe, fabric), Terms(), 0
        self.learner.compile(enabled=setting.compiled)
        self.draws = Draws(
            data,
            self.learner.model,
            batch=recipe.train.batch,
            mirror=False,
            seed=recipe.train.seed,
            rank=0,
            world=1,
            device=CPU,
        )
        return self.learner.model

    def run(self, steps: int) -> float:
        """See ``Loop``."""
        learner = self.learner
        with kept_memory(), self.draws as draws:
            started = time.perf_counter()
            for step in range(self.finished, self.finished + steps):
                due = learner.due(step)
                batch = draws.batch(step, tuple(phase.name for phase in due))
                for phase in due:
                    self.terms.add(step, learner.update(phase, batch, draws.rng(phase.name, step)))
                learner.average((step + 1) * self.batch)
                if (step + 1) % LOOK_EVERY == 0:
                    means(self.terms.take())
            seconds = time.perf_counter() - started
        self.finished += steps
        return seconds

    @property
    def generators(self) -> Mapping[str, Model]:
        """See ``Loop``; what ships is the average."""
        return {"moving average": self.learner.averaged, "last weights": self.model}
