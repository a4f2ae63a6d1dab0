import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gantools.bench.latency import bench
from gantools.bench.plots import curve_plot, digits
from gantools.bench.report import Grid, table_rows, write_report
from gantools.bench.results import BenchReport
from gantools.bench.target import BenchTarget
from gantools.core.artifact import Artifact
from gantools.core.proof import MetricCard, Parity
from gantools.runtime.session import Where
from gantools.timing.measure import BenchPlan
from gantools.verify.attest import Attestation
from gantools.verify.report import GraphReport, VerifyReport
from tests.fakes import FakeClock

NASTY = "<script>alert('x')</script> & \"co\" $title"
VOID = {"meta", "img", "rect", "path", "polyline"}


class Page(HTMLParser):
    """Tags with their attributes, the text, and a check that what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def report(artifact: Artifact, clock: FakeClock) -> BenchReport:
    def target(name: str, cost_ms: float, **settings: object) -> BenchTarget:
        return BenchTarget(name, artifact, where=Where(settings={"clock": clock, "cost_ms": cost_ms, **settings}))

    targets = [
        target("slow", 20.0),
        target(NASTY, 0.5, precision="bf16"),
        BenchTarget("elsewhere", artifact, where=Where(device="cuda")),
    ]
    return bench(targets, BenchPlan(batches=(1, 4), max_seconds=5.0), clock=clock)


@pytest.fixture
def page(report: BenchReport, tmp_path: Path) -> Page:
    card = MetricCard(
        name="kid_digits",
        value=0.0123,
        interval=(0.0101, 0.0145),
        confidence=0.95,
        method="jackknife",
        samples=500,
        references=600,
        extractor="digits-cnn",
        extractor_sha256="ab" * 32,
        data=NASTY,
        data_sha256="cd" * 32,
        seeds="0-499",
    )
    attestation = Attestation(asked="fp32", source="runtime", computed={"fp32": 1.0}, layers=4)
    graph = GraphReport(
        graph="generator",
        verdict="passed",
        backend="fake",
        device="cpu",
        precision="fp32",
        parity=Parity(source="s", graph="generator", max_abs=1, limit=2, psnr_db=60.0, batch_sizes=(1, 3)),
        attestation=attestation,
    )
    write_report(
        tmp_path / "report.html",
        title=NASTY,
        summary=NASTY,
        facts={NASTY: NASTY},
        grids=[Grid(NASTY, b"\x89PNG", alt=NASTY)],
        bench=report,
        cards={NASTY: [card]},
        curves={NASTY: [(0, 1.0), (10, 0.5), (20, math.nan)]},
        verify={
            NASTY: VerifyReport(artifact="a", against=None, is_parent=False, verdict="passed", graphs=(graph,)),
        },
        commands=[NASTY],
    )
    return Page((tmp_path / "report.html").read_text())


def test_the_report_fetches_nothing_and_runs_nothing(page: Page) -> None:
    assert page.open == []
    sources = [value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert len(sources) == 1
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not page.named("script")
    assert not page.named("link")
    everything = page.words + str(page.tags)
    assert not re.search(r"https?://|url\(|@import", everything)


def test_what_comes_from_outside_is_text_and_never_markup(page: Page) -> None:
    assert page.words.count(NASTY) >= 9
    assert not page.named("script")


def test_the_report_can_be_read_without_seeing_it(page: Page) -> None:
    assert page.named("html")[0]["lang"] == "en"
    assert [image["alt"] for image in page.named("img")] == [NASTY]
    drawings = page.named("svg")
    assert len(drawings) == 4 + 1
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in drawings)
    heads = page.named("th")
    assert len(heads) > 20
    assert all(head["scope"] in ("col", "row") for head in heads)
    assert all(region["tabindex"] == "0" for region in page.named("div") if region.get("role") == "region")


def test_every_section_has_its_content(page: Page) -> None:
    for text in ("Samples", "Speed", "Quality", "Verification", "Training", "Machine", "Commands"):
        assert text in page.words
    for text in ("kid_digits", "0.0123", "[0.0101, 0.0145] at 95%", "1 of 2 allowed", "numpy", "+760 calls", "40.00x"):
        assert text in page.words
    assert "failed: the fake has no device 'cuda'." in page.words


def test_a_report_of_nothing_has_no_sections(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", title="Empty")
    page = Page((tmp_path / "report.html").read_text())
    assert not page.named("section")
    assert "Empty" in page.words


def test_table_rows_all_have_the_same_columns(report: BenchReport) -> None:
    rows = table_rows(report)
    assert len(rows) == 6
    assert {tuple(row) for row in rows} == {tuple(rows[0])}
    slow, fast, failed = rows[:3]
    assert (slow["p50, ms"], slow["p99, ms"], slow["faster"]) == ("20.0", "+760 calls", "-")
    assert (fast["p50, ms"], fast["p99, ms"], fast["faster"]) == ("0.500", "0.500", "40.00x [40.00, 40.00]")
    assert (slow["precision"], fast["precision"], failed["precision"]) == ("fp32", "fp32, computed bf16", "-")
    assert failed["status"].startswith("failed: ")
    assert failed["p50, ms"] == "-"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (0.08312, "0.0831"), (1.2, "1.20"), (28.44, "28.4"), (336.2, "336"), (1043.2, "1,043")],
)
def test_numbers_have_three_digits_and_no_powers_of_ten(value: float, text: str) -> None:
    assert digits(value) == text


def test_a_curve_needs_two_finite_points() -> None:
    assert curve_plot("kid", [(0, math.nan), (1, 2.0)]) == ""
    assert "kid: 4 at step 0, 2 at step 10" in curve_plot("kid", [(0, 4.0), (5, 9.0), (10, 2.0)])
