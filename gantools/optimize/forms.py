"""Which form every site of a graph gets: the fastest in the runtime that will run it, by measurement, and remembered.

Each site is cut out of the graph at the sizes it is tuned for, with the element-wise operations that follow it, because
runtimes fuse them with some forms and not with others. It is timed as it was found and in every form, interleaved. What
is remembered does not depend on weights, so another model with the same layers, and the next run, need no measurement.

Where the runtime cannot run here, the form with the fewest products is taken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import onnx_ir as ir
from onnx_ir.passes import common

from gantools.core.atomic import write_atomic
from gantools.core.cache import user_cache
from gantools.core.errors import ArtifactError
from gantools.core.events import Note, OnEvent, ignore
from gantools.core.spec import GraphSpec
from gantools.optimize.multiply_adds import multiply_adds
from gantools.optimize.race import Runtime, copied, fastest
from gantools.optimize.rewrites import REWRITES
from gantools.optimize.rewrites.reading import is_op
from gantools.optimize.rewrites.site import Rewrite, Site, apply
from gantools.optimize.rewrites.tidy import tidy
from gantools.optimize.shapes import at_sizes
from gantools.timing.environment import default_threads, environment

Forms = dict[str, dict[str, str]]
"""Rewrite -> name of a site -> its form. Sites that stay as they are have no entry."""

FOUND = "as found"
_FOLLOWERS = ("Relu", "LeakyRelu", "PRelu", "Clip", "Tanh", "Sigmoid", "Add", "Mul")
_MOST_FOLLOWERS = 3


def rewritten(
    model: ir.Model, spec: GraphSpec, runtime: Runtime, known: Forms | None = None, on_event: OnEvent = ignore
) -> tuple[ir.Model, Forms]:
    """A model in its fastest forms.

    Args:
        model: Fp32; tidied and changed in place.
        spec: Its interface; it is timed with every axis at its ``opt``.
        runtime: Who will run it.
        known: Forms that were chosen before; none: choose.
        on_event: Who watches.

    Returns:
        The model and its forms, with which it can be made again. Where all forms together are slower than the model
        was, though each by itself was faster, it is the model with those alone that always pay.
    """
    tidy(model)
    if known is not None:
        return put_forms(model, known), known
    forms = choose_forms(model, spec, runtime, on_event)
    sure = {name: sites for name, sites in forms.items() if REWRITES.load(name).always_pays}
    if sure != forms and runtime.is_here:
        whole = {name: put_forms(at_sizes(copied(model), spec), some) for name, some in ((FOUND, sure), ("all", forms))}
        if fastest(whole, "all", runtime) == FOUND:
            on_event(Note(f"the forms chosen for {runtime.backend} do not pay together, and are left out"))
            forms = sure
    return put_forms(model, forms), forms


def choose_forms(model: ir.Model, spec: GraphSpec, runtime: Runtime, on_event: OnEvent = ignore) -> Forms:
    """Decide for every site of a tidied model, which is not changed.

    Args:
        model: Tidied.
        spec: Its interface; sites are timed with every axis at its ``opt``.
        runtime: Who will run it.
        on_event: Who watches.
    """
    fixed = at_sizes(copied(model), spec)
    return _rewrite(fixed, partial(_judge, fixed, runtime, on_event))


def put_forms(model: ir.Model, forms: Mapping[str, Mapping[str, str]]) -> ir.Model:
    """Put chosen forms in place. The same model and forms give the same file."""
    _rewrite(model, lambda _, site: forms.get(site.rewrite, {}).get(site.name))
    return model


def _rewrite(model: ir.Model, choose: Callable[[Rewrite, Site], str | None]) -> Forms:
    """Apply all rewrites in their order; returns what was put where."""
    taken: Forms = {}

    def noted(rewrite: Rewrite, site: Site) -> str | None:
        form = choose(rewrite, site)
        if form is not None:
            taken.setdefault(site.rewrite, {})[site.name] = form
        return form

    for name in REWRITES:
        rewrite = REWRITES.load(name)
        apply(model, rewrite, partial(noted, rewrite))
    return taken


def _judge(model: ir.Model, runtime: Runtime, on_event: OnEvent, rewrite: Rewrite, site: Site) -> str | None:
    """The form of one site; None: it stays as it is."""
    if rewrite.always_pays:
        return next(iter(site.forms))
    pieces = _pieces(model, rewrite, site)
    if pieces is None:
        return None
    if not runtime.is_here:
        return _fewest_products(pieces)
    key = _key(site, pieces[FOUND], runtime)
    best = _remembered(key)
    if best not in (FOUND, *site.forms):
        on_event(Note(f"timing {len(pieces)} forms of {site.key} on {runtime.backend}"))
        best = fastest(pieces, FOUND, runtime)
        _remember(key, best, on_event)
    return None if best == FOUND else best


def _pieces(model: ir.Model, rewrite: Rewrite, site: Site) -> dict[str, ir.Model] | None:
    """The site alone with what follows it, as found and in every form; None where it cannot be cut out."""
    inside = set(site.nodes)
    given = dict.fromkeys(
        value
        for node in site.nodes
        for value in node.inputs
        if value is not None and value.producer() not in inside and not _is_constant(value)
    )
    last = _last_follower(site.nodes[-1])
    pieces: dict[str, ir.Model] = {}
    for form in (FOUND, *site.forms):
        try:
            graph = ir.convenience.extract(model.graph, list(given), [last])
        except ValueError:  # what follows needs something else, or the site is in a subgraph
            return None
        piece = ir.Model(graph, ir_version=model.ir_version)
        if form != FOUND:
            apply(piece, rewrite, lambda one, form=form: form if one.name == site.name else None)  # type: ignore[misc]
        common.ShapeInferencePass()(piece)
        pieces[form] = piece
    return pieces


def _is_constant(value: ir.Value) -> bool:
    return value.is_initializer() and not value.is_graph_input()


def _last_follower(node: ir.Node) -> ir.Value:
    """The value after the element-wise operations that only this node feeds."""
    value = node.outputs[0]
    for _ in range(_MOST_FOLLOWERS):
        users = [user for user, _ in value.uses()]
        if len(users) != 1 or value.is_graph_output() or not is_op(users[0], *_FOLLOWERS):
            break
        if any(one is not value and one is not None and not _is_constant(one) for one in users[0].inputs):
            break
        value = users[0].outputs[0]
    return value


def _fewest_products(pieces: Mapping[str, ir.Model]) -> str | None:
    try:
        counts = {form: multiply_adds(piece.graph) for form, piece in pieces.items()}
    except ValueError:
        return None
    best = min(counts, key=lambda form: counts[form])
    return best if counts[best] < counts[FOUND] else None


def _key(site: Site, piece: ir.Model, runtime: Runtime) -> str:
    """Everything that speed depends on, as one digest."""
    kinds = [node.op_type for node in piece.graph]
    shapes = [str(value.shape) for value in (*piece.graph.inputs, *piece.graph.outputs)]
    threads = runtime.threads or default_threads()
    facts: list[Any] = [site.key, sorted(site.forms), kinds, shapes]
    facts += [runtime.backend, runtime.device, runtime.precision, threads, _machine(runtime.backend)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@cache
def _machine(backend: str) -> list[Any]:
    """What of this machine decides which form is fastest."""
    known = environment()
    library = {name: version for name, version in known.libraries.items() if name.startswith(backend)}
    return [known.cpu, known.isa, known.gpus, library]


def _remembered(key: str) -> str | None:
    try:
        return (user_cache() / "forms" / key).read_text()
    except (OSError, UnicodeDecodeError, ArtifactError):
        return None


def _remember(key: str, form: str, on_event: OnEvent) -> None:
    try:
        write_atomic(user_cache() / "forms" / key, form.encode())
    except ArtifactError as err:
        on_event(Note(f"the fastest forms are not kept for the next time: {err}", "warning"))
