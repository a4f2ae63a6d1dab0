"""Every architecture, discriminator and objective in small: what conformance tests build. A new row needs an entry."""

from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from gantools.core.recipe import Recipe, resolve_recipe
from gantools.core.sampler import Sampler
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.losses.objectives.objective import Batch
from gantools.models.build import build_model
from gantools.models.model import Model
from gantools.train import PARTS
from gantools.verify.trials import trial_inputs

Options = dict[str, Any]

GIVEN_EDGE = 16
"""Of what models that make images of images are given, in pixels."""
_STYLED: Options = {"latent": 8, "style": 8, "mapping_layers": 1, "channel_base": 256, "channel_max": 8}
_WALKING: Options = {
    "resolution": 8,
    "channels": 1,
    "rank": 4,
    "steps": 3,
    "tries": 2,
    "constraints": [{"name": "brightness", "at_least": -0.5}],
}
_CODED: Options = {"resolution": 32, "channels": 1, "autoencoder": {"latent": 4, "width": 8}, "steps": 2}

_PATCHES: Options = {"name": "patch", "width": 4, "layers": 1, "norm": "instance"}

# Model -> variants. The key "discriminator" names one that is not its usual one, or says all of it, "objective" what it
# is trained with.
MODELS_SMALL: dict[str, list[Options]] = {
    "dcgan": [
        {"resolution": 32, "channels": 1, "latent": 8, "width": 4, "objective": "nonsaturating"},
        {"resolution": 64, "channels": 3, "latent": 8, "width": 4, "objective": "nonsaturating"},
    ],
    "stylegan2": [
        {"resolution": 8, "channels": 3, "classes": 3, **_STYLED, "objective": "stylegan2"},
        {"resolution": 8, "channels": 1, "noise": "none", **_STYLED, "objective": "stylegan2"},
    ],
    "sngan": [
        {"resolution": 32, "channels": 1, "latent": 8, "width": 16, "objective": "hinge"},
        {"resolution": 64, "channels": 3, "latent": 8, "width": 32, "classes": 3, "objective": "hinge"},
    ],
    "vae": [
        {"resolution": 32, "channels": 1, "latent": 8, "width": 8, "objective": "elbo"},
        {"resolution": 64, "channels": 3, "latent": 8, "width": 8, "norm": "group", "depth": 1, "objective": "elbo"},
    ],
    "nmg": [
        {**_WALKING, "kernel": "pcn", "step_size": 0.8, "value_range": "truncate", "objective": "gaussian"},
        {**_WALKING, "corruption": 0.1, "discriminator": "mlp", "objective": "gaussian_judged"},
        {**_CODED, "kernel": "pcn", "step_size": 0.8, "corruption": 0.1, "objective": "gaussian"},
    ],
    "compact": [
        {"scale": 2, "channels": 3, "width": 8, "depth": 1, "objective": "pixels"},
        {"scale": 1, "channels": 1, "width": 8, "depth": 2, "objective": "pixels"},
    ],
    "unet": [
        {
            **{"channels": 3, "width": 4, "depth": 3, "keeps_luma": True, "objective": "pix2pix"},
            "discriminator": {**_PATCHES, "conditional": True},
        },
    ],
    "resnet": [
        {
            **{"channels": 3, "width": 4, "blocks": 1, "beside": "projection", "objective": "cut"},
            **{"norm": "batch", "discriminator": _PATCHES},
        },
        {
            **{"channels": 1, "width": 4, "blocks": 1, "beside": "inverse", "objective": "cyclegan"},
            "discriminator": _PATCHES,
        },
    ],
    "between": [{"width": 8, "depth": 1, "objective": "pixels"}],
    "recurrent": [
        {"scale": 2, "channels": 3, "width": 8, "depth": 1, "objective": "pixels"},
        {
            **{"scale": 1, "channels": 1, "width": 8, "depth": 1, "objective": "pix2pix"},
            "discriminator": {**_PATCHES, "norm": "spectral", "conditional": True},
        },
    ],
    "light": [{"resolution": 64, "channels": 3, "latent": 8, "width": 4, "objective": "nonsaturating"}],
}
# Discriminator -> variants.
DISCRIMINATORS_SMALL: dict[str, list[Options]] = {
    "dcgan": [{"width": 4}, {"width": 4, "norm": "spectral", "dropout": 0.2}],
    "stylegan2": [{"channel_base": 256, "channel_max": 8}],
    "resnet": [{"width": 32}, {"width": 32, "spectral": False, "dropout": 0.2}],
    "patch": [{"width": 4, "norm": "instance"}, {"width": 4, "layers": 2, "norm": "spectral", "dropout": 0.2}],
    "mlp": [{"hidden": [16, 8]}, {"hidden": [16], "spectral": True, "dropout": 0.2}],
    "lstm": [{"hidden": 8}, {"hidden": 8, "spectral": True, "dropout": 0.2}],
    "gru": [{"hidden": 8}, {"hidden": 8, "spectral": True, "dropout": 0.2}],
}
# Objective -> options under which it has all the phases it can have.
OBJECTIVES_WHOLE: dict[str, Options] = {
    "nonsaturating": {"label_smoothing": 0.1, "r1_gamma": 1.0, "r1_every": 2, "r2_gamma": 1.0, "augment": "ada"},
    "minimax": {"label_smoothing": 0.1, "augment": "diffaugment"},
    "lsgan": {"label_smoothing": 0.1, "r1_gamma": 1.0},
    "wasserstein": {"gp_weight": 0.0, "clip": 0.01, "n_critic": 2},
    "hinge": {"n_critic": 2, "r1_gamma": 1.0},
    "stylegan2": {"r2_gamma": 1.0, "mixing": 1.0, "augment": "ada"},
    "elbo": {"likelihood": "bernoulli", "beta": 2.0, "free_bits": 0.1, "warmup_steps": 10},
    "gaussian": {"fit_every": 1},
    "gaussian_judged": {"game": "hinge"},
    "pixels": {"distance": "mse", "temporal": 0.5, "perceptual": 0.5, "perceptual_network": "digits-cnn"},
    "pix2pix": {
        **{"game": "hinge", "l1_weight": 10.0, "temporal": 5.0},
        **{"perceptual": 1.0, "perceptual_network": "digits-cnn"},
    },
    "cut": {"game": "cross_entropy", "places": 16, "temperature": 0.2},
    "cyclegan": {"game": "hinge", "identity_weight": 0.0, "pool": 0},
    "likelihood": {},
    "seqgan": {"pretrain_steps": 4, "discriminator_steps": 2, "rollouts": 2, "likelihood_weight": 0.5},
    "scratchgan": {"pretrain_steps": 4, "discriminator_steps": 2, "discount": 0.9, "likelihood_weight": 0.5},
    "relgan": {"pretrain_steps": 4, "likelihood_weight": 0.5},
    "text_elbo": {"beta": 2.0, "free_bits": 0.2, "warmup_steps": 10},
}
MODEL_CASES = [(name, options) for name, several in MODELS_SMALL.items() for options in several]


def small_recipe(
    model: Options, discriminator: Options | None = None, objective: Options | str = "nonsaturating"
) -> Recipe:
    """A resolved recipe of such parts."""
    raw: dict[str, Any] = {
        "model": model,
        "data": {"source": "builtin:digits"},
        "objective": {"name": objective} if isinstance(objective, str) else objective,
    }
    return resolve_recipe(raw | ({"discriminator": discriminator} if discriminator else {}), "small", PARTS)


def small_model(name: str, options: Options) -> tuple[Model, Recipe]:
    """A freshly initialized model of ``MODELS_SMALL`` with its own or its usual discriminator made small."""
    rest = {key: value for key, value in options.items() if key not in ("objective", "discriminator")}
    recipe = small_recipe({"name": name, **rest}, None, options["objective"])
    usual = options.get("discriminator") or (recipe.discriminator and recipe.discriminator.name)
    if usual:
        small = usual if isinstance(usual, dict) else {"name": usual, **DISCRIMINATORS_SMALL[usual][0]}
        recipe = small_recipe({"name": name, **rest}, small, options["objective"])
    torch.manual_seed(0)
    return build_model(recipe), recipe


def change_weights(net: nn.Module, gain: float) -> None:
    """Give weights other values than the initial ones, with Xavier's variance times ``gain`` squared."""
    for weight in net.parameters():
        if weight.ndim < 2:
            weight.data += 0.1 * torch.randn_like(weight)
        elif weight.std() < 0.5:  # weights of unit variance belong to layers that scale them, and stay
            torch.nn.init.xavier_normal_(weight, gain)


def trained_looking(model: Model) -> Model:
    """Give weights and running statistics other values than the initial ones, as after a training."""
    for net in model.nets.values():
        change_weights(net, gain=3)
    for graph in model.graphs.values():
        graph.module.train()
    with torch.no_grad():
        for graph in model.graphs.values():
            for first in range(3):
                given = small_inputs(graph.spec, model.sampler, range(16 * first, 16 * first + 16))
                graph.module(*(torch.from_numpy(given[tensor.name]) for tensor in graph.spec.inputs))
    return model.eval()


def small_inputs(spec: GraphSpec, sampler: Sampler, seeds: range) -> dict[str, npt.NDArray[Any]]:
    """Inputs of a graph, with images of the least size where it takes images of any."""
    return trial_inputs(spec, sampler, seeds, sizes={**spec.sizes("min"), "batch": len(seeds)})


def output_shape(spec: GraphSpec, output: TensorSpec, batch: int) -> tuple[int, ...]:
    """What ``small_inputs`` of so many seeds make."""
    return output.concrete({**spec.sizes("min"), "batch": batch})


def small_batch(model: Model, size: int = 4, due: tuple[str, ...] = ()) -> Batch:
    """What a training step would get."""
    output = model.image
    spec = model.graphs[model.sampler.graph].spec
    if model.sampler.image is not None:
        edge, scale = GIVEN_EDGE, output.scale or 1
        frames = (3,) if any(one.state_of for one in spec.inputs) else ()
        taken = next(one.shape[3] for one in spec.inputs if one.name == model.sampler.image)
        assert isinstance(taken, int)
        given = torch.rand(size, *frames, taken, edge, edge) * 2 - 1
        real = torch.rand(size, *frames, output.channels, scale * edge, scale * edge) * 2 - 1
        return Batch(real, {}, None, due, given=given)
    real = torch.rand(size, output.channels, output.height, output.width) * 2 - 1
    drawn = trial_inputs(spec, model.sampler, range(size))
    noise = {name: torch.from_numpy(drawn[name]) for name in model.sampler.noise}
    labels = torch.arange(size) % model.classes if model.classes else None
    return Batch(real, noise, labels, due)
