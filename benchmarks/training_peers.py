"""The loops of two public trainers, given our networks: torch-mimicry 0.1.16 and torchgan 0.1.0.

They are no part of this project and of no environment of it. Put them in a folder of their own, which ``--peers`` or
``GANTOOLS_PEERS`` names::

    pip install --target PEERS --no-deps torch-mimicry==0.1.16 torchgan==0.1.0

Nothing in that folder is changed. What they import and this benchmark does not use is replaced by empty modules, which
``SHIMS`` names; checkpoints and the pictures at the end of an epoch are switched off, because no other loop here writes
any. Their data loaders are PyTorch's, without worker processes: the images are ready-made tensors in memory, and two
cores are better used by the training.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import sys
import tempfile
import time
import types
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from training_loops import CPU, Loop, Setting

from gantools.core.recipe import Recipe
from gantools.data import ImageSet

SHIMS = {
    "mimicry": (
        "package torch_mimicry without its __init__, which imports metrics that need TensorFlow 1",
        "skimage: empty; reads image files, which are not used",
        "torchvision: empty; draws grids of samples, which are switched off",
    ),
    "torchgan": ("torchvision: empty; draws grids of samples, which are switched off",),
}


def use(folder: Path) -> None:
    """Let Python find the peers, after everything else."""
    if not (folder / "torchgan").is_dir() or not (folder / "torch_mimicry").is_dir():
        sys.exit(f"no torchgan and torch_mimicry in '{folder}'; see the top of {Path(__file__).name}")
    sys.path.append(str(folder))


def _empty(name: str, *parts: str) -> None:
    module = types.ModuleType(name)
    for part in parts:
        inner = types.ModuleType(f"{name}.{part}")
        setattr(module, part, inner)
        sys.modules[f"{name}.{part}"] = inner
    sys.modules.setdefault(name, module)


@cache
def _mimicry() -> tuple[Any, Any]:
    """Its trainer and its base classes of networks."""
    _empty("torchvision", "utils")
    _empty("skimage", "io")
    package = types.ModuleType("torch_mimicry")
    package.__path__ = [str(Path(folder) / "torch_mimicry") for folder in sys.path]
    sys.modules["torch_mimicry"] = package
    return importlib.import_module("torch_mimicry.training.trainer"), importlib.import_module(
        "torch_mimicry.nets.gan.gan"
    )


@cache
def _torchgan() -> Any:
    _empty("torchvision", "utils")
    os.environ |= {"TENSORBOARD_LOGGING": "0", "VISDOM_LOGGING": "0", "CONSOLE_LOGGING": "0"}
    return importlib.import_module("torchgan")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Both print; a terminal would slow them down."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


class Peer(Loop):
    """What both have in common: a data loader of (images, labels), and bf16 as autocast around each of their steps."""

    def __init__(self, recipe: Recipe, setting: Setting, data: Any) -> None:
        super().__init__(recipe, setting, data)
        self.latent = recipe.model.options["latent"]
        labels = torch.zeros(len(data), dtype=torch.int64)
        self.loader = DataLoader(TensorDataset(data, labels), self.batch, shuffle=True, drop_last=True)
        self.folder = tempfile.TemporaryDirectory()

    def under_autocast(self, step: Any) -> Any:
        """A step of theirs in the precision of the setting."""
        return step if self.setting.precision == "fp32" else torch.autocast("cpu", torch.bfloat16)(step)


class Mimicry(Peer):
    """``torch_mimicry.training.Trainer``: its networks own their steps; the trainer calls, logs and prints them."""

    shims = SHIMS["mimicry"]

    @classmethod
    def load(cls, images: ImageSet) -> Any:
        """See ``Loop``."""
        _mimicry()
        return super().load(images)

    def __init__(self, recipe: Recipe, setting: Setting, data: Any) -> None:
        super().__init__(recipe, setting, data)
        training, gan = _mimicry()

        class Generator(gan.BaseGenerator):  # type: ignore[misc, name-defined]
            def __init__(self, net: nn.Module, latent: int) -> None:
                super().__init__(nz=latent, ngf=0, bottom_width=4, loss_type="gan")
                self.net = net

            def forward(self, latent: Tensor) -> Any:
                return self.net(latent)

        class Discriminator(gan.BaseDiscriminator):  # type: ignore[misc, name-defined]
            def __init__(self, net: nn.Module) -> None:
                super().__init__(ndf=0, loss_type="gan")
                self.net = net

            def forward(self, images: Tensor) -> Any:
                return self.net(images)[:, None]

        class Trainer(training.Trainer):  # type: ignore[misc, name-defined]
            ended = 0.0

            def _save_model_checkpoints(self, global_step: int) -> None:  # noqa: ARG002 - theirs
                self.ended = time.perf_counter()

        net_g, net_d = Generator(self.model.nets["G"], self.latent), Discriminator(self.model.nets["D"])
        for net in (net_g, net_d):
            net.train_step = self.under_autocast(net.train_step)
        with _silence():
            self.trainer = Trainer(
                netD=net_d,
                netG=net_g,
                optD=self.adam(net_d),
                optG=self.adam(net_g),
                dataloader=self.loader,
                num_steps=1,
                log_dir=self.folder.name,
                vis_steps=2**31,
                save_steps=2**31,
                device=CPU,
            )

    def run(self, steps: int) -> float:
        """See ``Loop``."""
        self.trainer.num_steps = steps  # it begins to count anew, with the weights it has
        started = time.perf_counter()
        with _silence():
            self.trainer.train()
        return float(self.trainer.ended - started)


class _Epoch:
    """A data loader cut into epochs of as many steps as wanted; it notes when the last of them has ended."""

    def __init__(self, loader: Any) -> None:
        self.batch_size, self._loader, self._rest = loader.batch_size, loader, iter(loader)
        self.steps, self.started, self.ended = 0, 0.0, 0.0

    def __iter__(self) -> Iterator[Any]:
        self.started = time.perf_counter()
        for _ in itertools.repeat(None, self.steps):
            try:
                batch = next(self._rest)
            except StopIteration:
                self._rest = iter(self._loader)
                batch = next(self._rest)
            yield batch
        self.ended = time.perf_counter()


class TorchGAN(Peer):
    """``torchgan.trainer.Trainer``: its losses own their steps; it finds their arguments and keeps gradient norms."""

    shims = SHIMS["torchgan"]

    @classmethod
    def load(cls, images: ImageSet) -> Any:
        """See ``Loop``."""
        _torchgan()
        return super().load(images)

    def __init__(self, recipe: Recipe, setting: Setting, data: Any) -> None:
        super().__init__(recipe, setting, data)
        torchgan = _torchgan()

        class Generator(torchgan.models.Generator):  # type: ignore[misc, name-defined]
            def __init__(self, net: nn.Module, latent: int) -> None:
                super().__init__(latent)
                self.net = net

            def forward(self, latent: Tensor) -> Any:
                return self.net(latent)

        class Discriminator(torchgan.models.Discriminator):  # type: ignore[misc, name-defined]
            def __init__(self, net: nn.Module) -> None:
                super().__init__(0)
                self.net = net

            def forward(self, images: Tensor) -> Any:
                return self.net(images)

        class Trainer(torchgan.trainer.Trainer):  # type: ignore[misc, name-defined]
            def save_model(self, epoch: int, save_items: Any = None) -> None:
                pass

        losses = [torchgan.losses.MinimaxGeneratorLoss(), torchgan.losses.MinimaxDiscriminatorLoss()]
        for loss in losses:
            loss.train_ops = self.under_autocast(loss.train_ops)
        train = recipe.train
        adam = {"lr": train.learning_rate, "betas": train.betas, "fused": setting.tuned or None}
        optimizer = {"name": torch.optim.Adam, "args": adam}
        net_g, net_d = Generator(self.model.nets["G"], self.latent), Discriminator(self.model.nets["D"])
        self.trainer = Trainer(
            {
                "generator": {"name": partial(_same, net_g), "optimizer": optimizer},
                "discriminator": {"name": partial(_same, net_d), "optimizer": optimizer},
            },
            losses,
            device=CPU,
            epochs=1,
            checkpoints=f"{self.folder.name}/model/gan",
            recon=f"{self.folder.name}/images",
        )
        self.trainer.logger.run_end_epoch = lambda *_: None  # pictures
        self.epoch = _Epoch(self.loader)

    def run(self, steps: int) -> float:
        """See ``Loop``."""
        self.epoch.steps = steps
        with _silence():
            self.trainer(self.epoch)
        return self.epoch.ended - self.epoch.started


def _same(net: nn.Module) -> nn.Module:
    return net


PEERS: dict[str, type[Loop]] = {"mimicry": Mimicry, "torchgan": TorchGAN}
