"""The artifact: a folder with ``manifest.json`` and the files it names. Read here; written by export and optimize.

A lone ``.onnx`` that was written by gantools opens too: its manifest travels in the file's metadata, without the digest
of the file itself, which no file can contain.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from gantools.core.atomic import sha256_file
from gantools.core.errors import ArtifactError
from gantools.core.onnx_file import append_metadata, check_external_data, read_metadata
from gantools.core.proof import MetricCard, Step
from gantools.core.registry import unknown_name
from gantools.core.sampler import Sampler
from gantools.core.spec import Frozen, GraphSpec
from gantools.core.tokens import BEGIN, END, UNKNOWN

MANIFEST = "manifest.json"
METADATA_KEY = "gantools.manifest"
TOKENIZER_KEY = "gantools.tokenizer"
SCHEMA = 1
# The graph that finds the latent of an image, in artifacts that have one: uint8 NHWC -> ``latent`` and its certainty.
ENCODER = "encoder"

Precision = Literal["fp32", "fp16", "bf16", "int8"]
Settings = dict[str, bool | int | float | str]


def _inside(file: str) -> str:
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or "\\" in file or not file:
        raise ValueError(f"file names stay inside the artifact folder, got '{file}'")
    return file


class Requires(Frozen):
    """What a compiled graph needs of the machine that runs it. An empty tuple means no demand.

    Attributes:
        library: Runtime library, such as ``"tensorrt-rtx"``.
        version: Version that compiled the graph. Engines load only in the same version unless built otherwise.
        compute_capabilities: NVIDIA compute capabilities, such as ``"8.9"``.
    """

    library: str
    version: str
    compute_capabilities: tuple[str, ...] = ()


class CompiledWork(Frozen):
    """What one call of a compiled graph has to do, counted in what it was compiled from, at the sizes it is tuned for.

    Attributes:
        multiply_adds: Precision -> products of the first sample, and of each further one of a batch.
        least_bytes: Constants, inputs and outputs, each once: with one sample, and for each further one.
    """

    multiply_adds: dict[str, tuple[int, int]]
    least_bytes: tuple[int, int]


class GraphFile(Frozen):
    """One graph of an artifact.

    Attributes:
        file: Name inside the artifact folder; for a checkpoint, which is never part of an artifact, the graph's name.
        format: What the bytes are.
        precision: What the graph is to be computed in; attestation compares with what the runtime did.
        spec: Inputs, outputs, axes.
        backend: Who opens it when nobody asks for another.
        device: Where it is meant to run.
        islands: Parts of the names of layers that stay in fp32, beside int8 also in bf16, because ``precision`` is too
            small for them or costs too much there.
        threads: CPU threads that it was fastest with where it was optimized; None: as many as there are.
        settings: Of ``backend``, by its own names, that it was fastest with.
        requires: Demands of a compiled graph.
        arithmetic_layers: Of a compiled graph: precision -> layers that multiply and add, counted in the typed network
            when it was compiled, for machines that cannot open it.
        work: Of a compiled graph: what one call has to do.
        build_seconds: Of a compiled graph: how long compiling took, whoever did it.
        sha256: Digest of the file; empty before the artifact is sealed and in a manifest inside the file itself.
    """

    file: str
    format: Literal["onnx", "tensorrt", "tensorrt-rtx", "checkpoint"]
    precision: Precision
    spec: GraphSpec
    backend: str = "onnxruntime"
    device: str = "cpu"
    islands: tuple[str, ...] = ()
    threads: int | None = Field(default=None, ge=1)
    settings: Settings = {}
    requires: Requires | None = None
    arithmetic_layers: dict[str, int] = {}
    work: CompiledWork | None = None
    build_seconds: float | None = None
    sha256: str = ""

    _file_inside = field_validator("file")(_inside)


class ImageOutput(Frozen):
    """What an image sample is: uint8, 0..255, layout NHWC; grey has one channel, colour is RGB.

    Attributes:
        height: In pixels; of graphs that take images of any size, at the size they are tuned for.
        width: As ``height``.
        channels: Of a pixel.
        scale: Where the graph takes an image: by how much the sample is larger in both directions.
        between: Whether it takes two frames, one behind the other in channels, of which the sample is the middle.
        classes: Names of the classes that the input ``label`` counts from 0; empty where there are none.
    """

    kind: Literal["image"] = "image"
    height: int
    width: int
    channels: Literal[1, 3]
    scale: int | None = Field(default=None, ge=1)
    between: bool = False
    classes: tuple[str, ...] = ()


class TextOutput(Frozen):
    """What a text sample is: tokens (steps,) int32, of which those from the first ``end`` on are no text.

    Attributes:
        steps: The most tokens of a sample, ``end`` among them.
        vocabulary: How many tokens there are.
        end: The token that ends a text and fills what is behind it.
        begin: The token before the first one. No sample holds it.
        unknown: Stands for what the vocabulary has not. No sample holds it.
        tokenizer: File inside the artifact folder, as the library ``tokenizers`` writes it: tokens <-> text.
        sha256: Its digest.
        classes: Names of the classes that the input ``label`` counts from 0; empty where there are none.
    """

    kind: Literal["text"] = "text"
    steps: int = Field(ge=1)
    vocabulary: int = Field(ge=4)
    end: int = END
    begin: int = BEGIN
    unknown: int = UNKNOWN
    tokenizer: str = "tokenizer.json"
    sha256: str = ""
    classes: tuple[str, ...] = ()

    _file_inside = field_validator("tokenizer")(_inside)


Output = Annotated[ImageOutput | TextOutput, Field(discriminator="kind")]
"""What a sample is."""


class Goldens(Frozen):
    """Samples of known seeds as the fp32 parent graph made them: ``.npy``, (len(seeds), ...)."""

    file: str
    seeds: tuple[int, ...]
    sha256: str = ""

    _file_inside = field_validator("file")(_inside)


class Examples(Frozen):
    """Real images that the graphs of this artifact take: ``.npy``, (n, height, width, channels) uint8."""

    file: str
    count: int
    sha256: str = ""

    _file_inside = field_validator("file")(_inside)


class Manifest(Frozen):
    """Everything an application or a later stage needs to know of an artifact."""

    schema_number: Literal[1] = Field(default=1, alias="schema")
    name: str
    modality: Literal["image", "text"]
    sampler: Sampler
    graphs: dict[str, GraphFile]
    output: Output
    goldens: Goldens | None = None
    examples: Examples | None = None
    quality: tuple[MetricCard, ...] = ()
    parent: str | None = None
    recipe: dict[str, Any] = {}
    steps: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _of_its_modality(self) -> Self:
        if self.modality != self.output.kind:
            raise ValueError(f"the modality is {self.modality}, and the output {self.output.kind}")
        return self

    @property
    def image(self) -> ImageOutput:
        """What an image is. Raises ArtifactError: samples are no images."""
        if not isinstance(self.output, ImageOutput):
            raise ArtifactError(f"'{self.name}' makes {self.modality}, not images.", hint="give one that makes images")
        return self.output

    @property
    def text(self) -> TextOutput:
        """What a text is. Raises ArtifactError: samples are no texts."""
        if not isinstance(self.output, TextOutput):
            raise ArtifactError(f"'{self.name}' makes {self.modality}s, not text.", hint="give one that makes text")
        return self.output

    def to_json(self, *, indent: int | None = 2) -> str:
        """The manifest as it is written to disk."""
        return self.model_dump_json(by_alias=True, indent=indent)


@dataclass(frozen=True)
class Artifact:
    """An opened artifact. Its digest names it: it changes with any byte of the manifest or of a file named there."""

    path: Path
    manifest: Manifest
    digest: str

    @property
    def folder(self) -> Path:
        """Where the files of the manifest lie."""
        return self.path if self.path.is_dir() else self.path.parent

    def graph(self, name: str | None = None) -> tuple[Path, GraphFile]:
        """Path and entry of a graph; without a name, the one an application runs.

        Raises:
            UnknownNameError: No graph has this name.
        """
        name = name or self.manifest.sampler.graph
        if name not in self.manifest.graphs:
            raise unknown_name("graph of this artifact", name, list(self.manifest.graphs))
        entry = self.manifest.graphs[name]
        return self.folder / entry.file, entry

    def tokenizer(self) -> str:
        """The tokenizer of an artifact that makes text, as JSON.

        Raises:
            ArtifactError: It has none.
        """
        output = self.manifest.text
        if self.path.is_dir():
            return (self.folder / output.tokenizer).read_text(encoding="utf-8")
        found = read_metadata(self.path).get(TOKENIZER_KEY)
        if found is None:
            raise ArtifactError(f"'{self.path}' holds no tokenizer.", hint="give the artifact folder")
        return found


def load_artifact(path: Path | str) -> Artifact:
    """Open an artifact folder or a lone ``.onnx``, and check every digest and every external-data path.

    Raises:
        ArtifactError: Missing, damaged, tampered with, unsafe, or of a newer schema.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        return _load_lone(path)
    if not (path / MANIFEST).is_file():
        what = "is not an artifact: it holds no manifest.json" if path.exists() else "does not exist"
        raise ArtifactError(f"'{path}' {what}.", hint="'gantools export RUN --out ART' makes an artifact")
    content = (path / MANIFEST).read_bytes()
    manifest = _parse(content, f"{path / MANIFEST}")
    named = [(entry.file, entry.sha256) for entry in manifest.graphs.values()]
    named += [(one.file, one.sha256) for one in (manifest.goldens, manifest.examples) if one]
    if isinstance(manifest.output, TextOutput):
        named.append((manifest.output.tokenizer, manifest.output.sha256))
    for file, expected in named:
        _check_digest(path / file, expected)
    for entry in manifest.graphs.values():
        if entry.format == "onnx":
            check_external_data(path / entry.file)
    return Artifact(path, manifest, hashlib.sha256(content).hexdigest())


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Complete a folder of finished files into an artifact: embed the manifest, fill in digests, write it.

    Each ONNX file gets a manifest that describes itself alone, and the tokenizer where there is one. Call once, last,
    inside ``staged_folder``.
    """
    graphs = {}
    for name, entry in manifest.graphs.items():
        if entry.format == "onnx":
            sampler = manifest.sampler.model_copy(update={"graph": name})
            lone = manifest.model_copy(
                update={"graphs": {name: entry}, "sampler": sampler, "goldens": None, "examples": None}
            )
            if isinstance(manifest.output, TextOutput):
                tokenizer = (folder / manifest.output.tokenizer).read_text(encoding="utf-8")
                if read_metadata(folder / entry.file).get(TOKENIZER_KEY) != tokenizer:
                    append_metadata(folder / entry.file, TOKENIZER_KEY, tokenizer)
            append_metadata(folder / entry.file, METADATA_KEY, lone.to_json(indent=None))
        graphs[name] = entry.model_copy(update={"sha256": sha256_file(folder / entry.file)})
    files = {
        name: one.model_copy(update={"sha256": sha256_file(folder / one.file)})
        for name, one in (("goldens", manifest.goldens), ("examples", manifest.examples))
        if one is not None
    }
    output = manifest.output
    if isinstance(output, TextOutput):
        output = output.model_copy(update={"sha256": sha256_file(folder / output.tokenizer)})
    sealed = manifest.model_copy(update={"graphs": graphs, "output": output, **files})
    (folder / MANIFEST).write_text(sealed.to_json() + "\n")
    return sealed


def _load_lone(path: Path) -> Artifact:
    text = read_metadata(path).get(METADATA_KEY)
    if text is None:
        raise ArtifactError(
            f"'{path}' holds no gantools manifest.",
            hint="give the artifact folder, or a file that 'gantools export' wrote",
        )
    check_external_data(path)
    manifest = _parse(text.encode(), f"the metadata of {path}")
    graphs = {name: entry.model_copy(update={"file": path.name}) for name, entry in manifest.graphs.items()}
    return Artifact(path, manifest.model_copy(update={"graphs": graphs}), sha256_file(path))


def _check_digest(path: Path, expected: str) -> None:
    if not path.is_file():
        raise ArtifactError(
            f"'{path}' is named in the manifest and does not exist.", hint="copy the whole artifact folder"
        )
    if (found := sha256_file(path)) != expected:
        raise ArtifactError(
            f"'{path}' has digest {found[:12]}, the manifest says {expected[:12]}: it was changed or damaged.",
            hint="copy the artifact again, or export it again",
        )


def _parse(content: bytes, where: str) -> Manifest:
    try:
        raw = json.loads(content)
    except ValueError as err:
        raise ArtifactError(f"{where} is not JSON: {err}.", hint="copy the artifact again, or export it again") from err
    found = raw.get("schema") if isinstance(raw, dict) else None
    if found != SCHEMA:
        raise ArtifactError(
            f"{where} has schema {found}, this gantools reads schema {SCHEMA}.", hint="pip install --upgrade gantools"
        )
    try:
        return Manifest.model_validate(raw)
    except ValidationError as err:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in err.errors())
        raise ArtifactError(f"{where} does not fit schema {SCHEMA}: {problems}.") from err
