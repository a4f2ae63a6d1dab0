import pytest
import torch

from gantools.models.equalized import EqualConv, EqualLinear, float32_island, unit_rows


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_a_linear_layer_begins_with_unit_weights_over_its_rate_and_keeps_the_size_of_its_input(rate: float) -> None:
    torch.manual_seed(0)
    layer = EqualLinear(256, 256, rate=rate, activate=True)
    assert layer.weight.std().item() == pytest.approx(1 / rate, rel=0.02)
    rows = torch.randn(64, 256)
    for _ in range(8):
        rows = layer(rows)
        layer = EqualLinear(256, 256, rate=rate, activate=True)
    assert rows.square().mean().item() == pytest.approx(1, rel=0.25)


def test_a_convolution_keeps_the_size_of_its_input() -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 64, 32, 32)
    for activate in (True, False):
        found = EqualConv(64, 64, 3, padding=1, activate=activate)(maps)
        assert found[:, :, 1:-1, 1:-1].square().mean().item() == pytest.approx(1, rel=0.1)
    assert EqualConv(64, 64, 3, gain=0.5)(maps).square().mean().item() == pytest.approx(0.25, rel=0.1)


def test_a_bias_is_what_it_is_set_to_at_any_rate() -> None:
    layer = EqualLinear(4, 4, bias=3.0, rate=0.01)
    assert torch.allclose(layer(torch.zeros(1, 4)), torch.full((1, 4), 3.0))


def test_a_step_of_adam_moves_an_output_in_proportion_to_the_rate() -> None:
    """What equalizing is for: Adam's step has the same size whatever the gradient is."""
    moved = []
    for rate in (1.0, 0.01):
        torch.manual_seed(0)
        layer, rows = EqualLinear(64, 1, rate=rate), torch.randn(256, 64)
        before = layer(rows).detach()
        optimizer = torch.optim.Adam(layer.parameters(), lr=1e-3)
        layer(rows).mean().backward()
        optimizer.step()
        moved.append((layer(rows) - before).abs().mean().item())
    assert moved[1] / moved[0] == pytest.approx(0.01, rel=1e-2)


def test_rows_are_scaled_to_a_mean_square_of_one() -> None:
    rows = unit_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    assert rows[0].square().mean().item() == pytest.approx(1)
    assert rows[1].tolist() == [0, 0]


def test_linear_layers_are_islands_of_float32_under_autocast() -> None:
    torch.manual_seed(0)
    layer, rows = EqualLinear(8, 8), torch.randn(2, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(rows)
        with float32_island(rows):
            assert not torch.is_autocast_enabled("cpu")
        assert torch.is_autocast_enabled("cpu")
    assert torch.equal(found, layer(rows))
