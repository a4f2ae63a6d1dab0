"""The model: its options, its settings, and the graph that ships."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from gantools.core.artifact import GraphFile
from gantools.core.errors import RecipeError
from gantools.export.onnx import write_onnx
from gantools.models.build import build_model
from gantools.models.classic.nmg import GRAPH
from gantools.models.model import Model
from gantools.runtime.session import Session
from gantools.samplers.feedforward import inputs_of
from gantools.verify.parity import compare_arrays
from gantools.verify.tolerances import TOLERANCES
from gantools.verify.trials import trial_inputs
from tests.conformance.tiny import small_recipe

SMALL: dict[str, Any] = {"name": "nmg", "resolution": 8, "channels": 1, "rank": 8, "steps": 6}
BRIGHT = {"name": "bright", "at_least": 0.3}
LEFT = {"name": "left", "region": [0, 0, 1, 0.5], "minus": [0, 0.5, 1, 1], "at_most": -0.1}


def fitted(discriminator: Any = None, **options: Any) -> Model:
    """A model of smooth images that are dark on average."""
    torch.manual_seed(0)
    model = build_model(small_recipe({**SMALL, **options}, discriminator, "gaussian"))
    coarse = torch.randn(600, 1, 3, 3)
    real = torch.nn.functional.interpolate(coarse, (8, 8), mode="bilinear") * 0.5 - 0.3
    model.nets["N"].observe((real + 0.05 * torch.randn_like(real)).clamp(-1, 1))  # type: ignore[operator]
    return model.eval()


def run(model: Model, seeds: range, **settings: float) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Images (seeds, 8, 8) float32, and the figures beside them."""
    found = {}
    for name in ("generator_float", GRAPH):
        graph = model.graphs[name]
        given = inputs_of(graph.spec.inputs, model.sampler, seeds)
        given |= {key: np.full(len(seeds), value, np.float32) for key, value in settings.items()}
        with torch.inference_mode():
            results = graph.module(*(torch.from_numpy(given[tensor.name]) for tensor in graph.spec.inputs))
        found[name] = [value.numpy() for value in (results if isinstance(results, tuple) else (results,))]
    names = [tensor.name for tensor in model.graphs[GRAPH].spec.outputs]
    return found["generator_float"][0][:, 0], dict(zip(names, found[GRAPH], strict=True))


@pytest.mark.parametrize("kernel", ["elliptical", "pcn"])
@pytest.mark.parametrize("value_range", ["clip", "truncate"])
def test_all_constraints_hold_for_a_thousand_seeds(kernel: str, value_range: str) -> None:
    steps = 6 if value_range == "clip" else 20
    model = fitted(constraints=[BRIGHT, LEFT], kernel=kernel, value_range=value_range, steps=steps)
    images, figures = run(model, range(1000), low=-0.9, high=0.95)
    assert figures["violation"].max() == 0
    assert images.mean((1, 2)).min() >= 0.3
    assert (images[:, :, :4].mean((1, 2)) - images[:, :, 4:].mean((1, 2))).max() <= -0.1
    assert images.min() >= -0.9
    assert images.max() <= 0.95
    assert images.std(0).mean() > 0.1, "and they differ"


def test_settings_move_the_bounds() -> None:
    model = fitted(constraints=[BRIGHT])
    bright, figures = run(model, range(100), bright=0.5)
    assert bright.mean((1, 2)).min() >= 0.5
    assert not figures["violation"].any()
    free, _ = run(model, range(100), bright=-1.0)
    assert free.mean() < -0.2
    _, figures = run(model, range(20), bright=0.5, high=0.4)
    assert figures["violation"].min() >= 0.099, "no image below 0.4 has a mean of 0.5"


def test_a_small_radius_brings_images_near_to_the_mean() -> None:
    model = fitted()
    gaussian: Any = model.nets["N"]
    spread = []
    for radius in (0.3, 0.7, 4.0):
        images, figures = run(model, range(200), radius=radius)
        assert not figures["violation"].any()
        centered = torch.from_numpy(images).flatten(1) - gaussian.mean
        spread.append(float(gaussian.whiten(centered).square().mean().sqrt()))
    assert spread[0] <= 0.301
    assert spread[1] <= 0.701
    assert spread[0] < spread[1] < spread[2]


def test_corruption_replaces_the_asked_share_of_values_by_draws_of_their_own() -> None:
    model = fitted(corruption=0.0)
    clean, _ = run(model, range(300))
    for share in (0.1, 1.0):
        noisy, _ = run(model, range(300), corruption=share)
        changed = (noisy != clean)[np.abs(clean) < 1]
        assert abs(changed.mean() - share) < 5 * (share * (1 - share) / changed.size) ** 0.5 + 0.02 * share
    # What replaces everything has the deviation of each value and no correlation between neighbours.
    deviation: Any = model.nets["N"].deviation()  # type: ignore[operator]
    inside = noisy[:, 2:6, 2:6]
    assert abs(inside.std(0).mean() / deviation.reshape(8, 8)[2:6, 2:6].mean() - 1) < 0.1
    assert abs(np.corrcoef(noisy[:, 3, 3], noisy[:, 3, 4])[0, 1]) < 0.25
    assert np.corrcoef(clean[:, 3, 3], clean[:, 3, 4])[0, 1] > 0.6
    assert run(model, range(300), corruption=1.0, low=-0.2, high=0.3)[0].max() <= np.float32(0.3)


def test_accepted_images_pass_the_discriminators_threshold() -> None:
    model = fitted({"name": "mlp", "hidden": [8]}, steps=40)
    judge = model.nets["D"]
    images, _ = run(model, range(300), threshold=-100.0)
    with torch.no_grad():
        threshold = float(judge(torch.from_numpy(images)[:, None]).quantile(0.7))
        images, figures = run(model, range(300), threshold=threshold)
        logits = judge(torch.from_numpy(images)[:, None]).numpy()
    met = figures["violation"] == 0
    assert met.mean() > 0.99
    assert logits[met].min() >= threshold
    assert (logits[~met] < threshold).all()
    assert 0.2 < figures["accepted"].mean() < 1


def test_the_discriminator_is_averaged_and_shipped_as_a_scorer_too() -> None:
    model = fitted({"name": "mlp", "hidden": [8]})
    assert model.averaged == ("N", "D")
    assert set(model.graphs) == {"generator", "generator_float", GRAPH, "discriminator"}
    assert fitted().averaged == ("N",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 0.5, "high": 0.5}, "low must be below high, got 0.5 and 0.5"),
        ({"rank": 64}, "rank must be below the 64 values of an image, got 64"),
        ({"constraints": [{"name": "low", "at_least": 0.0}]}, "and 'low' is taken"),
        ({"constraints": [BRIGHT, BRIGHT]}, "and 'bright' is taken"),
        ({"constraints": [{"name": "a"}]}, "'a' needs one of at_least and at_most"),
        ({"constraints": [{"name": "a", "at_least": 0.0, "at_most": 1.0}]}, "'a' needs one of at_least and at_most"),
        (
            {"high": 0.2, "constraints": [BRIGHT]},
            "'bright' cannot be met: with values in \\[-1, 0.2\\] it lies between",
        ),
        ({"constraints": [{**LEFT, "at_most": -3.0}]}, "'left' cannot be met"),
        ({"constraints": [{**BRIGHT, "region": [0.5, 0, 0.4, 1]}]}, "regions with 0 <= top < bottom"),
        ({"constraints": [{**BRIGHT, "region": [0, 0, 0.01, 1]}]}, "'bright' holds no pixel at resolution 8"),
        ({"constraints": [{**BRIGHT, "weights": [1.0, 2.0]}]}, "'bright' has 2 weights, an image 64 values"),
        ({"constraints": [{**BRIGHT, "weights": [0.0] * 64}]}, "finite weights that are not all zero"),
        ({"constraints": [{**LEFT, "weights": [1.0] * 64}]}, "has weights, so it has neither region nor minus"),
    ],
)
def test_options_that_cannot_be_are_refused(options: Any, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        small_recipe({**SMALL, **options}, None, "gaussian")


def test_weights_are_a_region_by_another_name() -> None:
    weights = [1 / 64] * 64
    one, other = (fitted(constraints=[{**BRIGHT, **extra}]) for extra in ({}, {"weights": weights}))
    assert np.allclose(run(one, range(8))[0], run(other, range(8))[0], atol=1e-5)


def test_the_walk_ships_as_one_scan_that_every_runtime_computes(tmp_path: Path) -> None:
    model = fitted(constraints=[BRIGHT, LEFT], value_range="truncate", steps=10)
    graph = model.graphs[GRAPH]
    path = tmp_path / "walk.onnx"
    write_onnx(graph, graph.spec, path)
    nodes = [node.op_type for node in onnx.load(path).graph.node]
    assert nodes.count("Scan") == 1
    assert not {"Loop", "If"} & set(nodes)
    compared = 0
    for backend in ("onnxruntime", "openvino"):
        entry = GraphFile(file=path.name, format="onnx", precision="fp32", spec=graph.spec, backend=backend)
        with Session(path, entry) as session:
            for size in (1, 5, 16):
                given = trial_inputs(graph.spec, model.sampler, range(size))
                with torch.inference_mode():
                    wanted = graph.module(*(torch.from_numpy(given[tensor.name]) for tensor in graph.spec.inputs))
                got = session.run(given)
                for tensor, expected in zip(graph.spec.outputs, wanted, strict=True):
                    found = compare_arrays(tensor, got[tensor.name], expected.numpy(), TOLERANCES["fp32"])
                    assert found.ok, f"{backend}: {found}"
                    compared += 1
    assert compared == 2 * 3 * 4
