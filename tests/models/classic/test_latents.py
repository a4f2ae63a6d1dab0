"""A normal distribution of codes, and the walk on it."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gantools.core.errors import RecipeError
from gantools.models.build import build_model
from gantools.models.classic.nmg import GRAPH
from gantools.models.model import Model
from gantools.samplers.feedforward import inputs_of
from tests.conformance.tiny import change_weights, small_recipe

SIZE = 6
SMALL: dict[str, Any] = {"name": "nmg", "channels": 1, "autoencoder": {"latent": SIZE, "width": 8}, "steps": 6}


def images(count: int) -> Tensor:
    coarse = torch.randn(count, 1, 3, 3, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear").clamp(-1, 1)


def fitted(discriminator: Any = None, **options: Any) -> Model:
    """A model whose autoencoder has some weights, fitted to smooth images in parts."""
    torch.manual_seed(0)
    model = build_model(small_recipe({**SMALL, **options}, discriminator, "gaussian"))
    for name in model.frozen:
        change_weights(model.nets[name].eval(), gain=1)
    for part in torch.split(images(400), 150):
        model.nets["N"].observe(part)  # type: ignore[operator]
    return model.eval()


def run(model: Model, seeds: range, **settings: float) -> tuple[np.ndarray, Tensor, dict[str, Tensor]]:
    """Images (seeds, 32, 32) float32 and the latents they were decoded from, and the figures of the walk."""
    latents: list[Tensor] = []
    hook = model.nets["G"].register_forward_pre_hook(lambda _, given: latents.append(given[0]))
    found: dict[str, Any] = {}
    for name in ("generator_float", GRAPH):
        graph = model.graphs[name]
        given = inputs_of(graph.spec.inputs, model.sampler, seeds)
        given |= {key: np.full(len(seeds), value, np.float32) for key, value in settings.items()}
        with torch.inference_mode():
            found[name] = graph.module(*(torch.from_numpy(given[tensor.name]) for tensor in graph.spec.inputs))
    hook.remove()
    names = [tensor.name for tensor in model.graphs[GRAPH].spec.outputs]
    return found["generator_float"][:, 0].numpy(), latents[-1], dict(zip(names, found[GRAPH], strict=True))


def test_the_moments_are_those_of_the_encoders_means() -> None:
    model = fitted()
    with torch.inference_mode():
        codes = model.nets["E"](images(400))[0].double().numpy()
    gaussian: Any = model.nets["N"]
    assert np.allclose(gaussian.mean.numpy(), codes.mean(0), rtol=1e-5, atol=1e-6)
    factor = gaussian.colour(torch.eye(SIZE)).double().numpy()
    expected = np.cov(codes.T, bias=True) + 1e-4 * np.eye(SIZE)  # the floor
    assert np.allclose(factor.T @ factor, expected, rtol=1e-4, atol=1e-5 * expected.max())
    assert expected[0, 0] > 0.01


def test_draws_are_decoded_and_have_the_moments_of_the_codes() -> None:
    model = fitted()
    shown, latents, figures = run(model, range(3000))
    with torch.inference_mode():
        assert torch.equal(model.nets["G"](latents)[:, 0], torch.from_numpy(shown))
        codes = model.nets["E"](images(400))[0]
    assert not figures["violation"].any()
    assert shown.std(0).mean() > 0.01
    error = codes.std(0) * (1 / 3000) ** 0.5
    assert ((latents.mean(0) - codes.mean(0)).abs() < 5 * error).all()
    assert (latents.std(0) / codes.std(0) - 1).abs().max() < 0.1


@pytest.mark.parametrize("value_range", ["truncate", "clip"])
def test_radius_and_range_hold_for_latents(value_range: str) -> None:
    model = fitted(value_range=value_range, steps=20)
    gaussian: Any = model.nets["N"]
    _, latents, figures = run(model, range(500), radius=0.6)
    assert not figures["violation"].any()
    distance = gaussian.whiten(latents - gaussian.mean).square().mean(1).sqrt()
    assert 0.4 < distance.max() <= 0.6001
    middle, spread = gaussian.mean, gaussian.deviation()
    low, high = float((middle - spread).min()), float((middle + spread).max())
    _, latents, figures = run(model, range(500), low=low, high=high)
    assert not figures["violation"].any()
    assert low <= latents.min() < low + 0.2 * (high - low)
    assert high >= latents.max() > high - 0.2 * (high - low)


def test_accepted_latents_are_decoded_to_images_that_pass_the_threshold() -> None:
    model = fitted({"name": "mlp", "hidden": [8]}, steps=16)
    judge = model.nets["D"]
    assert model.averaged == ("E", "G", "N", "D")
    shown, _, _ = run(model, range(100), threshold=-100.0)
    with torch.inference_mode():
        threshold = float(judge(torch.from_numpy(shown)[:, None]).quantile(0.7))
        shown, _, figures = run(model, range(100), threshold=threshold)
        logits = judge(torch.from_numpy(shown)[:, None])
    met = figures["violation"] == 0
    assert met.float().mean() > 0.95
    assert logits[met].min() >= threshold
    assert 0.2 < figures["accepted"].mean() < 1


def test_the_recipe_holds_what_is_usual_for_latents() -> None:
    options = small_recipe({**SMALL, "low": -2.5}, None, "gaussian").model.options
    assert (options["covariance"], options["value_range"]) == ("full", "truncate")
    assert (options["low"], options["high"], options["resolution"]) == (-2.5, 8.0, 32)
    assert options["autoencoder"]["channels"] == options["channels"] == 1
    again = small_recipe({"name": "nmg", **options}, None, "gaussian").model.options
    assert again == options
    large = {"latent": 3, "resolution": 64, "channels": 3}
    wide = small_recipe({"name": "nmg", "autoencoder": large}, None, "gaussian").model.options
    assert (wide["resolution"], wide["channels"]) == (64, 3)
    assert small_recipe({"name": "nmg"}, None, "gaussian").model.options["low"] == -1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"constraints": [{"name": "bright", "at_least": 0.3}]}, "constraints are on pixels, and with an autoencoder"),
        ({"resolution": 64, "autoencoder": {"resolution": 32}}, "resolution is 64, and autoencoder.resolution is 32"),
        ({"covariance": "low_rank", "rank": 6}, "rank must be below the 6 values of a latent, got 6"),
        ({"high": 9.0}, r"low and high must be in \[-8, 8\], got -8 and 9"),
        ({"autoencoder": None, "low": -2.0}, r"low and high must be in \[-1, 1\], got -2 and 1"),
        ({"autoencoder": None, "resolution": 128}, "resolution must be at most 64 without an autoencoder, got 128"),
        ({"resolution": 48}, "model.autoencoder.resolution: input should be 32, 64 or 128, got 48"),
        ({"autoencoder": {"depht": 1}}, "model.autoencoder.depht: unknown key; did you mean 'depth'"),
    ],
)
def test_options_that_cannot_be_are_refused(options: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        small_recipe({**SMALL, **options}, None, "gaussian")
