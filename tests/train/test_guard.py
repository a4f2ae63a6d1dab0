import pytest
import torch

from gantools.core.errors import TrainingError
from gantools.train.guard import Terms


def test_means_are_over_the_steps_since_the_last_look() -> None:
    terms = Terms()
    for step, value in enumerate((1.0, 2.0, 6.0)):
        terms.add(step, {"D.real": torch.tensor(value)} | ({"D.r1": torch.tensor(8.0)} if step == 0 else {}))
    assert terms.means("") == {"D.real": 3.0, "D.r1": 8.0}
    assert terms.means("") == {}


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf"])
def test_the_first_step_and_term_that_is_not_finite_is_named(bad: str) -> None:
    terms = Terms()
    for step in range(800, 820):
        terms.add(step, {"D.fake": torch.tensor(0.5), "D.real": torch.tensor(float(bad) if step >= 811 else 0.5)})
    with pytest.raises(TrainingError, match=f"the loss term 'D.real' became {bad} at step 812") as caught:
        terms.means("lower it")
    assert caught.value.hint == "lower it"
