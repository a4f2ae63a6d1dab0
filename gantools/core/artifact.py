"""The artifact: a folder with ``manifest.json`` and the files it names. Read here; written by export and optimize.

A lone ``.onnx`` that was written by gantools opens too: its manifest travels in the file's metadata, without the digest
of the file itself, which no file can contain.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from gantools.core.atomic import sha256_file
from gantools.core.errors import ArtifactError
from gantools.core.onnx_file import append_metadata, check_external_data, read_metadata
from gantools.core.registry import unknown_name
from gantools.core.spec import Frozen, GraphSpec

MANIFEST = "manifest.json"
METADATA_KEY = "gantools.manifest"
SCHEMA = 1
# The graph that finds the latent of an image, in artifacts that have one: uint8 NHWC -> ``latent`` and its certainty.
ENCODER = "encoder"

Precision = Literal["fp32", "fp16", "bf16", "int8"]


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


class GraphFile(Frozen):
    """One graph of an artifact.

    Attributes:
        file: Name inside the artifact folder; for a checkpoint, which is never part of an artifact, the graph's name.
        format: What the bytes are.
        precision: What the graph is to be computed in; attestation compares with what the runtime did.
        spec: Inputs, outputs, axes.
        backend: Who opens it when nobody asks for another.
        device: Where it is meant to run.
        islands: Parts of the names of layers that stay in fp32 because ``precision`` is too small for them.
        requires: Demands of a compiled graph.
        arithmetic_layers: Of a compiled graph: precision -> layers that multiply and add, counted in the typed network
            when it was compiled, for machines that cannot open it.
        sha256: Digest of the file; empty before the artifact is sealed and in a manifest inside the file itself.
    """

    file: str
    format: Literal["onnx", "tensorrt", "tensorrt-rtx", "checkpoint"]
    precision: Precision
    spec: GraphSpec
    backend: str = "onnxruntime"
    device: str = "cpu"
    islands: tuple[str, ...] = ()
    requires: Requires | None = None
    arithmetic_layers: dict[str, int] = {}
    sha256: str = ""

    _file_inside = field_validator("file")(_inside)


class NoiseInput(Frozen):
    """A graph input that is drawn from a sample's seed, unless the caller gives it.

    Attributes:
        distribution: ``normal``: N(0, 1); ``uniform``: U(0, 1), ends excluded; ``category``: a class label,
            one of 0 .. categories - 1, all equally likely.
        stream: Philox stream, so that two inputs of one sample are independent.
        categories: How many there are, for ``category``.
    """

    distribution: Literal["normal", "uniform", "category"]
    stream: int = Field(ge=0, lt=2**32)
    categories: int | None = Field(default=None, ge=1, lt=2**24)

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if (self.distribution == "category") != (self.categories is not None):
            raise ValueError("categories belong to the distribution 'category', and to no other")
        return self


class Setting(Frozen):
    """A graph input (batch,) float32 that a caller may turn, such as truncation.

    Attributes:
        default: What it is when the caller says nothing.
        low: Least sensible value.
        high: Largest sensible value.
    """

    default: float
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.default <= self.high:
            raise ValueError(f"needs low <= default <= high, got {self.low}, {self.default}, {self.high}")
        return self


class Sampler(Frozen):
    """How seeds become samples. A seed alone always gives a sample; every input can also be given by the caller.

    Attributes:
        kind: Name in the table of samplers.
        graph: The graph an application runs.
        noise: Inputs that are drawn.
        settings: Inputs that have a default.
    """

    kind: str
    graph: str
    noise: dict[str, NoiseInput] = {}
    settings: dict[str, Setting] = {}


class ImageOutput(Frozen):
    """What an image sample is: uint8, 0..255, layout NHWC; grey has one channel, colour is RGB.

    Attributes:
        classes: Names of the classes that the input ``label`` counts from 0; empty where there are none.
    """

    kind: Literal["image"] = "image"
    height: int
    width: int
    channels: Literal[1, 3]
    classes: tuple[str, ...] = ()


class Goldens(Frozen):
    """Samples of known seeds as the fp32 parent graph made them: ``.npy``, (len(seeds), ...) uint8."""

    file: str
    seeds: tuple[int, ...]
    sha256: str = ""

    _file_inside = field_validator("file")(_inside)


class MetricCard(Frozen):
    """A metric value with everything needed to know what it may be compared with.

    Attributes:
        name: Protocol name; equal names and digests make values comparable.
        interval: Confidence interval of ``value`` at ``confidence``, by ``method``.
        extractor_sha256: Digest of the feature extractor: of its file, or of its weights and what is made of them.
        data_sha256: Content digest of the reference data; empty for a metric without references.
        seeds: The seeds of the scored samples, such as ``"0-1796"``.
        protocol: The free choices of the metric, such as ``"k 3"``.
        preparation: How the extractor resizes and scales images.
    """

    name: str
    value: float
    interval: tuple[float, float]
    confidence: float
    method: str
    samples: int
    references: int
    extractor: str
    extractor_sha256: str
    data: str
    data_sha256: str
    seeds: str
    protocol: str = ""
    preparation: str = ""


class Parity(Frozen):
    """How far a graph's outputs lie from its source's, over all batch sizes that were tried.

    Attributes:
        source: What it was compared with.
        graph: The graph that was compared.
        max_abs: Largest absolute difference, in the output's own units.
        limit: The largest that was accepted.
        psnr_db: Peak signal-to-noise ratio over everything compared; None when outputs are equal.
        batch_sizes: Sizes tried.
    """

    source: str
    graph: str
    max_abs: float
    limit: float
    psnr_db: float | None
    batch_sizes: tuple[int, ...]


class QualityLoss(Frozen):
    """How much worse samples of a graph are than those of its source for the same seeds.

    Attributes:
        metric: Name in the table of metrics, or ``levels``: the mean absolute difference in levels of 0..255.
        loss: In the metric's unit; above 0 where the graph is worse.
        interval: Confidence interval of ``loss`` at ``confidence``, a jackknife over pairs of samples.
        budget: The most that the user allowed.
        source: The metric of the source's samples; None for ``levels``.
        final: Of the graph's.
    """

    metric: str
    loss: float
    interval: tuple[float, float]
    confidence: float
    budget: float
    samples: int
    seeds: str
    source: float | None = None
    final: float | None = None
    extractor: str = ""
    extractor_sha256: str = ""
    data: str = ""
    data_sha256: str = ""

    @property
    def ok(self) -> bool:
        """Whether the loss is within the budget for certain: with the upper end of its interval."""
        return self.interval[1] <= self.budget

    def __str__(self) -> str:
        low, high = self.interval
        of = f"{self.metric} of {self.extractor}" if self.extractor else self.metric
        return f"{of} lost {self.loss:.4g} ({low:.4g} to {high:.4g}) over {self.samples} pairs, allowed {self.budget:g}"


class Step(Frozen):
    """One stage that made this artifact, with its options, the versions it used and the proof it gave."""

    stage: str
    options: dict[str, Any] = {}
    tools: dict[str, str] = {}
    parity: tuple[Parity, ...] = ()
    losses: tuple[QualityLoss, ...] = ()
    notes: tuple[str, ...] = ()


class Manifest(Frozen):
    """Everything an application or a later stage needs to know of an artifact."""

    schema_number: Literal[1] = Field(default=1, alias="schema")
    name: str
    modality: Literal["image"]
    sampler: Sampler
    graphs: dict[str, GraphFile]
    output: ImageOutput
    goldens: Goldens | None = None
    quality: tuple[MetricCard, ...] = ()
    parent: str | None = None
    recipe: dict[str, Any] = {}
    steps: tuple[Step, ...] = ()

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
    if manifest.goldens:
        named.append((manifest.goldens.file, manifest.goldens.sha256))
    for file, expected in named:
        _check_digest(path / file, expected)
    for entry in manifest.graphs.values():
        if entry.format == "onnx":
            check_external_data(path / entry.file)
    return Artifact(path, manifest, hashlib.sha256(content).hexdigest())


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Complete a folder of finished files into an artifact: embed the manifest, fill in digests, write it.

    Each ONNX file gets a manifest that describes itself alone. Call once, last, inside ``staged_folder``.
    """
    graphs = {}
    for name, entry in manifest.graphs.items():
        if entry.format == "onnx":
            sampler = manifest.sampler.model_copy(update={"graph": name})
            lone = manifest.model_copy(update={"graphs": {name: entry}, "sampler": sampler, "goldens": None})
            append_metadata(folder / entry.file, METADATA_KEY, lone.to_json(indent=None))
        graphs[name] = entry.model_copy(update={"sha256": sha256_file(folder / entry.file)})
    goldens = manifest.goldens
    if goldens:
        goldens = goldens.model_copy(update={"sha256": sha256_file(folder / goldens.file)})
    sealed = manifest.model_copy(update={"graphs": graphs, "goldens": goldens})
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
        raise ArtifactError(f"{where} is not JSON: {err}.") from err
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
