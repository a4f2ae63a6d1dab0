"""A graph on its way to a precision: rewritten, looked at on real inputs, typed, and written."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property
from pathlib import Path

import onnx_ir as ir

from gantools.core.artifact import METADATA_KEY, Artifact, GraphFile
from gantools.core.errors import ArtifactError, RecipeError
from gantools.core.events import OnEvent, ignore
from gantools.core.optional import require
from gantools.core.registry import unknown_name
from gantools.optimize.forms import Forms, rewritten
from gantools.optimize.multiply_adds import of_node
from gantools.optimize.passes import PASSES
from gantools.optimize.passes.casting import weighs
from gantools.optimize.passes.int8 import Quantization, quantize, rest_in_bf16
from gantools.optimize.passes.matrices import largest_inputs, put_scales
from gantools.optimize.passes.products import ends, others, products
from gantools.optimize.plan import Plan
from gantools.optimize.race import Runtime, copied
from gantools.optimize.ranges import overflowing
from gantools.optimize.shapes import at_sizes
from gantools.runtime.backends.base import Arrays
from gantools.verify.trials import examples_of, trial_inputs

CALIBRATED = 64  # seeds whose values are looked at, to know what a precision has to hold
_CALIBRATED_EDGE = 96  # pixels, where the size of images is free: pieces show the same values as whole ones


class Draft:
    """An fp32 graph in its fastest forms, of which typed files are written.

    Args:
        artifact: Holds the graph.
        name: Of the graph.
        plan: What to do.
        device: Where it will run.
        on_event: Who watches.

    Attributes:
        spec: Its interface, with the limits of the plan.
        forms: Which forms it has.
        products_alone: Whether only products get the precision, as of texts.

    Raises:
        ArtifactError: It is no fp32 ONNX.
        UnknownNameError: The plan names an axis that the graph has not.
    """

    def __init__(self, artifact: Artifact, name: str, plan: Plan, device: str, on_event: OnEvent = ignore) -> None:
        self.name = name
        path, self.entry = artifact.graph(name)
        if self.entry.format != "onnx" or self.entry.precision not in ("fp32", plan.precision):
            raise ArtifactError(
                f"graph '{name}' of '{artifact.path}' is {self.entry.precision} {self.entry.format}, "
                "optimize starts from fp32 onnx.",
                hint="give the artifact that 'gantools export' wrote",
            )
        self.artifact, self.plan, self.device = artifact, plan, device
        self.products_alone = artifact.manifest.modality == "text"
        self.spec = self.entry.spec
        for axis, limits in plan.axes.items():
            if axis not in self.spec.axes:
                raise unknown_name("axis of this graph", axis, list(self.spec.axes))
            self.spec = self.spec.with_axis(axis, limits)
        self.model = ir.load(path)
        ir.external_data.load_to_model(self.model)
        self.model.metadata_props.pop(METADATA_KEY, None)
        self.forms: Forms = {}
        if plan.rewrite != "off" and self.entry.precision == "fp32":
            runtime = Runtime(plan.target, device, plan.precision, plan.threads)
            known = (plan.forms or {}).get(name)
            self.model, self.forms = rewritten(self.model, self.spec, runtime, known, on_event)

    @cached_property
    def trials(self) -> list[Arrays]:
        """Real inputs, to see what values are like."""
        sampler, batch = self.artifact.manifest.sampler, self.spec.sizes("min").get("batch", 1)
        examples = examples_of(self.artifact)
        # What an image says of the values in a network, thousands of its pixels have said.
        count = CALIBRATED if sampler.image is None else min(CALIBRATED, 16 if examples is None else len(examples))
        sizes = {axis: limits.clamped(_CALIBRATED_EDGE) for axis, limits in self.spec.axes.items() if axis != "batch"}
        return [
            trial_inputs(self.spec, sampler, range(seed, seed + batch), sizes=sizes, examples=examples)
            for seed in range(0, count, batch)
        ]

    @cached_property
    def quantization(self) -> Quantization:
        """With every product in int8; worked out once, since all islands are cut from it."""
        if self.products_alone:
            return Quantization(self.model, put_scales(copied(self.model), self.largest))
        return quantize(self.model, self.trials)

    @cached_property
    def largest(self) -> dict[str, float]:
        """How large what each product takes becomes: in the main graph, which alone makes its own texts and states."""
        main, found = self.artifact.manifest.sampler.graph, largest_inputs(self.model, self.trials)
        return found if self.name == main else found | Draft(self.artifact, main, self.plan, self.device).largest

    @property
    def products(self) -> tuple[str, ...]:
        """Names of what can be quantized."""
        return tuple(str(node.name) for node in products(self.model))

    def work(self) -> dict[str, int]:
        """Multiply-adds of each product, at the sizes it is tuned for."""
        return {str(node.name): of_node(node) for node in products(at_sizes(copied(self.model), self.spec))}

    def islands(self) -> tuple[str, ...]:
        """What stays in fp32 as long as nothing more is known: what overflows fp16; in int8 the first and the last."""
        if self.plan.precision == "fp16" and self.entry.precision == "fp32":
            large = overflowing(self.model, self.trials)
            kept = {node.name for node in self.model.graph.all_nodes() if self.products_alone and not weighs(node)}
            return tuple(name for name in large if name not in kept)
        if self.products_alone:
            return ()
        return ends(self.model) if self.plan.precision == "int8" else ()

    def having(self, islands: tuple[str, ...]) -> tuple[str, ...]:
        """Islands that were found before, which are nodes of this model.

        Raises:
            RecipeError: There is no such node; another form renames what it replaces.
        """
        if missing := sorted(set(islands) - {str(node.name) for node in self.model.graph.all_nodes()}):
            raise RecipeError(
                f"the plan names '{missing[0]}' as an island, and no node of the rewritten graph is called so.",
                hint="give the plan the forms that the islands were found with",
            )
        return islands

    def write(self, path: Path, islands: Collection[str] = ()) -> GraphFile:
        """Write a typed ONNX file.

        Args:
            path: Of the file.
            islands: Nodes that do not get the plan's precision; in int8 those that cannot have it are added.

        Raises:
            PrecisionError: A constant does not fit the type, or an operation does not have it.
        """
        onnx = require("onnx", extra="optimize", why="to check the typed graph")
        precision = self.plan.precision
        model = copied(self.model)
        if precision == "int8":
            islands = {*islands, *others(model)}
        if precision == "int8" and set(self.products) - set(islands):
            model = self.quantization.sparing(islands)
            if self.plan.rest == "bf16":
                spared = set(islands) if self.products_alone else set(islands) - set(others(model))  # raced in fp32
                model = rest_in_bf16(model, spared, products_alone=self.products_alone)
        elif precision in ("fp16", "bf16") and self.entry.precision == "fp32":
            model = PASSES.load(precision)(model, islands, products_alone=self.products_alone)
        ir.save(model, path)
        onnx.checker.check_model(path, full_check=True)
        return GraphFile(
            file=path.name,
            format="onnx",
            precision=precision,
            spec=self.spec,
            device=self.device,
            islands=tuple(_in_order(self.model, islands)),
        )


def _in_order(model: ir.Model, names: Collection[str]) -> Iterable[str]:
    return (str(node.name) for node in model.graph.all_nodes() if node.name in names)
