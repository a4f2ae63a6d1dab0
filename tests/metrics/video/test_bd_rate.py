import pytest

from gantools.core.errors import DataError
from gantools.metrics.video.bd_rate import bd_rate

# The example that the package bjontegaard is published with (x265, kbit/s and PSNR), and what its version 1.3.0, which
# agrees with the sheet of JVET in ten decimals, says of it.
ANCHOR = [(9487.76, 40.037), (4593.60, 38.615), (2486.44, 36.845), (1358.24, 34.851)]
TESTED = [(9787.80, 40.121), (4469.00, 38.651), (2451.52, 36.970), (1356.24, 34.987)]
PUBLISHED = {"akima": -4.425245156997, "pchip": -4.417485350589}


@pytest.mark.parametrize("method", PUBLISHED)
def test_the_published_example_comes_out(method: str) -> None:
    found = bd_rate(ANCHOR, TESTED, method=method)
    assert found is not None
    assert found.percent == pytest.approx(PUBLISHED[method], abs=1e-9)
    assert (found.low, found.high) == (34.987, 40.037)
    assert bd_rate(ANCHOR[::-1], TESTED, method=method) == found, "order does not matter"


def test_a_fifth_fewer_bits_everywhere_is_minus_20_percent() -> None:
    fewer = [(0.8 * rate, quality) for rate, quality in ANCHOR]
    found, back = bd_rate(ANCHOR, fewer), bd_rate(fewer, ANCHOR)
    assert found is not None
    assert back is not None
    assert found.percent == pytest.approx(-20)
    assert back.percent == pytest.approx(25), "the other way round it is a quarter more"


def test_curves_without_a_common_quality_have_none() -> None:
    assert bd_rate(ANCHOR, [(rate, quality - 10) for rate, quality in TESTED]) is None


def test_what_makes_no_curve_is_refused() -> None:
    with pytest.raises(DataError, match="takes four points or more of each curve, and the tested curve has 3"):
        bd_rate(ANCHOR, TESTED[:3])
    with pytest.raises(DataError, match="that of the anchor does not: 34, 38, 36, 40"):
        bd_rate([(1, 34), (2, 38), (3, 36), (4, 40)], TESTED)
