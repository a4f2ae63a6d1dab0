"""Two failures that other tools let pass with exit code 0, each tried on a whole optimization."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pytest

from gantools.core.artifact import Artifact
from gantools.core.errors import ParityError, PrecisionError
from gantools.optimize.optimize import optimize
from gantools.optimize.plan import Plan
from gantools.runtime.backends.base import Arrays, ComputedLayer
from gantools.runtime.backends.openvino import OpenVinoGraph
from tests.zoo import make_artifact


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return make_artifact(tmp_path_factory.mktemp("zoo") / "art")


def test_fp16_was_asked_for_and_the_engine_is_fp32(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rf-detr #1453: the flag was ignored, and the export said that all went well."""
    whole = OpenVinoGraph.layers
    asked: list[str] = []

    def ignored(graph: OpenVinoGraph) -> list[ComputedLayer]:
        asked.extend(layer.precision for layer in whole(graph) if layer.is_arithmetic)
        return [ComputedLayer(one.kind, "fp32", one.name, one.is_arithmetic) for one in whole(graph)]

    monkeypatch.setattr(OpenVinoGraph, "layers", ignored)
    with pytest.raises(PrecisionError, match=r"asked for fp16, computed 100% fp32 \(\d+ layers") as caught:
        optimize(parent, Plan(target="openvino", precision="fp16"), tmp_path / "out")
    assert caught.value.exit_code == 4
    assert asked
    assert not (tmp_path / "out").exists()


def test_four_equal_rows_give_four_different_samples(
    parent: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT #4813: a kernel mixed the rows of a batch, by less than parity's limit."""
    whole = OpenVinoGraph.run
    largest: list[int] = []

    def mixed(graph: OpenVinoGraph, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        outputs = whole(graph, inputs)
        largest.append(max(len(rows) for rows in outputs.values()))
        for rows in outputs.values():
            if rows.dtype.kind == "f":
                rows += 2e-6 * (rows.argsort(axis=0) % 4)
        return outputs

    optimize(parent, Plan(target="openvino"), tmp_path / "sound")
    monkeypatch.setattr(OpenVinoGraph, "run", mixed)
    with pytest.raises(ParityError, match="samples of graph 'generator_float' depend on more than their own") as caught:
        optimize(parent, Plan(target="openvino"), tmp_path / "out")
    assert "'duplicated' differs by" in caught.value.message
    assert caught.value.exit_code == 4
    assert max(largest) >= 4
    assert not (tmp_path / "out").exists()
