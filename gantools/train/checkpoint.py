"""Checkpoints: weights as safetensors, everything else as JSON. Nothing here can run code when it is opened.

A run folder has ``checkpoints/step-00000500/`` with ``nets.safetensors`` (all nets), ``ema.safetensors`` (the averaged
nets that ship), ``optimizers.safetensors``, ``objective.safetensors`` (what the objective remembers),
``state.json``, and ``tokenizer.json`` where it makes texts; and ``best.json``, which names the checkpoint with the
lowest KID.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gantools.core.atomic import sha256_file, staged_folder, write_atomic
from gantools.core.errors import ArtifactError, TrainingError
from gantools.core.recipe import Recipe
from gantools.core.spec import Frozen
from gantools.models.build import build_model
from gantools.models.model import Model
from gantools.train.watch import Memory

STATE, BEST, CHECKPOINTS = "state.json", "best.json", "checkpoints"
NETS, EMA, OPTIMIZERS = "nets.safetensors", "ema.safetensors", "optimizers.safetensors"
OBJECTIVE = "objective.safetensors"
TOKENIZER, EXAMPLES = "tokenizer.json", "examples.npy"
_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")

Which = Literal["best", "last"] | int
Tensors = dict[str, Tensor]


class Origin(Frozen):
    """Where nets came from that a training began with.

    Attributes:
        source: What the recipe calls it.
        step: Finished steps of that checkpoint.
        digest: Hex digest of that checkpoint, as ``Checkpoint.digest``.
        nets: Which nets.
    """

    source: str
    step: int
    digest: str
    nets: tuple[str, ...]


class State(Frozen):
    """What ``state.json`` holds.

    Attributes:
        step: Finished steps.
        images_seen: Real images seen.
        data_sha256: Content digest of the training images.
        quality: The scores at this step, or none.
        classes: Names of the classes of the training images; empty for a model without classes.
        memory: What is remembered of how the training went, and the course that it is on.
        origin: Of the nets that the training began with; none: all were random.
        recipe: The resolved recipe.
    """

    schema_number: Literal[1] = 1
    step: int
    images_seen: int
    data_sha256: str
    quality: dict[str, Any] | None = None
    classes: tuple[str, ...] = ()
    memory: Memory = Memory()
    origin: Origin | None = None
    recipe: Recipe


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint. Weights are read when ``build_model`` asks for them."""

    folder: Path
    state: State

    @property
    def step(self) -> int:
        """Finished steps."""
        return self.state.step

    @property
    def images_seen(self) -> int:
        """Real images seen."""
        return self.state.images_seen

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe of the training."""
        return self.state.recipe

    @property
    def quality(self) -> dict[str, Any] | None:
        """What ``gantools.train.quality.Scorer`` found, or none when it was not scored."""
        return self.state.quality

    @property
    def digest(self) -> str:
        """Hex digest over all files of the checkpoint."""
        lines = [f"{sha256_file(path)}  {path.name}\n" for path in sorted(self.folder.iterdir()) if path.is_file()]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def tokenizer(self) -> str:
        """The tokenizer of the texts it was trained on, as JSON.

        Raises:
            ArtifactError: There is none.
        """
        try:
            return (self.folder / TOKENIZER).read_text(encoding="utf-8")
        except OSError as err:
            raise ArtifactError(
                f"'{self.folder}' has no {TOKENIZER}.", hint="copy the whole checkpoint folder"
            ) from err

    def examples(self) -> npt.NDArray[np.uint8] | None:
        """What was given to a model of images of images, (n, height, width, channels) uint8; none: there are none.

        Raises:
            ArtifactError: The file is damaged.
        """
        path = self.folder / EXAMPLES
        try:
            return np.load(path, allow_pickle=False) if path.exists() else None
        except (OSError, ValueError, EOFError) as err:
            raise ArtifactError(f"'{path}' is damaged: {err}.", hint="copy the whole checkpoint folder") from err

    def build_model(self, weights: Literal["ema", "raw"] | str = "ema") -> Model:
        """The model with its weights, on the CPU, in inference mode.

        Args:
            weights: ``ema``: the averaged nets where there are, ``raw``: all nets as they learned last.

        Raises:
            ArtifactError: A file is missing or damaged, or does not fit the model.
        """
        if weights not in ("ema", "raw"):
            raise ArtifactError(f"a checkpoint has no weights '{weights}'.", hint="weights are ema or raw")
        with torch.random.fork_rng(devices=[]):
            model = build_model(self.recipe)
        load_nets(model.nets, self.folder / NETS)
        if weights == "ema":
            load_nets({name: model.nets[name] for name in model.averaged}, self.folder / EMA)
        return model.eval()


def load_checkpoint(path: Path | str, which: Which = "best") -> Checkpoint:
    """Open a checkpoint.

    Args:
        path: A run folder, or one checkpoint's folder.
        which: For a run folder: ``best`` by KID or PSNR (the last where nothing was scored), ``last``, or a step.

    Raises:
        ArtifactError: There is none, it is damaged, or it is a pickle.
    """
    path = Path(path)
    if path.suffix.lower() in _PICKLES:
        raise ArtifactError(
            f"'{path}' is a pickle, which can run code when it is opened, so gantools does not open it.",
            hint="give a run folder that 'gantools train' wrote; its weights are safetensors",
        )
    if (path / STATE).is_file():
        return Checkpoint(path, _read_state(path))
    steps = checkpoint_steps(path)
    if not steps:
        what = "holds no checkpoint" if path.is_dir() else "is no run folder" if path.exists() else "does not exist"
        raise ArtifactError(f"'{path}' {what}.", hint="'gantools train RECIPE --out RUN' makes a run folder")
    step = best_step(path) or steps[-1] if which == "best" else steps[-1] if which == "last" else which
    if step not in steps:
        raise ArtifactError(
            f"'{path}' holds no checkpoint of step {step!r}.",
            hint=f"there are: best, last, {', '.join(map(str, steps))}",
        )
    folder = step_folder(path, int(step))
    return Checkpoint(folder, _read_state(folder))


def save_checkpoint(
    run: Path, state: State, tensors: Mapping[str, Tensors], files: Mapping[str, bytes] | None = None
) -> Path:
    """Write one checkpoint, whole or not at all.

    Args:
        run: The run folder.
        state: What is no tensor.
        tensors: File name -> what goes into it.
        files: File name -> content of what else belongs to it: the tokenizer of texts, examples of what is given.

    Raises:
        TrainingError: A weight is not finite; nothing is written.
        ArtifactError: The disk refused.
    """
    for name, tensor in (*tensors[NETS].items(), *tensors[EMA].items()):
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise TrainingError(
                f"the weight '{name}' is not finite at step {state.step}.",
                hint="start again with a lower train.learning_rate",
            )
    target = step_folder(run, state.step)
    with staged_folder(target, marker=STATE) as folder:
        for file, content in tensors.items():
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in content.items()}, folder / file)
        for file, whole in (files or {}).items():
            (folder / file).write_bytes(whole)
        (folder / STATE).write_text(state.model_dump_json(indent=2) + "\n")
    return target


def keep_best_and_newest(run: Path, newest: int) -> int | None:
    """Name the best checkpoint in ``best.json``, then remove all but it and the ``newest`` last ones.

    Returns:
        The best step, or none while nothing was scored.
    """
    steps = checkpoint_steps(run)
    scored = [(step, quality) for step in steps if (quality := _read_state(step_folder(run, step)).quality)]
    best = min(scored, key=lambda item: badness(item[1]), default=None)
    if best:
        content = {"step": best[0], "checkpoint": f"{CHECKPOINTS}/{step_folder(run, best[0]).name}", **best[1]}
        write_atomic(run / BEST, (json.dumps(content, indent=2) + "\n").encode())
    for step in steps[:-newest]:
        if not best or step != best[0]:
            shutil.rmtree(step_folder(run, step))
    return best[0] if best else None


def badness(quality: Mapping[str, Any]) -> float:
    """What is least for the best checkpoint: KID, or of pairs the mean squared error as a share of the peak's."""
    if "kid" in quality:
        return float(quality["kid"])
    return float(10 ** (-quality["psnr"] / 10))


def figure_text(quality: Mapping[str, Any]) -> str:
    """The figure that chooses the best checkpoint, for people."""
    return f"KID {quality['kid']:.4f}" if "kid" in quality else f"PSNR {quality['psnr']:.2f} dB"


def remove_leftovers(run: Path) -> None:
    """Remove what a killed training was about to write."""
    for path in (run / CHECKPOINTS).glob(".step-*"):
        shutil.rmtree(path, ignore_errors=True)


def checkpoint_steps(run: Path) -> list[int]:
    """The steps of a run's checkpoints, oldest first."""
    folders = (run / CHECKPOINTS).glob("step-*")
    return sorted(int(folder.name.removeprefix("step-")) for folder in folders if (folder / STATE).is_file())


def best_step(run: Path) -> int | None:
    """The step that ``best.json`` names; none where nothing was scored.

    Raises:
        ArtifactError: The file is damaged.
    """
    try:
        step = json.loads((run / BEST).read_text())["step"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ArtifactError(f"'{run / BEST}' is damaged.", hint="give the folder of one checkpoint") from err
    return int(step)


def step_folder(run: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return run / CHECKPOINTS / f"step-{step:08d}"


def net_tensors(nets: Mapping[str, nn.Module]) -> Tensors:
    """Parameters and buffers of nets under the names ``"G.project.weight"``."""
    return {f"{net}.{name}": tensor for net, module in nets.items() for name, tensor in module.state_dict().items()}


def load_nets(nets: Mapping[str, nn.Module], path: Path) -> None:
    """Copy the weights of a file into nets.

    Raises:
        ArtifactError: The file is missing or damaged, or names or shapes differ; all differences are named.
    """
    copy_tensors(net_tensors(nets), path, "model", only=nets)


def copy_tensors(wanted: Mapping[str, Tensor], path: Path, owner: str, only: Container[str] | None = None) -> None:
    """Copy the tensors of a file into those of the same names.

    Args:
        wanted: Where they go.
        path: The file.
        owner: Whose tensors they are, for messages.
        only: Look only at names that begin with one of these and a point.

    Raises:
        ArtifactError: As ``load_nets``.
    """
    found = read_tensors(path)
    if only is not None:
        found = {name: tensor for name, tensor in found.items() if name.partition(".")[0] in only}
    problems = [f"'{name}' is missing" for name in wanted if name not in found]
    problems += [f"'{name}' is not of this {owner}" for name in found if name not in wanted]
    for name, tensor in wanted.items():
        if name in found and (found[name].shape, found[name].dtype) != (tensor.shape, tensor.dtype):
            problems.append(f"'{name}' is {_kind(found[name])} and the {owner}'s is {_kind(tensor)}")
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise ArtifactError(
            f"'{path}' does not fit the {owner}: {shown}.", hint="use the recipe the weights were trained with"
        )
    with torch.no_grad():
        for name, tensor in wanted.items():
            tensor.copy_(found[name])


def read_tensors(path: Path) -> Tensors:
    """The tensors of a safetensors file.

    Raises:
        ArtifactError: Missing or damaged.
    """
    try:
        return load_file(path)
    except FileNotFoundError as err:
        raise ArtifactError(f"'{path}' does not exist.", hint="copy the whole checkpoint folder") from err
    except (SafetensorError, OSError) as err:
        raise ArtifactError(f"'{path}' is damaged: {err}.", hint="use another checkpoint of the run") from err


def _read_state(folder: Path) -> State:
    try:
        return State.model_validate_json((folder / STATE).read_bytes())
    except (ValidationError, OSError) as err:
        first = err.errors()[0] if isinstance(err, ValidationError) else {"loc": (), "msg": str(err)}
        where = ".".join(map(str, first["loc"]))
        raise ArtifactError(
            f"'{folder / STATE}' cannot be read: {where}{': ' if where else ''}{first['msg']}.",
            hint="use another checkpoint of the run",
        ) from err


def _kind(tensor: Tensor) -> str:
    return f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
