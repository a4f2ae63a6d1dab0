"""``gantools verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.cli.options import ArtifactPath, Backend, Device, Json, Threads
from gantools.cli.output import emit_json, show_table, watching

if TYPE_CHECKING:
    from gantools.core.proof import Parity
    from gantools.verify.oracles import OracleResult
    from gantools.verify.parity import Difference
    from gantools.verify.report import GraphReport


def command(
    artifact: ArtifactPath,
    against: Annotated[
        Path | None, typer.Option(help="Another artifact to compare outputs with, usually the parent.")
    ] = None,
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Prove that an artifact is still its generator.

    Compares outputs and golden samples, checks self-consistency, and attests the precision really computed in.
    """
    from gantools.core.artifact import load_artifact
    from gantools.runtime.session import Where
    from gantools.verify.report import verify

    other = load_artifact(against) if against else None
    with watching() as watch:
        report = verify(load_artifact(artifact), other, Where(backend, device, threads), on_event=watch)
    if json:
        emit_json(report.model_dump(mode="json"))
    else:
        rows = [row for graph in report.graphs for row in _rows(graph)]
        rows += [["texts", f"loss of {loss.metric}", _word(loss.ok), f"{loss}"] for loss in report.losses]
        show_table(f"{artifact}: {report.verdict}", ["graph", "check", "holds", "found"], rows)
    report.raise_if_failed()


def _rows(graph: GraphReport) -> list[list[str]]:
    rows = [[graph.graph, "run", "not run", graph.not_run]] if graph.not_run else []
    if parity := graph.parity:
        found = f"{_found(parity)}, batch {', '.join(map(str, parity.batch_sizes))}"
        rows.append([graph.graph, f"parity with {parity.source}", _word(parity.max_abs <= parity.limit), found])
    rows += [[graph.graph, oracle.name, _word(oracle.ok), _found(oracle)] for oracle in graph.oracles]
    if proof := graph.attestation:
        rows.append([graph.graph, f"precision, by {proof.source}", _word(proof.ok), str(proof)])
    if goldens := graph.goldens:
        rows.append([graph.graph, "golden samples", _word(goldens.ok), _found(goldens)])
    return rows


def _found(difference: Parity | OracleResult | Difference) -> str:
    return f"max {difference.max_abs:.3g}, limit {difference.limit:.3g}"


def _word(ok: bool) -> str:
    return "yes" if ok else "NO"
