"""``gantools optimize``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.cli.options import Json
from gantools.cli.output import emit_json, for_shell, same_command, say, show_table, watching

if TYPE_CHECKING:
    from gantools.optimize.contest import Outcome
    from gantools.optimize.search import SearchReport

AUTO = "auto"
COLUMNS = ("candidate", "median ms", "samples/s", "MiB", "computed", "faster than exported", "loss, or why it is out")


def command(
    artifact: Annotated[
        Path, typer.Argument(metavar="ART", help="An artifact folder, or any .onnx file that makes images.")
    ],
    target: Annotated[str, typer.Option(help="onnxruntime, openvino, tensorrt-rtx, tensorrt, or auto: the fastest.")],
    out: Annotated[Path, typer.Option(help="The artifact folder to write.")],
    precision: Annotated[
        str, typer.Option(help="fp32, fp16, bf16, int8, or auto: the least bits of a float the device has, else fp32.")
    ] = "fp32",
    rewrite: Annotated[
        bool, typer.Option(help="Put exact rewrites in place, each layer in the form that is fastest by measurement.")
    ] = True,
    device: Annotated[str | None, typer.Option(help="Where it shall run: cpu, cuda or cuda:N.")] = None,
    axis: Annotated[
        list[str] | None, typer.Option(metavar="NAME=MIN:OPT:MAX[:STEP]", help="Limits of a dynamic axis; repeatable.")
    ] = None,
    max_loss: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=MOST",
            help="Quality that may be lost: kid=0.001, levels=0.5, of texts nats=0.01, bleu-4=0.01; repeatable.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Real images or texts, for metrics that compare with them; of a network that takes images, what it "
            "should make of them; of one that writes, texts to score instead of its own."
        ),
    ] = None,
    extractor: Annotated[
        str | None, typer.Option(help="Feature extractor; none: efficientnet-lite0 of images, ngrams of texts.")
    ] = None,
    samples: Annotated[int, typer.Option(min=40, help="Pairs of samples a loss is measured on.")] = 2000,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="With --target auto: begin nothing after so long, such as 90s or 5m."),
    ] = None,
    input_range: Annotated[
        str | None,
        typer.Option(metavar="BLACK..WHITE", help="Of a foreign .onnx: the values of pixels it takes, such as 0..1."),
    ] = None,
    output_range: Annotated[
        str | None,
        typer.Option(metavar="BLACK..WHITE", help="Of a foreign .onnx: of those it makes; as it takes, or -1..1."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="NAME=ROLE",
            help="Of a foreign .onnx: image, normal, uniform, category:COUNT or LOW:DEFAULT:HIGH; repeatable.",
        ),
    ] = None,
    output: Annotated[str | None, typer.Option(help="Of a foreign .onnx: the output that is the image.")] = None,
    calibrate: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Of a foreign .onnx that takes images: such images.")
    ] = None,
    json: Json = False,
    compute_capability: Annotated[
        list[str] | None, typer.Option(help="NVIDIA compute capability to compile for, such as 8.9; repeatable.")
    ] = None,
) -> None:
    """Make an artifact for one runtime and precision, or for the fastest of all within --max-loss.

    It is verified against its parent before it appears.
    """
    from gantools.cli.foreign import Said, opened, yardstick_of
    from gantools.cli.options import parse_axes, parse_settings, parse_time
    from gantools.core.errors import RecipeError
    from gantools.optimize.optimize import optimize, optimize_or_fall_back
    from gantools.optimize.plan import plan_from
    from gantools.optimize.search import search

    if target == AUTO and precision != "fp32":
        raise RecipeError("--target auto tries every precision.", hint="leave --precision out, and give --max-loss")
    if target != AUTO and budget is not None:
        raise RecipeError("--budget is the time of a search.", hint="use it with --target auto")
    seconds = None if budget is None else parse_time(budget, "--budget")
    said = Said(input_range, output_range, tuple(inputs or ()), output, calibrate)
    axes = parse_axes(axis or [])
    options = {
        "target": target,
        "precision": precision,
        "rewrite": "measured" if rewrite else "off",
        "device": device,
        "axes": axes,
        "max_loss": parse_settings(max_loss, "--max-loss", "kid=0.001"),
        "samples": samples,
        "compute_capabilities": tuple(compute_capability or ()),
    }
    plan = plan_from(options)
    with watching() as watch:
        parent = opened(artifact, said, axes, out, data, watch)
        yardstick = yardstick_of(parent, plan, said, data, extractor, watch)
        if target == AUTO:
            try:
                made, report = search(parent, plan, out, watch, yardstick=yardstick, seconds=seconds)
            except KeyboardInterrupt:
                say(f"stopped. What was made is kept. Go on with: {same_command()}")
                raise typer.Exit(130) from None
        else:
            make = optimize_or_fall_back if precision == AUTO else optimize
            made, report = make(parent, plan, out, watch, yardstick=yardstick), None
    if report is not None:
        _show(report, out)
    losses = made.manifest.steps[-1].losses
    for loss in losses:
        say(f"{loss}.")
    if json:
        found = {"artifact": str(out), "digest": made.digest, "losses": [loss.model_dump() for loss in losses]}
        emit_json(found | ({"search": report.model_dump()} if report else {}))
    elif report is not None:
        show_table("", COLUMNS, [_row(one, report.chosen) for one in report.outcomes])
        say("> chosen for its latency, * none is as good in latency, throughput, size and loss together")
    after = for_shell("gantools", "verify", out, "--against", parent.path)
    say(f"{out}: digest {made.digest[:12]}. Next: {after}")


def _row(outcome: Outcome, chosen: str) -> list[str]:
    faster = f"{outcome.faster.value:.2f}x" if outcome.faster else ""
    if outcome.faster and outcome.faster.interval:
        faster += " ({:.2f} to {:.2f})".format(*outcome.faster.interval)
    measured = ["", "", "", ""]
    if outcome.p50_ms is not None:
        computed = ", ".join(f"{share:.0%} {name}" for name, share in sorted(outcome.computed.items()))
        size = f"{(outcome.bytes or 0) / 2**20:.1f}"
        rate = f"{outcome.samples_per_s:.4g}" + (f" ({outcome.streams} streams)" if outcome.streams > 1 else "")
        measured = [f"{outcome.p50_ms:.3g}", rate, size, computed]
    lost = "; ".join(f"{one.metric} {one.loss:.2g} (up to {one.interval[1]:.2g})" for one in outcome.losses)
    mark = ("> " if outcome.name == chosen else "") + ("* " if outcome.on_front else "")
    return [f"{mark}{outcome.name}", *measured, faster, outcome.rejected or lost]


def _show(report: SearchReport, out: Path) -> None:
    """A picture of what every candidate costs in time and quality, beside the report in the artifact's folder."""
    from gantools.core.atomic import write_atomic
    from gantools.media.grid import png_bytes
    from gantools.media.plots import Line, line_plot

    judged = [one for one in report.outcomes if one.p50_ms is not None and one.losses]
    # In their runtimes' own settings, and as it was chosen: settings lie close to each other.
    drawn = [one for one in judged if ", " not in one.name or one.name == report.chosen]
    if drawn:
        first = drawn[0].losses[0].metric
        title = f"{first} lost over milliseconds of a run at batch {report.batch}, with its interval"
        lines = []
        for one in drawn:
            (low, high), at = one.losses[0].interval, one.p50_ms or 0.0
            lines.append(Line(one.name, [at], [one.losses[0].loss], [low], [high]))
        front = sorted((one.p50_ms or 0.0, one.losses[0].loss) for one in judged if one.on_front)
        lines.append(Line("front", [x for x, _ in front], [y for _, y in front]))
        write_atomic(out / "search.png", png_bytes(line_plot(lines, title=title)))
