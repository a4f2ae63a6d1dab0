"""Requests as runs of graphs of unusual kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

import gantools
from gantools.core.errors import ArtifactError, InputMismatchError
from gantools.core.spec import AxisRange, GraphSpec, TensorSpec
from gantools.serve.model import Model
from gantools.serve.options import Options
from tests.enhance.networks import AXES, make_image_to_image, spec_of

FRAMES = np.random.default_rng(0).integers(0, 256, (3, 16, 24, 3), dtype=np.uint8)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[GraphSpec], Model]]:
    models: list[Model] = []

    def opening(spec: GraphSpec) -> Model:
        path = make_image_to_image(tmp_path / "art", spec=spec).path
        models.append(Model("art", path, Options(max_delay_ms=200), threads=1))
        return models[-1]

    yield opening
    for model in models:
        model.close()


def made(model: Model, *frames: Any) -> list[Any]:
    waiting = [model.submit(model.draw({"frame": one}), monotonic() + 10) for one in frames]
    return [one.result(10)["image"] for one in waiting]


def alone(model: Model, frames: Any) -> Any:
    with gantools.open_artifact(model.generator.artifact.path, threads=1) as generator:
        return generator.sample([0] * len(frames), inputs={"frame": frames})


def test_a_graph_that_takes_no_fewer_makes_what_was_asked_for(opened: Callable[[GraphSpec], Model]) -> None:
    axes = {**AXES, "batch": AxisRange(min=4, opt=4, max=8)}
    model = opened(spec_of().model_copy(update={"axes": axes}))
    (one,) = made(model, FRAMES[:1])
    np.testing.assert_array_equal(one, alone(model, FRAMES[:1]))
    first, second = made(model, FRAMES[:2], FRAMES[2:])
    np.testing.assert_array_equal(np.concatenate([first, second]), alone(model, FRAMES))


def test_images_of_other_sizes_wait_for_the_next_run(opened: Callable[[GraphSpec], Model]) -> None:
    model = opened(spec_of())
    other = np.ascontiguousarray(FRAMES[:1, :, :16])
    first, second, third = made(model, FRAMES[:1], other, FRAMES[1:])
    assert second.shape == (1, 32, 32, 3)
    np.testing.assert_array_equal(second, alone(model, other))
    np.testing.assert_array_equal(np.concatenate([first, third]), alone(model, FRAMES))


def test_a_graph_of_one_sample_makes_one_at_a_time(opened: Callable[[GraphSpec], Model]) -> None:
    spec = spec_of()
    inputs, outputs = (
        [one.model_copy(update={"shape": (1, *one.shape[1:])}) for one in side] for side in (spec.inputs, spec.outputs)
    )
    axes = {name: limits for name, limits in AXES.items() if name != "batch"}
    model = opened(GraphSpec(inputs=tuple(inputs), outputs=tuple(outputs), axes=axes))
    first, second = made(model, FRAMES[:1], FRAMES[1:2])
    np.testing.assert_array_equal(first, alone(model, FRAMES[:1]))
    np.testing.assert_array_equal(second, alone(model, FRAMES[1:2]))
    with pytest.raises(InputMismatchError, match=r"\(3, 16, 24, 3\)"):
        model.draw({"frame": FRAMES})


def test_an_input_that_is_called_seed_is_refused(opened: Callable[[GraphSpec], Model]) -> None:
    spec = spec_of()
    own = TensorSpec(name="seed", dtype="float32", shape=("batch",))
    with pytest.raises(ArtifactError, match="has an input 'seed' of its own"):
        opened(spec.model_copy(update={"inputs": (*spec.inputs, own)}))
