"""Was the graph computed in the precision that was asked for? Read from the runtime, never from the request.

Only layers that multiply and add count: they are where the time goes and where digits are lost. A runtime that does
not tell, or a graph without such layers, is an error and not a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from gantools.core.artifact import GraphFile, Precision
from gantools.core.errors import PrecisionError
from gantools.core.spec import Frozen
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session

_MOST_NAMED = 5
_OF_ISLANDS = {"fp32", "bf16"}


class Attestation(Frozen):
    """What a graph was asked to be computed in, and what it is computed in.

    Attributes:
        asked: What the manifest promises.
        source: ``runtime``: read from the opened graph; ``build``: counted in the typed network when it was compiled.
        computed: Precision -> share of the layers that multiply and add, 0..1.
        layers: How many layers multiply and add.
        time: Precision -> share of the time of all layers, 0..1, by the runtime's profiler; empty where it was not
            asked or does not tell.
        deviating: Those in another precision that are no islands: name, kind and precision as one text.
        islands: Parts of layer names that were meant to stay in another precision.
    """

    asked: Precision
    source: Literal["runtime", "build"]
    computed: dict[str, float]
    layers: int
    time: dict[str, float] = {}
    deviating: tuple[str, ...] = ()
    islands: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every layer outside the islands is computed in the asked precision, and there is one."""
        return self.computed.get(self.asked, 0.0) > 0 and not self.deviating

    def __str__(self) -> str:
        shares = ", ".join(f"{share:.0%} {precision}" for precision, share in sorted(self.computed.items()))
        time = ", ".join(f"{share:.0%} {precision}" for precision, share in sorted(self.time.items()))
        of_time = f"; of the time {time}" if time else ""
        return f"asked for {self.asked}, computed {shares or 'nothing'} ({self.layers} layers{of_time})"


def attest(session: Session, inputs: Arrays | None = None) -> Attestation:
    """Ask the runtime in what precision it computes an opened graph, as it will be run.

    Args:
        session: The graph.
        inputs: What to profile it on; none: time is not asked for.

    Raises:
        BackendError: The runtime does not tell.
    """
    layers = [layer for layer in session.layers() if layer.is_arithmetic]
    asked, islands = session.graph.precision, session.graph.islands
    strange = [
        layer for layer in layers if layer.precision != asked and not any(island in layer.name for island in islands)
    ]
    # A runtime may rename what it rearranges (OpenVINO does); then at least no more layers than there are islands.
    counts = Counter(layer.precision for layer in layers)
    if {layer.precision for layer in strange} <= _OF_ISLANDS and sum(counts[one] for one in _OF_ISLANDS) <= len(
        islands
    ):
        strange = []
    return Attestation(
        asked=asked,
        source="runtime",
        computed=_shares(counts),
        layers=len(layers),
        time=_shares((inputs and session.times_ms(inputs)) or {}),
        deviating=tuple(f"{layer.name} ({layer.kind}, {layer.precision})" for layer in strange),
        islands=islands,
    )


def attest_build(graph: GraphFile) -> Attestation | None:
    """What was recorded when a graph was compiled, for machines that cannot open it; None where nothing was recorded.

    The types of a strongly typed network bind the compiler, so they are worth keeping; they are still no measurement.
    """
    counts = graph.arithmetic_layers
    if not counts:
        return None
    return Attestation(
        asked=graph.precision,
        source="build",
        computed=_shares(counts),
        layers=sum(counts.values()),
        deviating=tuple(
            f"{count} layers ({precision})"
            for precision, count in counts.items()
            if precision != graph.precision and not (precision in _OF_ISLANDS and count <= len(graph.islands))
        ),
        islands=graph.islands,
    )


def check_precision(attestation: Attestation, name: str, hint: str | None = None) -> None:
    """Refuse a graph that is not computed in its asked precision.

    Args:
        attestation: What was found.
        name: The graph's name in its artifact.
        hint: What to do instead; none: a general one.

    Raises:
        PrecisionError: A layer deviates, or no layer multiplies and adds, so that nothing was attested.
    """
    if attestation.layers == 0:
        raise PrecisionError(
            f"graph '{name}' was asked for {attestation.asked}, and no layer of it multiplies and adds.",
            hint=hint or "'gantools inspect ART' prints the layers",
        )
    if not attestation.ok and not attestation.deviating:
        raise PrecisionError(
            f"graph '{name}': {attestation}: every layer is an island, whose values {attestation.asked} may not hold.",
            hint="use --precision bf16" + (", which has the range of fp32" if attestation.asked == "fp16" else ""),
        )
    if not attestation.ok:
        named = ", ".join(attestation.deviating[:_MOST_NAMED])
        more = len(attestation.deviating) - _MOST_NAMED
        raise PrecisionError(
            f"graph '{name}': {attestation}: {named}{f' and {more} more' if more > 0 else ''}.",
            hint=hint or "the runtime chose another precision; try another --target, or the precision that it computes",
        )


def _shares(counts: Mapping[str, float]) -> dict[str, float]:
    total = sum(counts.values())
    return {precision: count / total for precision, count in counts.items()}
