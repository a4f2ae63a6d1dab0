from typing import Any

import pytest

from gantools.core.errors import UnknownNameError
from gantools.core.registry import Table

COLOURS: Table[Any] = Table("colour", {"red": "math:pi", "green": "math:e"})


def test_a_row_is_imported_when_it_is_loaded() -> None:
    assert COLOURS.load("red") == pytest.approx(3.14159, abs=1e-5)
    assert list(COLOURS) == ["red", "green"]
    assert len(COLOURS) == 2


def test_an_unknown_name_lists_the_near_match_and_all_names() -> None:
    with pytest.raises(UnknownNameError, match="no colour is called 'gren'; did you mean 'green'") as caught:
        COLOURS.load("gren")
    assert caught.value.hint == "known: red, green"
    with pytest.raises(UnknownNameError, match=r"no colour is called 'zzz'\.$"):
        COLOURS["zzz"]
