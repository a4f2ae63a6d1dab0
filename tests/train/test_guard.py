import torch

from gantools.train.guard import Terms, means
from gantools.train.watch import Value


def test_terms_are_handed_over_once_and_in_order() -> None:
    terms = Terms()
    for step, value in enumerate((1.0, 2.0)):
        terms.add(step, {"D.real": torch.tensor(value)} | ({"D.r1": torch.tensor(8.0)} if step == 0 else {}))
    assert terms.take() == [Value(0, "D.real", 1.0), Value(0, "D.r1", 8.0), Value(1, "D.real", 2.0)]
    assert terms.take() == []


def test_terms_of_several_processes_are_averaged_before_anybody_sees_them() -> None:
    terms = Terms()
    terms.add(4, {"D.real": torch.tensor(1.0), "G.fake": torch.tensor(3.0)})
    found = terms.take(lambda values: (values + torch.tensor([2.0, 5.0])) / 2)
    assert found == [Value(4, "D.real", 1.5), Value(4, "G.fake", 4.0)]


def test_means_are_over_the_steps_in_which_a_term_was_seen() -> None:
    values = [Value(0, "D.real", 1.0), Value(0, "D.r1", 8.0), Value(1, "D.real", 2.0), Value(2, "D.real", 6.0)]
    assert means(values) == {"D.real": 3.0, "D.r1": 8.0}
    assert list(means(values)) == ["D.real", "D.r1"]
    assert means([]) == {}
