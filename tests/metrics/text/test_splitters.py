import pytest

from gantools.core.errors import UnknownNameError
from gantools.metrics.text.splitters import SPLITTERS, split_lines, treebank, words


def test_words_are_what_white_space_separates() -> None:
    assert words("  a dog's bed ,\tred. \n") == ["a", "dog's", "bed", ",", "red."]
    assert words("") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a plate, covered by wrap.", "a plate , covered by wrap ."),
        ("a farmer's market isn't open.", "a farmer 's market is n't open ."),
        ("they'll say it cannot be (so)!", "they 'll say it can not be ( so ) !"),
        ("1,000 dogs at 10:30, or more: none", "1,000 dogs at 10:30 , or more : none"),
        ("the u.s. flag is red.", "the u.s. flag is red ."),
        ('"a dog" sits -- or lies...', '" a dog " sits -- or lies ...'),
        ("a 'red' dog", "a ' red ' dog"),
        ("a horse..", "a horse .."),
        ("`` a dog '' , says ''a'' man", '" a dog " , says " a " man'),
        ("the boys' room.", "the boys ' room ."),
        ("i'm gonna go", "i 'm gon na go"),
        ("", ""),
    ],
)
def test_treebank_sets_punctuation_and_clitics_apart(line: str, expected: str) -> None:
    assert treebank(line) == expected.split()


@pytest.mark.parametrize(
    "line", ["a dog 's bed , is n't it .", "a man ; a plan : a canal ( so ) !", "they 'll say it 's ..", "what ?"]
)
def test_treebank_leaves_alone_what_is_already_split(line: str) -> None:
    assert treebank(line) == line.split()


def test_lines_are_split_by_the_name_of_a_splitter() -> None:
    assert split_lines(["a b.", "c"], "treebank") == [["a", "b", "."], ["c"]]
    with pytest.raises(UnknownNameError, match="no splitter is called 'treebnk'; did you mean 'treebank'"):
        split_lines(["a"], "treebnk")
    assert len(SPLITTERS) == 2
