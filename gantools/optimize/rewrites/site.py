"""What an exact rewrite finds in a graph, and how it is put in place.

A rewrite is asked of a node whether a ``Site`` ends there. A site names the forms that may stand there instead; each
computes the same sums of products, in another order or with fewer of them, so outputs change by rounding alone. Who
decides which form a site gets is no business of the rewrite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.passes import common

Form = Callable[["Builder"], ir.Value]
Choose = Callable[["Site"], str | None]
"""Site to the name of the form it gets; None: it stays as it is."""


@dataclass(frozen=True)
class Site:
    """A place where a rewrite fits.

    Attributes:
        rewrite: Name in the table of rewrites.
        nodes: What would be replaced, in order. The last one gives the value that every form gives.
        forms: By name, what may stand there.
        key: What its speed depends on: kinds, sizes and attributes, but no weights. Equal keys are equally fast.
    """

    rewrite: str
    nodes: tuple[ir.Node, ...]
    forms: Mapping[str, Form]
    key: str

    @property
    def name(self) -> str:
        """The value that it gives."""
        return str(self.nodes[-1].outputs[0].name)


@dataclass(frozen=True)
class Rewrite:
    """A row of the table of rewrites.

    Attributes:
        find: The site that ends at a node; none where the rewrite does not fit.
        always_pays: Whether every form is fewer or smaller operations of the same kinds, wherever it fits. What moves
            work to another kind of operation has to be measured instead.
    """

    find: Callable[[ir.Node], Site | None]
    always_pays: bool


class Builder:
    """Nodes and constants of a form; they take their names from the value that the form gives.

    Args:
        graph: Where they will be.
        name: Of that value.
        taken: Names that are used in the model already; those of the new ones are added.
    """

    def __init__(self, graph: ir.Graph, name: str, taken: set[str]) -> None:
        self.graph, self.name, self.taken = graph, name, taken
        self.nodes: list[ir.Node] = []

    def constant(self, value: npt.NDArray[np.generic], role: str) -> ir.Value:
        """A constant, registered in the graph."""
        name = self._unused(role)
        tensor = ir.tensor(np.asarray(value, order="C"), name=name)
        constant = ir.Value(
            name=name, shape=ir.Shape(value.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
        )
        self.graph.register_initializer(constant)
        return constant

    def op(self, kind: str, *inputs: ir.Value | None, **attributes: object) -> ir.Value:
        """A node; its one output."""
        name = self._unused(kind.lower())
        node = ir.node(kind, inputs, attributes=attributes, name=name)  # type: ignore[arg-type]
        node.outputs[0].name = name
        self.nodes.append(node)
        return node.outputs[0]

    def _unused(self, role: str) -> str:
        name, count = f"{self.name}.{role}", 1
        while name in self.taken:
            count += 1
            name = f"{self.name}.{role}{count}"
        self.taken.add(name)
        return name


def apply(model: ir.Model, rewrite: Rewrite, choose: Choose) -> int:
    """Put a form in place wherever a rewrite fits and one is chosen. The model is changed in place.

    Bodies of loops and branches stay as they are.

    Args:
        model: Its values have shapes where they can be inferred.
        rewrite: The rewrite.
        choose: Who decides. It is asked once for each value, so that forms of one another cannot go round in circles.

    Returns:
        How many sites were changed.
    """
    changed, asked, taken = 0, set[str](), _names(model)
    while True:
        before = changed
        for node in list(model.graph):
            site = rewrite.find(node) if node.graph is not None else None  # None: it was replaced a moment ago
            if site is None or site.name in asked:
                continue
            asked.add(site.name)
            form = choose(site)
            if form is not None:
                _replace(site, form, taken)
                changed += 1
        if changed == before:
            return changed
        common.RemoveUnusedNodesPass()(model)
        common.ShapeInferencePass()(model)


def _names(model: ir.Model) -> set[str]:
    graphs = (model.graph, *model.graph.subgraphs())
    names = {name for graph in graphs for name in graph.initializers}
    names.update(str(value.name) for graph in graphs for value in graph.inputs)
    for node in model.graph.all_nodes():
        names.update(str(name) for name in (node.name, *(value.name for value in node.outputs)))
    return names


def _replace(site: Site, form: str, taken: set[str]) -> None:
    last = site.nodes[-1]
    graph, old = last.graph, last.outputs[0]
    assert isinstance(graph, ir.Graph)
    builder = Builder(graph, str(old.name), taken)
    new = site.forms[form](builder)
    ir.convenience.replace_nodes_and_values(graph, last, site.nodes, builder.nodes, [old], [new])
