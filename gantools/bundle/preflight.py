"""What would become of an artifact on a Jetson, said on a desktop: by documented rules, without a device.

Sources, all of the TensorRT documentation: "Working with DLA" (11.4.1: DLA on Jetson AGX Orin from JetPack 7.2.2;
JetPack 6 stays with TensorRT 10, of which 10.7 was the last with DLA; Thor has no DLA), "Migrating trtexec Usage from
TensorRT 10.x to 11.x" (no precision flags: types of the graph decide), and the operators' reference.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from gantools.bundle.dla import refusal
from gantools.bundle.source import Source
from gantools.core.optional import require
from gantools.core.registry import unknown_name

Place = Literal["dla", "gpu", "nowhere"]
TARGETS = ("jetson-orin", "jetson-thor", "dla")
_MOST_SORTED = 3840
"""Values that TensorRT's TopK gives at most."""


@dataclass(frozen=True)
class Layer:
    """Where one operation of the graph would run.

    Attributes:
        name: In the graph.
        kind: Of operation.
        place: ``nowhere``: TensorRT refuses it.
        reason: Why it is not on DLA, or nowhere; empty where nothing speaks against it.
    """

    name: str
    kind: str
    place: Place
    reason: str = ""


@dataclass(frozen=True)
class Preflight:
    """What rules say of an artifact and a target.

    Attributes:
        target: In ``TARGETS``.
        layers: In the order of the graph; those that compute nothing but shapes are left out.
        notes: What is to be done or known, one sentence each.
    """

    target: str
    layers: tuple[Layer, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether all of it would run, wherever."""
        return all(layer.place != "nowhere" for layer in self.layers)

    def count(self) -> dict[str, int]:
        """Place -> layers."""
        found = Counter[str](layer.place for layer in self.layers)
        return {place: found[place] for place in ("dla", "gpu", "nowhere")}

    def loadables(self) -> int:
        """Stretches of layers on DLA, in the order of the graph: each becomes a loadable, of which a core holds 16."""
        places = [layer.place for layer in self.layers]
        return sum(one == "dla" and before != "dla" for before, one in zip(["gpu", *places], places, strict=False))


def preflight(source: Source, target: str) -> Preflight:
    """Read the main graph of an artifact by the rules of a target.

    Args:
        source: It.
        target: In ``TARGETS``.

    Raises:
        UnknownNameError: No such target.
        MissingDependencyError: onnx-ir is not installed.
    """
    if target not in TARGETS:
        raise unknown_name("target of a preflight", target, list(TARGETS))
    ir = require("onnx_ir", extra="optimize", why="to read the layers of a graph")
    from gantools.optimize.shapes import at_sizes  # needs onnx_ir

    model = at_sizes(ir.load(source.model), source.graph.spec, {"batch": 1} if target == "dla" else None)
    only_sizes = _only_sizes(model)
    typed_fp32 = source.graph.precision == "fp32"  # then all is, and told in a note
    layers = [
        _placed(node, target, typed_fp32)
        for node in model.graph
        if node not in only_sizes and node.op_type != "Constant"
    ]
    return Preflight(target, tuple(layers), (*_notes(source, target), *_last_words(layers, target)))


def _placed(node: object, target: str, typed_fp32: bool) -> Layer:
    import onnx_ir as ir

    assert isinstance(node, ir.Node)
    name = node.name or str(node.outputs[0].name)
    if reason := _nowhere(node):
        return Layer(name, node.op_type, "nowhere", reason)
    if target != "dla":
        return Layer(name, node.op_type, "gpu")
    reason = refusal(node) or _wrong_type(node, typed_fp32)
    return Layer(name, node.op_type, "gpu" if reason else "dla", reason)


def _wrong_type(node: object, typed_fp32: bool) -> str:
    import onnx_ir as ir

    assert isinstance(node, ir.Node)
    wrong = {ir.DataType.BFLOAT16: "bf16"} | ({} if typed_fp32 else {ir.DataType.FLOAT: "fp32"})
    found = wrong.get(node.outputs[0].dtype) if node.outputs[0].dtype else None
    return f"{found}, and DLA computes in fp16 and int8" if found else ""


def _nowhere(node: object) -> str:
    """Why TensorRT does not take an operation; only what is documented or was met."""
    import onnx_ir as ir

    from gantools.optimize.rewrites.reading import constant

    assert isinstance(node, ir.Node)
    if node.op_type.startswith("Random") or node.op_type in ("Multinomial", "Bernoulli"):
        return "TensorRT ignores its seed: noise has to be an input"
    if node.op_type == "TopK" and len(node.inputs) > 1 and (count := constant(node.inputs[1])) is not None:
        wanted = int(count.reshape(-1)[0])
        return f"sorts {wanted} values, and TensorRT at most {_MOST_SORTED}" if wanted > _MOST_SORTED else ""
    if node.domain not in ("", "ai.onnx"):
        return f"is of the domain '{node.domain}', which TensorRT does not know"
    return ""


def _only_sizes(model: object) -> set[object]:
    """Nodes whose values are only ever shapes, which TensorRT computes while it builds or on the host."""
    import onnx_ir as ir

    assert isinstance(model, ir.Model)
    found: set[object] = set()
    for node in reversed(list(model.graph)):
        uses = [use for output in node.outputs for use in output.uses()]
        shown = any(output.is_graph_output() for output in node.outputs)
        sizes_alone = bool(uses) and all(use.node in found or _is_size(use.node.op_type, use.idx) for use in uses)
        if node.op_type == "Shape" or (sizes_alone and not shown):
            found.add(node)
    return found


def _is_size(kind: str, place: int) -> bool:
    return place > 0 and kind in ("Reshape", "Expand", "Resize", "Slice", "Tile", "Unsqueeze", "Squeeze", "Pad")


def _notes(source: Source, target: str) -> list[str]:
    spec, precision = source.graph.spec, source.graph.precision
    notes = []
    free = [name for name, limits in spec.axes.items() if limits.min != limits.max]
    if target == "dla" and free:
        sizes = ", ".join(f"{name} {1 if name == 'batch' else spec.axes[name].opt}" for name in free)
        notes.append(
            f"DLA has no dynamic dimensions: build.sh --dla builds for {sizes}, and this was read at that size."
        )
    if target == "dla" and precision == "fp32":
        notes.append(
            "Its types are fp32, and DLA computes in fp16 and int8: this holds after 'optimize --precision fp16'."
        )
    if target == "dla" and precision == "bf16":
        notes.append("DLA does not compute in bf16: make the artifact in fp16.")
    if target == "dla" and precision == "int8":
        notes.append(
            "TensorRT 10 takes no quantized (Q/DQ) layers to DLA; TensorRT 11.4 on JetPack 7.2.2 reads their types."
        )
    if target == "jetson-thor":
        notes.append("Thor has no DLA; everything runs on its GPU.")
    if target != "dla" and precision == "fp32":
        notes.append(
            "It computes in fp32: TensorRT 11 has no precision flags, and fp16 is made by 'optimize --precision fp16'."
        )
    return notes


def _last_words(layers: list[Layer], target: str) -> list[str]:
    told = Preflight(target, tuple(layers), ())
    notes = []
    if target == "dla" and told.loadables() > 16:
        notes.append(f"The graph falls into {told.loadables()} loadables, and a DLA core holds 16.")
    notes.append("By documented rules alone: nothing was built or run on a device.")
    return notes
