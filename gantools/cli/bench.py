"""``gantools bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.cli.bench_compare import compare_command, schema_command
from gantools.cli.bench_results import check_outputs, show_report, write_outputs
from gantools.cli.default_command import DefaultCommandGroup
from gantools.cli.options import Device, Json, Threads, parse_ints
from gantools.cli.output import watching

if TYPE_CHECKING:
    from gantools.bench.target import BenchTarget
    from gantools.core.artifact import Artifact


def command(
    artifacts: Annotated[
        list[Path], typer.Argument(metavar="ART...", help="Artifacts to measure interleaved, in one run.")
    ],
    batch: Annotated[str, typer.Option(help="Batch sizes, such as 1,16.")] = "1,16",
    checkpoint: Annotated[
        Path | None, typer.Option(help="Also measure the network itself in PyTorch: a run folder or a checkpoint.")
    ] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="With --checkpoint: torch.compile as well.")] = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Also time seeds to samples, drawing the noise included.")
    ] = False,
    device: Device = None,
    threads: Threads = None,
    seconds: Annotated[
        float, typer.Option(min=0.01, help="Most seconds of measuring a variant at a batch size.")
    ] = 10.0,
    calls: Annotated[int, typer.Option(min=1, help="Calls to record if the seconds allow; 1000 support a p99.")] = 1000,
    out: Annotated[
        list[Path] | None,
        typer.Option(help="Also write a report: .html (self-contained), .md or .json by its name; repeatable."),
    ] = None,
    json: Json = False,
) -> None:
    """Measure sampling latency of artifacts.

    They are warmed up and run interleaved. Every value is kept; a percentile is stated where the count supports it.
    """
    from gantools.bench.latency import bench
    from gantools.bench.tables import precision_text
    from gantools.core.artifact import load_artifact
    from gantools.core.errors import PrecisionError
    from gantools.timing.measure import BenchPlan

    check_outputs(out or ())
    opened = {str(path): load_artifact(path) for path in artifacts}
    targets = _targets(opened, device, sample=sample)
    if checkpoint is not None:
        targets = [*checkpoint_targets(next(iter(opened.values())), checkpoint, compiled=compiled), *targets]
    plan = BenchPlan(batches=tuple(parse_ints(batch, "--batch")), max_seconds=seconds, min_calls=calls, threads=threads)
    with watching() as watch:
        report = bench(targets, plan, watch)
    write_outputs(out or (), "Sampling latency", report)
    if json:
        typer.echo(report.to_json(indent=2))
    else:
        show_report(report)
    if deviating := dict.fromkeys(f"{row.name}: {precision_text(row)}" for row in report.deviating):
        raise PrecisionError("not computed in the precision that was asked for:\n  " + "\n  ".join(deviating))
    if not any(row.ok for row in report.rows):
        raise typer.Exit(1)


def checkpoint_targets(artifact: Artifact, checkpoint: Path, *, compiled: bool) -> list[BenchTarget]:
    """The network behind an artifact, run by PyTorch eagerly and, if wished, compiled."""
    from gantools.bench.target import BenchTarget
    from gantools.runtime.session import Where

    modes = {"torch eager": "eager"} | ({"torch.compile": "compile"} if compiled else {})
    return [
        BenchTarget(name, artifact, where=Where(settings={"mode": mode}), checkpoint=checkpoint)
        for name, mode in modes.items()
    ]


def _targets(opened: dict[str, Artifact], device: str | None, *, sample: bool) -> list[BenchTarget]:
    from gantools.bench.target import BenchTarget
    from gantools.runtime.session import Where

    runs = [BenchTarget(name, artifact, where=Where(device=device)) for name, artifact in opened.items()]
    if not sample:
        return runs
    return runs + [
        BenchTarget(f"{name} (sample)", artifact, where=Where(device=device), span="sample")
        for name, artifact in opened.items()
    ]


app = typer.Typer(cls=DefaultCommandGroup, help=command.__doc__)
app.command(DefaultCommandGroup.DEFAULT, hidden=True)(command)
app.command("compare")(compare_command)
app.command("schema")(schema_command)
