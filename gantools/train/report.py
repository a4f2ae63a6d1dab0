"""The page of a run: ``report.html`` and the curves in ``curves/``, drawn from the run's own files alone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from gantools.core.atomic import write_atomic
from gantools.media.grid import png_bytes
from gantools.media.plots import Line, line_plot
from gantools.train.checkpoint import BEST, figure_text
from gantools.train.log import LOG, SAMPLES, read_lines
from gantools.train.run import RECIPE
from gantools.train.story import ENVIRONMENT, EVENTS
from gantools.train.text_quality import HELD_OUT, LEARNED

REPORT, CURVES = "report.html", "curves"
_NOT_LOSSES = {"step", "attempt", "samples/s", "learning_rate", "kid", "kid_low", "kid_high", "variance", "rank"}
_NOT_LOSSES |= {"psnr", "psnr_low", "psnr_high", "psnr_given"}
_POINTS = 1000  # of a curve; more cannot be seen
_PICTURES = 3
_TEXTS = 10  # of each step that is shown

Lines = Sequence[Mapping[str, Any]]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1, h2 { font-weight: 600 } h2 { margin-top: 2rem; font-size: 1.1rem }
img { max-width: 100%; height: auto } .grid img { image-rendering: pixelated; max-height: 24rem }
figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top } figcaption { color: #666 }
table { border-collapse: collapse } td { padding: .15rem 1rem .15rem 0; vertical-align: top }
pre { background: #f6f6f6; padding: 1rem; overflow-x: auto } .texts { white-space: pre-wrap }
"""


def write_report(run: Path) -> None:
    """Draw the curves of a run and write its page; what the run does not have yet is left out."""
    lines, events = read_lines(run / LOG), read_lines(run / EVENTS)
    recipe, best = (_read(run / name) for name in (RECIPE, BEST))
    nats_of = HELD_OUT if recipe.get("evaluate", {}).get("held_out") else LEARNED
    curves = _curves(lines, [event["step"] for event in events if event.get("kind") == "roll-back"], nats_of)
    for name, png in curves.items():
        write_atomic(run / CURVES / f"{name}.png", png)
    parts = [
        f"<h1>{escape(str(recipe.get('name', run.name)))}</h1>",
        f"<p>{escape(_state(lines, recipe, best))}</p>",
        *(_image(png, name) for name, png in curves.items()),
        "<h2>Samples</h2>",
        *(_image(path.read_bytes(), path.stem, "grid") for path in _shown(run, best, "png")),
        *(_texts(path) for path in _shown(run, best, "txt")),
        "<h2>What happened</h2>",
        _table(
            (event.get("time", ""), event["step"], event.get("kind", ""), event.get("text", "")) for event in events
        ),
        "<h2>Environment</h2>",
        _table(_read(run / ENVIRONMENT).items()),
        f"<h2>Recipe</h2><pre>{escape(json.dumps(recipe, indent=2))}</pre>",
    ]
    head = f"<!doctype html><meta charset=utf-8><title>{escape(run.name)}</title><style>{_STYLE}</style>"
    write_atomic(run / REPORT, (head + "\n".join(parts)).encode())


def _curves(lines: Lines, marks: Sequence[float], nats_of: str) -> dict[str, bytes]:
    """PNG files by name. Roll-backs are marked; what they undid is pale."""
    scored = _thin([line for line in lines if "kid" in line])
    restored = _thin([line for line in lines if "psnr" in line])
    looked = _thin([line for line in lines if "learning_rate" in line])
    losses = dict.fromkeys(key for line in looked for key in line if key not in _NOT_LOSSES)
    x, at = [line["step"] for line in scored], [line["step"] for line in looked]

    def column(table: Lines, key: str) -> list[float]:
        return [line.get(key, float("nan")) for line in table]

    kid = Line("KID", x, column(scored, "kid"), column(scored, "kid_low"), column(scored, "kid_high"))
    steps = [line["step"] for line in restored]
    psnr = Line("made", steps, column(restored, "psnr"), column(restored, "psnr_low"), column(restored, "psnr_high"))
    variety = [Line(key, x, column(scored, key)) for key in ("variance", "rank")]
    plots = {
        "losses": ([Line(key, at, column(looked, key)) for key in losses], "Loss terms"),
        "kid": ([kid], "KID, lower is better"),
        "psnr": ([psnr, Line("given", steps, column(restored, "psnr_given"))], "PSNR in dB, higher is better"),
        "nats": ([Line("", x, column(scored, "nats"))], f"Nats of a token of {nats_of}"),
        "variety": (variety, "Variety of the samples, as a share of the real ones'"),
        "learning_rate": ([Line("", at, column(looked, "learning_rate"))], "Learning rate of the generator"),
        "speed": ([Line("", at, column(looked, "samples/s"))], "Samples per second"),
    }
    there = {"kid": scored, "psnr": restored, "variety": scored, "nats": [line for line in scored if "nats" in line]}
    shown = {name: plot for name, plot in plots.items() if there.get(name, looked)}
    return {
        name: png_bytes(line_plot(curves, title=title, marks=marks, logarithmic=name == "kid" and _spans(kid.y)))
        for name, (curves, title) in shown.items()
    }


def _spans(values: Sequence[float]) -> bool:
    """Whether only a logarithmic axis shows all of the values."""
    return min(values) > 0 and max(values) > 20 * min(values)


def _thin(lines: Lines) -> Lines:
    return lines[:: -(-len(lines) // _POINTS)] if lines else lines


def _shown(run: Path, best: Mapping[str, Any], suffix: str) -> list[Path]:
    """The first samples, those of the best checkpoint where there is one, and the newest ones."""
    found = sorted((run / SAMPLES).glob(f"step-*.{suffix}"), key=lambda path: path.stat().st_mtime_ns)
    of_best = [path for path in found if best and path.stem == f"step-{best['step']:08d}"]
    return list(dict.fromkeys([*found[:1], *of_best, *found[-_PICTURES + 1 :]]))


def _state(lines: Lines, recipe: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    done = lines[-1]["step"] if lines else 0
    steps = recipe.get("train", {}).get("steps", "?")
    told = f"; best: step {best['step']}, {figure_text(best)}" if best else ""
    return f"Step {done} of {steps}{told}."


def _image(png: bytes, caption: str, kind: str = "curve") -> str:
    """A picture within the page, so that the page can be sent by itself."""
    data = base64.b64encode(png).decode()
    picture = f'<img src="data:image/png;base64,{data}">'
    return f"<figure class={kind}>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def _texts(path: Path) -> str:
    """The first texts of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()[:_TEXTS]
    return f"<h3>{escape(path.stem)}</h3><pre class=texts>{escape(chr(10).join(lines))}</pre>"


def _table(rows: Iterable[Sequence[Any]]) -> str:
    cells = ("".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return content
