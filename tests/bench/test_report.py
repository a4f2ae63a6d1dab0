import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gantools.bench.latency import bench
from gantools.bench.plots import curve_plot, digits
from gantools.bench.plots.scale import Scale
from gantools.bench.plots.tradeoffs import front, pareto_plot, roofline_plot
from gantools.bench.quality import higher_is_better
from gantools.bench.report import Grid, write_report
from gantools.bench.results import BenchReport
from gantools.bench.target import BenchTarget
from gantools.core.artifact import Artifact
from gantools.core.proof import MetricCard, Parity
from gantools.runtime.session import Where
from gantools.timing.measure import BenchPlan
from gantools.verify.attest import Attestation
from gantools.verify.report import GraphReport, VerifyReport
from tests.bench.synthetic import CEILINGS, card, everything, full_row, row
from tests.bench.synthetic import report as report_of
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
    drawings = [drawing for drawing in page.named("svg") if drawing.get("aria-hidden") != "true"]
    assert len(drawings) == 4 + 2 + 3 + 1
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


@pytest.fixture
def whole(tmp_path: Path) -> Page:
    write_report(tmp_path / "whole.html", title="Everything", bench=everything())
    return Page((tmp_path / "whole.html").read_text())


def test_every_plot_says_what_it_shows_and_how_it_is_read(whole: Page) -> None:
    assert whole.open == []
    titles = (
        *(f"All calls at batch {batch}" for batch in (1, 4, 16, 64)),
        "Latency against batch size",
        "Rate against batch size",
        "Latency against rate, closed loop",
        "Quality against latency at batch 1",
        "Roofline",
        "Server: latency against rate",
        "Queries of single-stream",
        "Queries of server",
        "Cold start",
        "Memory of the process",
    )
    for title in titles:
        assert title in whole.words
    figures = [attributes for attributes in whole.named("figure") if attributes.get("class") == "chart"]
    assert len(figures) == len(titles) == len(whole.named("figcaption"))
    drawn = [each for each in whole.named("svg") if each.get("class") == "drawing"]
    assert len(drawn) == len(titles) - 2
    assert all(each["aria-label"] for each in drawn)
    bars = [each["aria-label"] for each in whole.named("div") if each.get("class") == "plot bar"]
    assert bars[0] == (
        "art/digits: 323 ms: Python 40.0 ms, imports 180 ms, opening the graph 91.0 ms, first call 12.0 ms"
    )


def test_a_planted_stall_is_drawn_to_the_slowest_call_and_counted(whole: Page) -> None:
    (of_batch_1,) = [
        each["aria-label"]
        for each in whole.named("svg")
        if each.get("class") == "drawing"
        and "torch eager: 1000 calls" in each["aria-label"]
        and "84.0" in each["aria-label"]
    ]
    assert "art/digits: 1000 calls from" in of_batch_1
    assert "[1] 4 calls took more than 20 times the median." in whole.words


def test_variants_differ_by_more_than_colour(tmp_path: Path) -> None:
    from gantools.bench.plots.chart import COLOURS, DASHES, SHAPES

    looks = {(style % COLOURS, style % len(DASHES), style % len(SHAPES)) for style in range(30)}
    assert len(looks) == 30
    assert len({(style % len(DASHES), style % len(SHAPES)) for style in range(30)}) == 30


def test_the_page_says_who_made_it_and_how(whole: Page) -> None:
    for text in ("gantools bench art/a art/b --batch 1,16", "one for each variant", "Some CPU", "2 for each variant"):
        assert text in whole.words
    assert "INVALID: Min duration satisfied : NO; Min queries satisfied : Yes" in whole.words
    assert "equal to plain runs" in whole.words


def test_a_report_of_which_little_is_known_is_a_page_too(tmp_path: Path) -> None:
    poor = report_of(row("a", count=5), row("b", count=5, roofline=full_row("b", 1, 1.0).roofline))
    write_report(tmp_path / "poor.html", title="Poor", bench=poor)
    page = Page((tmp_path / "poor.html").read_text())
    assert "+15 calls" in page.words
    for absent in ("Roofline", "Scenarios", "Cold start", "Batch sizes", "Commands "):
        assert absent not in page.words
    failed = report_of(row("a", values_ms=[1.0], status="failed: it broke.", p50_ms=None))
    write_report(tmp_path / "failed.html", title="Failed", bench=failed)
    assert "Nothing was measured." in (tmp_path / "failed.html").read_text()


@pytest.mark.parametrize("ceilings", [None, {}, {"multiply_adds_per_s": 3, "bytes_per_s": {"x": 1}}, {"other": {}}])
def test_ceilings_of_another_shape_cost_the_roofline_and_nothing_else(ceilings: dict[str, object] | None) -> None:
    rows = [full_row("a", 1, 1.0)]
    assert roofline_plot(rows, ceilings, {"a": 0}) == ""
    drawn = roofline_plot(rows, CEILINGS, {"a": 0})
    assert "fp32: 80.0" in drawn
    assert "256 MiB: 12.0 GB/s" in drawn
    assert "a at batch 1: 2.00 billion multiply-adds/s, 1.32 a byte" in drawn


def test_the_front_has_what_nothing_else_beats_in_both() -> None:
    assert front([(1.0, 5.0), (2.0, 3.0), (3.0, 4.0), (4.0, 1.0), (1.0, 5.0)]) == [0, 1, 3, 4]


def test_more_is_better_of_coverage_and_less_of_distances_and_losses() -> None:
    assert higher_is_better("coverage-digits-cnn")
    assert not higher_is_better("kid-digits-cnn")
    assert not higher_is_better("loss of coverage")
    rows = [
        row("fast", 1, 1.0, quality=(card(0.5, "coverage-digits-cnn"),)),
        row("good", 1, 2.0, quality=(card(0.9, "coverage-digits-cnn"),)),
        row("neither", 1, 3.0, quality=(card(0.7, "coverage-digits-cnn"),)),
    ]
    drawn = pareto_plot(1, rows, {"fast": 0, "good": 1, "neither": 2})
    assert "fast (on the front)" in drawn
    assert "good (on the front)" in drawn
    assert "neither (on the front)" not in drawn


def test_axes_are_marked_at_round_values() -> None:
    assert [text for _, text in Scale.over([0.3, 40.0], logarithmic=True).ticks()] == ["0.3", "1", "3", "10", "30"]
    assert [text for _, text in Scale.over([0.0, 0.004]).ticks()] == ["0", "0.001", "0.002", "0.003", "0.004"]
    assert len(Scale.over([1.0, 1.001], logarithmic=True).ticks()) >= 3
    assert len(Scale.over([], logarithmic=True).ticks()) >= 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (0.08312, "0.0831"), (1.2, "1.20"), (28.44, "28.4"), (336.2, "336"), (1043.2, "1,043")],
)
def test_numbers_have_three_digits_and_no_powers_of_ten(value: float, text: str) -> None:
    assert digits(value) == text


def test_a_curve_needs_two_finite_points() -> None:
    assert curve_plot("kid", [(0, math.nan), (1, 2.0)]) == ""
    assert "kid: 4 at step 0, 2 at step 10" in curve_plot("kid", [(0, 4.0), (5, 9.0), (10, 2.0)])
