"""What is done about the errors of rounded weights: they cancel, and what remains of their mean is taken away."""

import numpy as np
import onnx_ir as ir
import pytest

from gantools.optimize.observation import observed
from gantools.optimize.passes import int8
from gantools.optimize.passes.bias_correction import correct_biases
from gantools.optimize.passes.weight_rounding import round_weights
from gantools.optimize.race import copied
from tests.optimize.rewrites.chains import Chain


def smooth(seed: int) -> dict[str, np.ndarray]:
    """Channels and pixels that are alike, as in images, and not centred."""
    coarse = np.random.default_rng(seed).uniform(0, 1, (1, 1, 5, 5)).astype(np.float32)
    image = np.kron(coarse, np.ones((1, 1, 6, 6), np.float32))
    tint = np.linspace(0.8, 1.2, 8, dtype=np.float32).reshape(1, 8, 1, 1)
    return {"x": (image * tint).astype(np.float32)}


SEEN, UNSEEN = [smooth(seed) for seed in range(8)], [smooth(seed) for seed in range(100, 104)]


@pytest.fixture(params=["bias", "no bias"])
def models(request: pytest.FixtureRequest) -> tuple[ir.Model, ir.Model]:
    """A convolution of eight channels, exact and with weights and inputs rounded to the nearest numbers."""
    chain = Chain((1, 8, 30, 30))
    bias = [chain.draw(8)] if request.param == "bias" else []
    chain.then("Conv", chain.draw(8, 8, 3, 3), *bias, pads=[1, 0, 1, 2], strides=[2, 1])
    exact = ir.from_proto(chain.model())
    with pytest.MonkeyPatch.context() as patch:
        for name in ("round_weights", "correct_biases", "_unround_others"):
            patch.setattr(int8, name, lambda *given: None)
        patch.setattr(int8, "equalized", lambda model, _: copied(model))
        made = int8.quantize(exact, SEEN)
    return exact, made.model


def errors(made: ir.Model, exact: ir.Model) -> np.ndarray:
    both = zip(observed(made, UNSEEN), observed(exact, UNSEEN), strict=True)
    return np.stack([one[0] - other[0] for one, other in both])


def test_errors_of_weights_cancel_on_images_that_were_not_seen(models: tuple[ir.Model, ir.Model]) -> None:
    exact, made = models
    nearest = errors(made, exact)
    round_weights(made, exact, SEEN)
    chosen = errors(made, exact)
    assert np.square(chosen).mean() < 0.7 * np.square(nearest).mean()
    constants = [
        value.const_value.numpy() for value in made.graph.initializers.values() if value.const_value is not None
    ]
    (weights,) = [one for one in constants if one.ndim == 4]
    assert weights.dtype == np.int8
    assert np.abs(weights.astype(int)).max() <= 127


def test_the_mean_of_every_channel_is_right_again(models: tuple[ir.Model, ir.Model]) -> None:
    exact, made = models
    before = np.abs(errors(made, exact).mean((0, 1, 3, 4))).max()
    correct_biases(made, exact, SEEN)
    after = np.abs(errors(made, exact).mean((0, 1, 3, 4))).max()
    assert after < before / 5
