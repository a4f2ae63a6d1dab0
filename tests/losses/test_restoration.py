"""Losses of films: each frame is judged, changes are compared, and single images have none."""

import pytest
import torch
from torch import Tensor, nn

from gantools.core.errors import RecipeError
from gantools.losses.objectives.objective import Batch
from gantools.losses.objectives.pix2pix import Pix2Pix, Pix2PixConfig
from gantools.losses.objectives.pixels import PixelsConfig, PixelsObjective
from gantools.losses.objectives.restoration import flicker_of, restored, singly

RNG = torch.Generator()


class Identity(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return image


class Judge(nn.Module):
    """Says how bright an image is, and remembers how many it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append(len(image))
        return image.mean((1, 2, 3))[:, None]


def film() -> Tensor:
    """Two clips of three frames that brighten by 0.1 and 0.2 a frame."""
    times = torch.arange(3.0).view(1, 3, 1, 1, 1)
    return (times * torch.tensor([0.1, 0.2]).view(2, 1, 1, 1, 1)).expand(2, 3, 1, 4, 4)


def test_a_film_that_keeps_still_differs_by_what_it_should_have_changed() -> None:
    still = film()[:, :1].expand(-1, 3, -1, -1, -1)
    made, wanted = flicker_of(still, film())
    assert made.shape == wanted.shape == (2, 2, 1, 4, 4)
    assert float(made.abs().max()) == 0
    batch = Batch(film(), {}, given=still)
    pixels = PixelsObjective(PixelsConfig(distance="l1", temporal=2.0))
    (loss,) = pixels.parts(pixels.phases[0], {"G": Identity()}, batch, RNG)
    assert loss.value is not None
    assert float(loss.terms["G.temporal"]) == pytest.approx(0.15)
    assert float(loss.value) == pytest.approx(float(loss.terms["G.pixels"]) + 2 * 0.15)


def test_frames_of_a_film_are_judged_one_by_one_and_its_changes_count() -> None:
    objective, judge = Pix2Pix(Pix2PixConfig(game="hinge", l1_weight=10.0, temporal=4.0)), Judge()
    nets = {"G": Identity(), "D": judge}
    still = film()[:, :1].expand(-1, 3, -1, -1, -1)
    batch = Batch(film(), {}, given=still)
    first, second = objective.phases
    assert len(list(objective.parts(first, nets, batch, RNG))) == 2
    assert judge.seen == [6, 6]
    (loss,) = objective.parts(second, nets, batch, RNG)
    assert judge.seen == [6, 6, 6]
    terms = {name: float(term) for name, term in loss.terms.items()}
    assert loss.value is not None
    assert terms["G.temporal"] == pytest.approx(0.15)
    assert float(loss.value) == pytest.approx(10 * terms["G.l1"] + terms["G.fake"] + 4 * 0.15)


def test_a_network_of_single_images_makes_each_frame() -> None:
    batch = Batch(film(), {}, given=film())
    assert torch.equal(restored({"G": Identity()}, batch), film())
    assert singly(film()).shape == (6, 1, 4, 4)
    assert singly(film()[:, 0]).shape == (2, 1, 4, 4)


@pytest.mark.parametrize(
    "objective", [PixelsObjective(PixelsConfig(temporal=1.0)), Pix2Pix(Pix2PixConfig(temporal=1.0))]
)
def test_single_images_do_not_flicker(objective: PixelsObjective | Pix2Pix) -> None:
    objective.check_frames(2)
    with pytest.raises(RecipeError, match=r"objective.temporal: the training sees single images") as caught:
        objective.check_frames(1)
    assert caught.value.hint is not None
    assert "data.frames" in caught.value.hint
