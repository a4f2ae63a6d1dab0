"""What is bundled: the graph an application runs, and its description as plain data that any language reads."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantools.core.artifact import Artifact, GraphFile, ImageOutput, TextOutput, load_artifact
from gantools.core.errors import ArtifactError
from gantools.core.onnx_file import external_data_locations
from gantools.core.sampler import Sampler
from gantools.core.spec import TensorSpec
from gantools.core.version import VERSION

MODEL = "generator.onnx"
DESCRIPTION = "generator.json"
_JOINTS = {None: "spaces", "Fuse": "nothing", "ByteLevel": "bytes"}
"""Decoder of a tokenizer -> how its tokens become text."""


@dataclass(frozen=True)
class Options:
    """What some kinds of bundle need to know.

    Attributes:
        runtime: Folder of the npm package ``onnxruntime-web``, for pages; none: ``node_modules`` here or above.
    """

    runtime: Path | None = None


@dataclass(frozen=True)
class Source:
    """An artifact that can be bundled.

    Attributes:
        artifact: As it was opened.
        model: File of the graph.
        graph: Its entry.
    """

    artifact: Artifact
    model: Path
    graph: GraphFile

    @classmethod
    def of(cls, path: Path | str) -> Source:
        """Open an artifact.

        Raises:
            ArtifactError: It is damaged or compiled, or takes what no seed says.
        """
        artifact = load_artifact(path)
        model, graph = artifact.graph()
        if graph.format != "onnx":
            raise ArtifactError(
                f"'{path}' holds an engine compiled for {graph.format}, and a bundle is made of an ONNX file.",
                hint="give the artifact that the engine was made of, with --for jetson to build engines on a device",
            )
        for tensor in graph.spec.inputs:
            if _source_of(tensor, artifact.manifest.sampler) is None:
                raise ArtifactError(
                    f"'{path}' takes '{tensor.name}', which no seed says, so a bundle could not sample.",
                    hint=f"say what it is when the artifact is made: optimize --input {tensor.name}=...",
                )
        return cls(artifact, model, graph)

    @property
    def is_text(self) -> bool:
        """Whether samples are texts; else they are images."""
        return isinstance(self.artifact.manifest.output, TextOutput)

    @property
    def makes_images_of_images(self) -> bool:
        """Whether the graph takes an image."""
        return self.artifact.manifest.sampler.image is not None

    @property
    def film(self) -> str | None:
        """How it makes films, if not frame by frame: ``in turn``, with a state, or what lies ``between`` two frames."""
        if any(one.state_of for one in self.graph.spec.inputs):
            return "in turn"
        output = self.artifact.manifest.output
        return "between" if isinstance(output, ImageOutput) and output.between else None

    def description(self) -> dict[str, Any]:
        """What ``generator.json`` says. Every input has a ``source``: where its values come from."""
        manifest, spec = self.artifact.manifest, self.graph.spec
        tuned = self.graph.settings if (self.graph.backend, self.graph.device) == ("onnxruntime", "cpu") else {}
        output, first = manifest.output, spec.outputs[0]
        return {
            "name": manifest.name,
            "artifact": self.artifact.digest,
            "made_with": f"gantools {VERSION}",
            "model": MODEL,
            "weights": external_data_locations(self.model),
            "precision": self.graph.precision,
            "onnxruntime": tuned,
            "inputs": [_input(one, manifest.sampler) for one in spec.inputs],
            "output": {"name": first.name, "dtype": first.dtype, "shape": first.shape},
            "film": self.film,
            "axes": {name: limits.model_dump() for name, limits in spec.axes.items()},
            "classes": output.classes,
            "image": output.model_dump(include={"height", "width", "channels", "scale"})
            if isinstance(output, ImageOutput)
            else None,
            "text": text_description(output, self.artifact.tokenizer()) if isinstance(output, TextOutput) else None,
        }

    def copy_model(self, folder: Path) -> None:
        """Put the model and its external data into a folder.

        Raises:
            ArtifactError: External data lies below the folder of the model, under the name of another file.
        """
        shutil.copyfile(self.model, folder / MODEL)
        for location in external_data_locations(self.model):
            if (folder / location).exists():
                raise ArtifactError(f"the weights of '{self.model}' lie in '{location}', a name that a bundle uses.")
            (folder / location).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.model.parent / location, folder / location)

    def write_description(self, folder: Path) -> None:
        """Write ``generator.json``."""
        text = json.dumps(self.description(), indent=1, ensure_ascii=False)
        (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def text_description(text: TextOutput, tokenizer_json: str) -> dict[str, Any]:
    """How tokens become text: they are known by number, and put together in one of three ways.

    Raises:
        ArtifactError: It is done in a fourth.
    """
    tokenizer = json.loads(tokenizer_json)
    decoder = (tokenizer.get("decoder") or {}).get("type")
    if decoder not in _JOINTS:
        raise ArtifactError(
            f"the tokenizer puts texts together by '{decoder}', which bundles do not know.",
            hint="train with data.tokenizer = 'word', 'bpe' or 'char'",
        )
    numbers = dict(tokenizer["model"]["vocab"])
    numbers |= {one["content"]: one["id"] for one in tokenizer.get("added_tokens", [])}
    return {
        "steps": text.steps,
        "end": text.end,
        "unknown": text.unknown,
        "join": _JOINTS[decoder],
        "tokens": sorted(numbers, key=numbers.__getitem__),
        "tokenizer": tokenizer if decoder == "ByteLevel" else None,
    }


def _source_of(tensor: TensorSpec, sampler: Sampler) -> str | None:
    """Where the values of an input come from; None: nobody knows."""
    if tensor.name == sampler.image:
        return "image"
    if tensor.state_of:
        return "state"
    if drawn := sampler.noise.get(tensor.name):
        return drawn.distribution
    if tensor.name in sampler.settings:
        return "setting"
    return "constant" if tensor.name in sampler.constants else None


def _input(tensor: TensorSpec, sampler: Sampler) -> dict[str, Any]:
    found: dict[str, Any] = {"name": tensor.name, "dtype": tensor.dtype, "shape": tensor.shape}
    found |= {"rows": tensor.has_rows, "source": _source_of(tensor, sampler)}
    if tensor.state_of:
        found["output"] = tensor.state_of
    elif drawn := sampler.noise.get(tensor.name):
        found["stream"] = drawn.stream
        if drawn.categories:
            found["categories"] = drawn.categories
    elif setting := sampler.settings.get(tensor.name):
        found |= {"value": setting.default, "low": setting.low, "high": setting.high}
    elif tensor.name in sampler.constants:
        found["value"] = sampler.constants[tensor.name]
    return found
