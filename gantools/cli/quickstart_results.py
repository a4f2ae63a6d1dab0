"""What ``gantools quickstart`` shows at its end: scores, speed, proofs, one table, one page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gantools.bench.latency import bench
from gantools.bench.report import Grid, precision_text, write_report
from gantools.bench.results import BenchReport
from gantools.bench.target import BenchTarget
from gantools.cli.bench_targets import checkpoint_targets
from gantools.core.artifact import Artifact
from gantools.core.atomic import write_atomic
from gantools.core.events import Note, OnEvent
from gantools.core.proof import MetricCard, Parity
from gantools.data import ImageSet, open_images
from gantools.media.grid import image_grid, png_bytes
from gantools.samplers import open_artifact
from gantools.timing.measure import BenchPlan
from gantools.verify.evaluate import evaluate, floor_cards
from gantools.verify.report import VerifyReport, verify

if TYPE_CHECKING:
    from gantools.train.checkpoint import Checkpoint

BATCHES = (1, 16)
COLUMNS = (
    "variant",
    "runs with",
    "computed in",
    *(f"p{percent} batch {batch}, ms" for batch in BATCHES for percent in (50, 99)),
    f"images/s, batch {BATCHES[-1]}",
    "KID [95 %]",
    "parity",
)
GRID_SEEDS = range(64)
EXTRACTOR = "digits-cnn"


@dataclass(frozen=True)
class Results:
    """Everything that was found.

    Attributes:
        artifacts: Name -> artifact, the exported one first.
        scores: Name -> metric cards of those that could be run here.
        floor: The metrics of one real half against the other.
        proofs: Name -> what was tried of the optimized ones.
        report: Latency.
        failed: Name -> why an optimization did not succeed.
        references: What was trained on and scored against.
        checkpoint: What was exported.
    """

    artifacts: Mapping[str, Artifact]
    scores: Mapping[str, tuple[MetricCard, ...]]
    floor: tuple[MetricCard, ...]
    proofs: Mapping[str, VerifyReport]
    report: BenchReport
    failed: Mapping[str, str]
    references: ImageSet
    checkpoint: Checkpoint

    @property
    def rows(self) -> list[list[str]]:
        """The table, one row for each variant that was measured."""
        names = dict.fromkeys(row.name for row in self.report.rows)
        return [self._row(name) for name in names]

    @property
    def notes(self) -> list[str]:
        """Sentences under the table: what did not happen, and what the KID is to be compared with."""
        lines = [f"{name}: failed: {reason}" for name, reason in self.failed.items()]
        lines += [
            f"{name}: {graph.precision} engine built, not run here: {graph.not_run}"
            for name, proof in self.proofs.items()
            for graph in proof.graphs
            if graph.not_run and graph.graph == self.artifacts[name].manifest.sampler.graph
        ]
        kid = self.floor[0]
        half = f"{kid.value:.4f} [{kid.interval[0]:.4f}, {kid.interval[1]:.4f}]"
        return [*lines, f"KID of one half of the real images against the other: {half}", *self.report.load.warnings]

    @property
    def next_commands(self) -> list[str]:
        """What to type next."""
        best = self.artifacts.get("digits-ov") or self.artifacts["digits"]
        return [
            f"gantools sample {best.path} --seeds 0-63 --out more.png",
            f"gantools inspect {best.path}",
            f"gantools train my.toml --out runs/mine   # begin with {Path('examples/01_image_gan/recipe.toml')}",
            f"python -c \"import gantools; print(gantools.open_artifact('{best.path}').sample(range(16)).shape)\"",
        ]

    @property
    def document(self) -> dict[str, Any]:
        """All of it as one JSON document."""
        return {
            "schema": 1,
            "checkpoint": {"step": self.checkpoint.step, "digest": self.checkpoint.digest},
            "artifacts": {name: {"path": str(a.path), "digest": a.digest} for name, a in self.artifacts.items()},
            "failed": dict(self.failed),
            "metrics": {name: [card.model_dump() for card in cards] for name, cards in self.scores.items()},
            "floor": [card.model_dump() for card in self.floor],
            "verify": {name: proof.model_dump(mode="json") for name, proof in self.proofs.items()},
            "bench": json.loads(self.report.to_json()),
        }

    def parity_of(self, name: str) -> Parity | None:
        """How far the main graph of a variant is from what it was made from."""
        artifact = self.artifacts.get(name)
        if artifact is None:
            return None
        main = artifact.manifest.sampler.graph
        if name in self.proofs:
            return next((graph.parity for graph in self.proofs[name].graphs if graph.graph == main), None)
        return next((p for step in artifact.manifest.steps for p in step.parity if p.graph == main), None)

    def _row(self, name: str) -> list[str]:
        rows = [self.report.row(name, batch) for batch in BATCHES]
        if not all(row.ok for row in rows):
            return [name, "", next(row.status for row in rows if not row.ok), *[""] * (len(COLUMNS) - 3)]
        first, last = rows[0], rows[-1]
        speeds = [_ms(value) for row in rows for value in (row.p50_ms, row.p99_ms)]
        cards = self.scores.get(name, ())
        kid = f"{cards[0].value:.4f} [{cards[0].interval[0]:.4f}, {cards[0].interval[1]:.4f}]" if cards else ""
        parity = self.parity_of(name)
        far = f"max {parity.max_abs:.0f}/255" if parity else "is the reference"
        throughput = f"{last.samples_per_s:,.0f}" if last.samples_per_s else ""
        return [name, f"{first.backend}, {first.device}", precision_text(first), *speeds, throughput, kid, far]


def collect(
    run: Path,
    checkpoint: Checkpoint,
    artifacts: Mapping[str, Artifact],
    failed: Mapping[str, str],
    data: str,
    seconds: float,
    watch: OnEvent,
) -> Results:
    """Verify, score and measure every artifact that can be run here.

    Args:
        run: The run folder.
        checkpoint: What was exported.
        artifacts: Name -> artifact, the exported one first.
        failed: Name -> why an optimization did not succeed.
        data: Source of the reference images.
        seconds: Most seconds of measuring a variant at a batch size.
        watch: Who watches.
    """
    parent = next(iter(artifacts.values()))
    proofs = {name: verify(artifact, parent) for name, artifact in artifacts.items() if artifact is not parent}
    runnable = {
        name: artifact
        for name, artifact in artifacts.items()
        if name not in proofs or proofs[name].verdict != "built, not run"
    }
    output = parent.manifest.image
    fit = parent.manifest.recipe["data"]["fit"]
    references = open_images(data, resolution=output.height, channels=output.channels, fit=fit)
    count = len(references.images)
    scores = {}
    for name, artifact in runnable.items():
        watch(Note(f"scoring {name} with {count} samples"))
        with open_artifact(artifact.path) as generator:
            made = generator.sample(range(count))
            scores[name] = evaluate(made, references, seeds=f"0-{count - 1}", extractor=EXTRACTOR)
    targets = checkpoint_targets(parent, run, compiled=False)
    targets += [BenchTarget(name, artifact) for name, artifact in runnable.items()]
    report = bench(targets, BenchPlan(batches=BATCHES, max_seconds=seconds), watch)
    return Results(
        artifacts, scores, floor_cards(references, extractor=EXTRACTOR), proofs, report, failed, references, checkpoint
    )


def write(out: Path, found: Results) -> Path:
    """Write the grid, the JSON document and the page; returns the page's path."""
    best = found.artifacts.get("digits-ov") or found.artifacts["digits"]
    with open_artifact(best.path) as generator:
        made = image_grid(generator.sample(GRID_SEEDS))
    origin = {"gantools.artifact": best.digest, "gantools.seeds": f"0-{GRID_SEEDS[-1]}"}
    grid = png_bytes(made, origin, scale=2)
    real = png_bytes(image_grid(found.references.images[: len(GRID_SEEDS)]), scale=2)
    write_atomic(out / "grid.png", grid)
    write_atomic(out / "quickstart.json", (json.dumps(found.document, indent=1) + "\n").encode())
    page = out / "report.html"
    cards = {**found.scores, "real half against real half": found.floor}
    write_report(
        page,
        title="gantools quickstart: handwritten digits",
        summary=f"A DCGAN trained on {len(found.references.images)} real digits, exported, optimized and measured.",
        facts=_facts(found),
        grids=[
            Grid(
                f"Generated: seeds 0-{GRID_SEEDS[-1]} of {best.manifest.name}, {best.path.name}",
                grid,
                "Generated digits",
            ),
            Grid("Real: the first images trained on", real, "Real digits"),
        ],
        bench=found.report,
        cards=cards,
        curves=_curves(found.checkpoint.folder.parent.parent),
        verify=found.proofs,
        commands=[f"gantools quickstart --out {out}"],
    )
    return page


def _facts(found: Results) -> dict[str, str]:
    """Four figures to begin with."""
    measured = [row for row in found.report.rows if row.ok and row.batch == 1]
    fastest = min(measured, key=lambda row: row.p50_ms or float("inf"), default=None)
    facts = {"Best checkpoint": f"step {found.checkpoint.step}"}
    if fastest and fastest.p50_ms:
        facts["Fastest at batch 1"] = f"{fastest.p50_ms:.2f} ms ({fastest.name})"
        faster = {one.name: one.faster.value for one in found.report.comparisons if one.batch == 1}
        if fastest.name in faster and not found.report.load.warnings:
            facts["Against torch eager"] = f"{faster[fastest.name]:.1f}x"
    if cards := found.scores.get("digits"):
        facts["KID"] = f"{cards[0].value:.4f}"
    return facts


def _curves(run: Path) -> dict[str, list[tuple[float, float]]]:
    """Every logged value of the training over its steps."""
    curves: dict[str, list[tuple[float, float]]] = {}
    log = run / "log.jsonl"
    for line in log.read_text().splitlines() if log.is_file() else ():
        entry = json.loads(line)
        step = entry.pop("step")
        for key, value in entry.items():
            if isinstance(value, int | float):
                curves.setdefault(key, []).append((step, value))
    return curves


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
