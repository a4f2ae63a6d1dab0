"""``gantools compare``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.cli.options import Json
from gantools.cli.output import emit_json, say, show_table, watching

if TYPE_CHECKING:
    from gantools.verify.clips import Curve


def command(
    reference: Annotated[
        Path,
        typer.Argument(metavar="REFERENCE", help="The clip as it should be: a video, a picture, or a folder of them."),
    ],
    made: Annotated[Path, typer.Argument(metavar="OUT", help="The clip that is judged, of the same size.")],
    metrics: Annotated[
        str,
        typer.Option(
            help="Of psnr, ssim (each also -rgb and -stored), tof, warping, flicker and vmaf, with commas between."
        ),
    ] = "psnr,ssim",
    crop: Annotated[int, typer.Option(min=0, help="Pixels to leave out at each edge.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="A picture of the values over frames, such as curves.png; none: no picture.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure a clip against the clip that it should be: pixels, movement and flicker, frame by frame.

    Values are means over frames with 95 % intervals.
    """
    from gantools.media.pictures import Picture, check_suffix, write_picture
    from gantools.verify.clips import compare_clips, curves_picture

    if out is not None:
        check_suffix(out)
    with watching() as watch:
        found = compare_clips(reference, made, [one.strip() for one in metrics.split(",")], crop=crop, on_event=watch)
    if out is not None:
        pixels = curves_picture(found)
        write_picture(out, pixels, Picture(pixels))
    if json:
        document = asdict(found)
        for row, curve in zip(document["curves"], found.curves, strict=True):
            row["worst"] = curve.worst
        emit_json(document)
        return
    columns = ["metric", "value", "better", "worst frame", "protocol"]
    show_table("", columns, [_row(curve) for curve in found.curves])
    say(f"{found.frames} frames of {found.width}x{found.height} pixels" + (f"; {out}" if out is not None else ""))


def _row(curve: Curve) -> list[str]:
    value = "none" if curve.mean is None else f"{curve.mean:.4g} {curve.unit}".strip()
    if curve.low is not None and curve.high is not None:
        value += f" [{curve.low:.4g}, {curve.high:.4g}]"
    worst = "" if curve.worst is None else f"{curve.worst}: {curve.values[curve.worst]:.4g}"
    return [curve.metric, value, "higher" if curve.higher_is_better else "lower", worst, curve.protocol]
