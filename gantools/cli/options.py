"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.core.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gantools.core.artifact import Artifact
    from gantools.core.spec import AxisRange

ArtifactPath = Annotated[
    Path, typer.Argument(metavar="ART", help="An artifact folder, or a lone .onnx that gantools wrote.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Backend = Annotated[str | None, typer.Option(help="A runtime other than the artifact's own.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads for one run.")]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Of images: a .png for one grid, a .npy for the array, or a folder for one PNG each; none: a .png here. "
        "Of texts: a .jsonl, or a file with one a line; none: standard output."
    ),
]
Scale = Annotated[int, typer.Option(min=1, max=16, help="Enlarge each pixel to a square of this size.")]
Batch = Annotated[int | None, typer.Option(min=1, help="Samples in one run of the graph.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting, such as truncation=0.7; repeatable.")
]

Ray = Annotated[
    str | None,
    typer.Option(metavar="local|HOST:PORT", help="Do it on a Ray cluster, or on one that is started on this machine."),
]
SelfEnsemble = Annotated[
    bool,
    typer.Option("--self-ensemble", help="The mean over eight turned and mirrored views: closer, in 8 times the time."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what --ray would do and an estimate; nothing is made.")]
Machines = Annotated[int | None, typer.Option(min=1, help="Of --dry-run: machines like this one; none: 1.")]
Price = Annotated[float | None, typer.Option(min=0, help="Of --dry-run: what a machine costs an hour.")]


AT_ONCE = 10_000_000
"""The most numbers of an option that one process holds: beyond it nobody waits for the end, and memory has one."""

_NO_LINES = (".gif", ".jpeg", ".jpg", ".npy", ".npz", ".pdf", ".png", ".webp")
_NO_FOLDER = (
    ".bmp",
    ".gif",
    ".jpeg",
    ".jpg",
    ".json",
    ".jsonl",
    ".mp4",
    ".npz",
    ".pdf",
    ".tif",
    ".tiff",
    ".txt",
    ".webp",
)


def check_out(out: Path | None, modality: str) -> None:
    """Refuse a name that says another kind of file than would be written.

    Args:
        out: As ``Out`` describes it.
        modality: What the artifact makes.

    Raises:
        RecipeError: Texts in a picture's file, or a folder that is called as a file of another kind.
    """
    suffix = out.suffix.lower() if out is not None else ""
    if modality == "text" and suffix in _NO_LINES:
        raise RecipeError(
            f"--out '{out}' would hold texts.", hint="give a .jsonl for seed and text, or a .txt with one a line"
        )
    if modality != "text" and (suffix in _NO_FOLDER or (out is not None and out.suffix in (".PNG", ".NPY"))):
        raise RecipeError(
            f"--out '{out}': images are not written as '{out and out.suffix}'.",
            hint="give a .png for one grid, a .npy for the array, or a folder for one PNG each",
        )


def check_pixels(artifact: Artifact, graph: str | None, out: Path) -> None:
    """Refuse pictures of what is none.

    Args:
        artifact: Of images.
        graph: Which of its graphs is run; none: the main one.
        out: As ``Out`` describes it.

    Raises:
        RecipeError: The graph gives something else than uint8, which ``.npy`` alone holds.
    """
    entry = artifact.graph(graph)[1]
    dtype = entry.spec.outputs[0].dtype
    if dtype != "uint8" and out.suffix != ".npy":
        raise RecipeError(
            f"graph '{graph}' gives {dtype}, which no picture holds.", hint="give --out a .npy, or leave --graph out"
        )


def parse_ints(text: str, option: str) -> list[int]:
    """Read ``"0-3,8"`` as [0, 1, 2, 3, 8].

    Raises:
        RecipeError: Not a list of numbers and ranges, or more than ``AT_ONCE``.
    """
    numbers: list[int] = []
    try:
        for part in text.split(","):
            low, dash, high = part.partition("-")
            if dash and len(numbers) + int(high) - int(low) >= AT_ONCE:
                raise RecipeError(f"{option} '{text}' are more than {AT_ONCE:,} numbers.", hint="give fewer at once")
            numbers.extend(range(int(low), int(high) + 1) if dash else [int(low)])
    except ValueError:
        numbers = []
    if not numbers:
        raise RecipeError(f"{option} takes numbers and ranges such as 0-63 or 1,16, got '{text}'.")
    return numbers


def parse_seeds(text: str, most: int = 2**40) -> Sequence[int]:
    """Read ``--seeds`` as ``parse_ints`` does; one range, which may be of millions, stays a range.

    Raises:
        RecipeError: As ``parse_ints``.
    """
    low, _, high = text.partition("-")
    if low.isdecimal() and high.isdecimal() and 0 <= int(high) - int(low) < most:
        return range(int(low), int(high) + 1)
    return parse_ints(text, "--seeds")


def parse_axes(texts: list[str]) -> dict[str, AxisRange]:
    """Read ``["batch=1:16:64"]``, or with a step ``["height=64:256:1024:8"]``.

    Raises:
        RecipeError: Not NAME=MIN:OPT:MAX[:STEP], not in order, or no multiples of the step.
    """
    from gantools.core.spec import AxisRange

    axes = {}
    for text in texts:
        name, _, limits = text.partition("=")
        try:
            axes[name] = AxisRange.parse(limits)
        except ValueError as err:
            raise RecipeError(
                f"--axis takes NAME=MIN:OPT:MAX[:STEP] with 1 <= MIN <= OPT <= MAX, got '{text}'.",
                hint="for example --axis batch=1:16:64, or --axis height=64:256:1024:8 for multiples of 8",
            ) from err
    return axes


def parse_settings(texts: list[str] | None, option: str = "--set", example: str = "truncation=0.7") -> dict[str, float]:
    """Read ``["truncation=0.7"]``.

    Raises:
        RecipeError: Not NAME=VALUE with a number.
    """
    settings = {}
    for text in texts or []:
        name, _, value = text.partition("=")
        try:
            settings[name] = float(value)
        except ValueError as err:
            raise RecipeError(
                f"{option} takes NAME=VALUE with a number, got '{text}'.", hint=f"for example {option} {example}"
            ) from err
    return settings


def parse_time(text: str, option: str) -> float:
    """Read ``"90s"``, ``"5m"``, ``"1h"`` or ``"90"`` as seconds.

    Raises:
        RecipeError: No such time, or none above 0.
    """
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise RecipeError(f"{option} takes a time such as 90s, 5m or 1h, got '{text}'.")
    return seconds
