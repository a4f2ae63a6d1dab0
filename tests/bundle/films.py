"""Small networks of films, as artifacts: one that carries a state, and one that makes frames between frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gantools.core.artifact import MANIFEST, GraphFile, Manifest, seal
from gantools.core.atomic import staged_folder
from gantools.export.onnx import write_onnx
from gantools.models import MODELS

MODELS_OF = {"in turn": ("recurrent", {"scale": 2, "width": 8, "depth": 1}), "between": ("between", {"width": 8})}


def make_film(folder: Path, how: str) -> Path:
    """A network that nobody trained, and whose answer depends on other frames."""
    torch.manual_seed(3)
    name, options = MODELS_OF[how]
    row = MODELS.load(name)
    model = row.build(row.Config(**options)).eval()
    for weight in model.nets["G"].parameters():
        if not weight.any():  # what starts as nothing, so that an untrained network leaves a frame as it is
            torch.nn.init.normal_(weight, std=0.05)
    graph = model.graphs["generator"]
    with staged_folder(folder, marker=MANIFEST) as staging:
        write_onnx(graph, graph.spec, staging / "generator.onnx")
        entry = GraphFile(file="generator.onnx", format="onnx", precision="fp32", spec=graph.spec)
        known: dict[str, Any] = {"sampler": model.sampler, "graphs": {"generator": entry}, "output": model.output}
        seal(staging, Manifest(schema=1, name=name, modality="image", **known))
    return folder
