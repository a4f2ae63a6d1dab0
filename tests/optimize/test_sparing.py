"""The order of sparing, and that as few are spared as hold."""

import pytest

from gantools.optimize.sparing import by_harm_for_work, fewest


def test_a_product_comes_first_that_gains_most_for_its_work() -> None:
    assert by_harm_for_work({"a": 4.0, "b": 3.0, "c": 1.0}, {"a": 40, "b": 10, "c": 0}) == ("c", "b", "a")


@pytest.mark.parametrize("most", [0, 1, 2, 7, 20])
def test_the_fewest_that_hold_are_found_in_few_tries(most: int) -> None:
    tried = 0
    for answer in range(most + 1):
        asked: list[int] = []

        def holds(count: int, answer: int = answer, asked: list[int] = asked) -> bool:
            asked.append(count)
            return count >= answer

        assert fewest(holds, most) == answer
        assert len(asked) == len(set(asked)) <= 10
        assert most not in asked  # nothing is left in int8 to judge
        tried += 1
    assert tried == most + 1
