import numpy as np

from gantools.verify.tolerances import TOLERANCES, tolerance_of


def test_limits_are_in_the_units_of_the_output() -> None:
    assert {name: one.limit("uint8") for name, one in TOLERANCES.items()} == {
        "fp32": 1,
        "fp16": 3,
        "bf16": 24,
        "int8": 120,
    }
    assert TOLERANCES["bf16"].limit("float32") == 0.1875
    assert TOLERANCES["bf16"].limit("int64") == 0


def test_the_uint8_bound_holds_for_float_errors_at_the_bound() -> None:
    """Round values whose float error has exactly the accepted root mean square: the levels must be accepted too."""
    rng = np.random.default_rng(0)
    exact = rng.uniform(-1, 1, 200_000)
    for tolerance in TOLERANCES.values():
        noisy = exact + rng.normal(size=exact.size) * tolerance.rms
        levels = [np.clip(np.round(values * 127.5 + 127.5), 0, 255) for values in (exact, noisy)]
        psnr = 10 * np.log10(255**2 / np.mean((levels[0] - levels[1]) ** 2))
        assert tolerance.least_psnr_db("uint8") - 0.1 <= psnr < tolerance.least_psnr_db("uint8") + 3


def test_a_comparison_takes_the_wider_tolerance() -> None:
    assert tolerance_of("fp32", "bf16") == TOLERANCES["bf16"]
    assert tolerance_of("fp16") == TOLERANCES["fp16"]


def test_int8_is_bounded_by_five_times_what_bf16_is() -> None:
    int8, bf16 = tolerance_of("fp32", "int8"), TOLERANCES["bf16"]
    assert (int8.max_abs, int8.rms) == (5 * bf16.max_abs, 5 * bf16.rms)
