"""Every generator and discriminator of text in small: what conformance tests build. A new row needs an entry."""

from pathlib import Path
from typing import Any

import torch

from gantools.core.artifact import Artifact, GraphFile, Manifest, load_artifact, seal
from gantools.core.proof import Step
from gantools.data.tokenizers import train_tokenizer
from gantools.export.onnx import write_onnx
from gantools.models import MODELS
from gantools.models.model import Model

Options = dict[str, Any]
STEPS, VOCABULARY = 9, 70

_SMALL: Options = {"vocabulary": VOCABULARY, "steps": STEPS, "candidates": 20}
_UNITS: Options = {**_SMALL, "embedding": 6, "hidden": 12}
# Model -> variants.
TEXTS_SMALL: dict[str, list[Options]] = {
    "text_lstm": [{**_UNITS, "layers": 2, "tied": True, "latent": 3, "classes": 4}],
    "text_gru": [{**_UNITS, "candidates": 3840}],
    "text_transformer": [{**_SMALL, "width": 8, "heads": 2, "layers": 2, "tied": False, "classes": 4}],
    "text_vae": [{**_UNITS, "latent": 5}],
}
# Discriminator -> variants.
TEXT_DISCRIMINATORS_SMALL: dict[str, list[Options]] = {
    "text_cnn": [
        {"embedding": 6, "filters": 4, "widths": [1, 3]},
        {"embedding": 6, "filters": 4, "widths": [2, 3], "highway": False, "spectral": True, "dropout": 0.0},
    ],
    "text_lstm": [{"embedding": 6, "hidden": 8}, {"embedding": 6, "hidden": 8, "spectral": True, "dropout": 0.2}],
    "text_gru": [{"embedding": 6, "hidden": 8}, {"embedding": 6, "hidden": 8, "every_place": True, "dropout": 0.2}],
    "text_mlp": [{"embedding": 6, "hidden": [16, 8]}, {"embedding": 6, "hidden": [16], "spectral": True}],
}
TEXT_CASES = [(name, options) for name, several in TEXTS_SMALL.items() for options in several]


def small_text_model(name: str, options: Options) -> Model:
    """A freshly initialized model of ``TEXTS_SMALL``."""
    row = MODELS.load(name)
    torch.manual_seed(0)
    model: Model = row.build(row.Config(**options))
    return model


def sharpened(model: Model, gain: float = 3.0) -> Model:
    """Weights so large that some tokens are far likelier than others, as after a training."""
    torch.manual_seed(1)
    for net in model.nets.values():
        for weight in net.parameters():
            if weight.ndim > 1:
                torch.nn.init.xavier_normal_(weight, gain)
    return model.eval()


def make_text_artifact(folder: Path, model: Model) -> Artifact:
    """All graphs of a model, and a tokenizer of words such as ``w12``, as ``export`` would write them."""
    folder.mkdir(parents=True)
    graphs = {}
    for name, graph in model.graphs.items():
        write_onnx(graph, graph.spec, folder / f"{name}.onnx")
        graphs[name] = GraphFile(file=f"{name}.onnx", format="onnx", precision="fp32", spec=graph.spec)
    words = [f"w{number}" for number in range(model.text.vocabulary - 3)]
    (folder / model.text.tokenizer).write_text(train_tokenizer(words, "word", model.text.vocabulary))
    step = Step(stage="export")
    known: Options = {"sampler": model.sampler, "graphs": graphs, "output": model.text, "steps": (step,)}
    seal(folder, Manifest(schema=1, name="tiny", modality="text", **known))
    return load_artifact(folder)
