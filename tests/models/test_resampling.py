from typing import Literal

import pytest
import torch
from torch import Tensor

from gantools.models.resampling import TAPS, Resample


def defined(maps: Tensor, up: int, down: int, before: int, after: int, gain: float) -> Tensor:
    """The definition: insert zeros, pad, convolve, keep every ``down``-th value."""
    batch, channels, height, width = maps.shape
    wide = torch.zeros(batch, channels, height * up, width * up)
    wide[:, :, ::up, ::up] = maps
    padded = torch.nn.functional.pad(wide, (before, after, before, after))
    taps = torch.tensor(TAPS) / sum(TAPS)
    rows, columns = (size - len(TAPS) + 1 for size in padded.shape[2:])
    result = torch.zeros(batch, channels, rows, columns)
    for y in range(len(TAPS)):
        for x in range(len(TAPS)):
            # A convolution turns its kernel round, which a symmetric one does not show.
            weight = gain * taps[-1 - y] * taps[-1 - x]
            result += weight * padded[:, :, y : y + rows, x : x + columns]
    return result[:, :, ::down, ::down]


# up, down, padding, gain, zeros before and after in the definition, edge 6 becomes
CASES: list[tuple[Literal[1, 2], Literal[1, 2], int, float, int, int, int]] = [
    (2, 1, 1, 4.0, 2, 1, 12),
    (1, 2, 1, 1.0, 1, 1, 3),
    (1, 1, 1, 4.0, 1, 1, 5),
    (1, 1, 2, 1.0, 2, 2, 7),
]


@pytest.mark.parametrize(("up", "down", "padding", "gain", "before", "after", "edge"), CASES)
def test_it_is_the_definition_of_filtered_resampling(
    up: Literal[1, 2], down: Literal[1, 2], padding: int, gain: float, before: int, after: int, edge: int
) -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 6, 6)
    found = Resample(3, up=up, down=down, padding=padding, gain=gain)(maps)
    assert found.shape == (2, 3, edge, edge)
    assert torch.allclose(found, defined(maps, up, down, before, after, gain), atol=1e-6)


def test_raising_and_lowering_leave_a_flat_image_flat() -> None:
    flat = torch.full((1, 2, 8, 8), 3.0)
    for resampling in (Resample(2, up=2, gain=4.0), Resample(2, down=2)):
        inside = resampling(flat)[:, :, 1:-1, 1:-1]
        assert torch.allclose(inside, torch.full_like(inside, 3.0))


def test_it_has_nothing_to_learn_and_nothing_to_save() -> None:
    resampling = Resample(4)
    assert list(resampling.parameters()) == []
    assert resampling.state_dict() == {}


def test_both_directions_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="either up or down"):
        Resample(1, up=2, down=2)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_under_autocast_on_a_cpu_the_filter_is_computed_in_float32(direction: str) -> None:
    """In bfloat16 it would take ten times as long. What comes out has the type of what came in."""
    resample = Resample(4, up=2, gain=4.0) if direction == "up" else Resample(4, down=2)
    maps = torch.randn(2, 4, 8, 8).bfloat16().requires_grad_(True)
    with torch.autocast("cpu", torch.bfloat16):
        results = resample(maps)
    assert results.dtype == torch.bfloat16
    assert torch.equal(results, resample(maps.float()).bfloat16())
    (gradient,) = torch.autograd.grad(results.float().sum(), maps)
    assert gradient.dtype == torch.bfloat16
