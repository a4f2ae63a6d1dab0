"""The page of a generator of texts: what is on it, and that nothing of it runs."""

from pathlib import Path

import pytest

from gantools.bench.text_report import TextPage, write_text_report
from gantools.metrics.text.card import text_cards
from gantools.metrics.text.overlap import Copy
from gantools.verify.tradeoff import Curve, Point, Tradeoff
from tests.bench.test_report import NASTY, Page
from tests.metrics.text.by_definition import written

WORDS = written(0, 300, words=40, longest=12, shortest=4)
LINES = [" ".join(sentence) for sentence in WORDS]


def point(first: int, temperature: float | None = None) -> Point:
    cards = text_cards(
        LINES[first : first + 50], LINES[200:], seeds="0-49", metrics=("bleu", "self-bleu"), extractors=()
    )
    return Point(temperature=temperature, cards=cards)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    curves = [
        Curve(
            name=f"{number} {NASTY}", digest="", points=tuple(point(50 * k, heat) for k, heat in enumerate((0.5, 1, 2)))
        )
        for number in range(2)
    ]
    cards = text_cards(LINES[:50], LINES[200:], seeds="0-49", data=NASTY)
    shown = TextPage(
        title=NASTY,
        summary=NASTY,
        cards=[(card, None if card.name == "length-mean" else True) for card in cards],
        samples=[(7, NASTY), (8, "")],
        real=[NASTY],
        generated=WORDS[:50],
        references=WORDS[200:],
        curve=Tradeoff(real=point(150), curves=tuple(curves)),
        copies=[
            Copy(["a", "<b>", "c", "d"], ["<b>", "c"], ["<b>", "c", "e"]),
            Copy(["a", "b"], ["a", "b"], ["a", "b"]),
        ],
        commands=[f"gantools evaluate {NASTY}"],
    )
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_text_report(path, shown)
    return Page(path.read_text())


def test_the_page_is_whole_and_nothing_of_it_runs_or_is_fetched(page: Page) -> None:
    assert page.open == []
    assert not page.named("script")
    assert not [attributes for _, attributes in page.tags if {"onclick", "onload", "href"} & set(attributes)]
    assert page.words.count("<script>alert('x')</script>") >= 6
    assert [name for name, _ in page.tags].count("h2") == 6


def test_samples_stand_by_their_seeds_and_an_empty_one_says_so(page: Page) -> None:
    assert {"class": "empty"} in page.named("span")
    assert page.named("li").count({"class": "named"}) == 4  # two samples and two copies
    assert page.words.index("Generated, by seed") < page.words.index("Real")


def test_figures_have_interval_direction_and_protocol(page: Page) -> None:
    assert page.words.count("words by whitespace, 50 samples, 100 references") >= 5
    assert page.words.count("as real") == 1
    assert page.words.count("higher") >= 20


def test_both_curves_mark_temperature_one_and_the_real_sentences(page: Page) -> None:
    drawn = [tag["aria-label"] for tag in page.named("svg") if "aria-label" in tag]
    assert len(drawn) == 3
    assert "temperature 0.5 self-BLEU" in drawn[0]
    marks = [tag["class"] for tag in page.named("svg") if tag.get("class", "").startswith("mark")]
    for style in ("c0", "c1"):
        assert (marks.count(f"mark {style}"), marks.count(f"mark {style} hollow")) == (2, 4)  # of two charts
    assert marks.count("mark c3") == 2
    assert page.words.count("do not tell apart") + page.words.count("lies above") + page.words.count("lies below") == 2


def test_what_is_copied_is_marked_where_it_stands(page: Page) -> None:
    assert len(page.named("mark")) == 2
    assert "a <b> c d<b> c e" in page.words
    assert "2 of 4" in page.words
    assert page.words.count("the whole sentence") == 1


def test_long_sentences_are_counted_several_lengths_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_text_report(path, TextPage("t", generated=[["a"] * 200, ["a"]], references=[["a"] * 90]))
    page = Page(path.read_text())
    assert "words, 6 at a time" in page.words
    assert "Samples: 100.5 words on average" in page.words


def test_what_is_left_out_has_no_section(tmp_path: Path) -> None:
    write_text_report(tmp_path / "page.html", TextPage("t"))
    assert "h2" not in {name for name, _ in Page((tmp_path / "page.html").read_text()).tags}
