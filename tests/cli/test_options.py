"""How texts of options are read."""

from pathlib import Path

import pytest

from gantools.cli.options import AT_ONCE, check_out, parse_ints, parse_seeds
from gantools.core.errors import RecipeError


@pytest.mark.parametrize(
    ("name", "modality", "words"),
    [
        ("a.jpg", "image", "images are not written as '.jpg'"),
        ("a.GIF", "image", "images are not written as '.GIF'"),
        ("a.PNG", "image", "images are not written as '.PNG'"),
        ("a.mp4", "image", "images are not written as '.mp4'"),
        ("a.png", "text", "would hold texts"),
        ("a.npy", "text", "would hold texts"),
    ],
)
def test_a_name_that_says_another_kind_of_file_is_refused(name: str, modality: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        check_out(Path(name), modality)


def test_names_of_what_is_written_pass() -> None:
    for name in ("a.png", "a.npy", "samples", "v1.0", "run.final"):
        check_out(Path(name), "image")
    for name in ("a.txt", "a.jsonl", "a.json", "lines", "a.csv"):
        check_out(Path(name), "text")
    check_out(None, "image")


@pytest.mark.parametrize("text", ["0-99999999999", "5,0-9999999", "1,0-18446744073709551615"])
def test_more_numbers_than_a_process_holds_are_refused_at_once(text: str) -> None:
    with pytest.raises(RecipeError, match=f"--seeds '{text}' are more than 10,000,000 numbers"):
        parse_ints(text, "--seeds")


def test_a_range_of_seeds_is_as_long_as_it_may_be() -> None:
    assert len(parse_seeds("0-9999999", AT_ONCE)) == AT_ONCE
    with pytest.raises(RecipeError, match="more than 10,000,000"):
        parse_seeds("0-10000000", AT_ONCE)
    with pytest.raises(RecipeError, match="more than 10,000,000"):
        parse_seeds("0-18446744073709551615")
