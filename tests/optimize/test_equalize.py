"""Channels are made alike, the function stays, and where a factor cannot be absorbed nothing happens."""

import numpy as np
import onnx_ir as ir
import pytest

from gantools.optimize.observation import observed
from gantools.optimize.passes.equalize import equalized, seams
from tests.optimize.rewrites.chains import Chain

X = {"x": np.random.default_rng(0).standard_normal((2, 4, 6, 6)).astype(np.float32)}
UNEQUAL = np.array([1, 10, 100, 1000], np.float32)


def first(kind: str) -> Chain:
    """What makes four channels of very different size."""
    chain = Chain((2, 4, 6, 6))
    if kind == "Conv":
        weight = chain.rng.standard_normal((4, 4, 3, 3)).astype(np.float32) * UNEQUAL.reshape(4, 1, 1, 1)
        return chain.then("Conv", chain.constant(weight), chain.constant(UNEQUAL), pads=[1] * 4)
    if kind == "ConvTranspose":
        weight = chain.rng.standard_normal((4, 4, 3, 3)).astype(np.float32) * UNEQUAL.reshape(1, 4, 1, 1)
        return chain.then("ConvTranspose", chain.constant(weight), pads=[1] * 4)
    chain.then("Mul", chain.constant(UNEQUAL.reshape(4, 1, 1)))
    return chain.then("Add", chain.constant(UNEQUAL.reshape(1, 4, 1, 1)))


def last(chain: Chain, kind: str) -> ir.Model:
    chain.then(kind, chain.draw(4, 4, 3, 3), pads=[1] * 4)
    return ir.from_proto(chain.model())


def spread(model: ir.Model, name: str) -> float:
    (values,) = observed(model, [X], [name])
    largest = np.abs(values[0]).max((0, 2, 3))
    return float(largest.max() / largest.min())


@pytest.mark.parametrize("taker", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize("between", ["", "Relu", "LeakyRelu", "PRelu", "Resize"])
@pytest.mark.parametrize("maker", ["Conv", "ConvTranspose", "Mul"])
def test_channels_are_alike_and_the_function_is_the_same(maker: str, between: str, taker: str) -> None:
    chain = first(maker)
    if between == "Resize":
        chain.doubled()
    elif between == "PRelu":
        chain.then("PRelu", chain.draw(4, 1, 1))
    elif between:
        chain.then(between)
    name = chain.last
    model = last(chain, taker)
    made = equalized(model, [X])
    (seam,) = seams(model)
    assert str(seam.value.name) == name
    assert spread(model, name) > 100
    assert spread(made, name) < spread(model, name) / 10
    ((before,), (after,)) = (*observed(model, [X]), *observed(made, [X]))
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5 * np.abs(before).max())


def test_a_value_that_others_see_is_left_alone() -> None:
    chain = first("Conv").then("Relu")
    chain.then("Conv", chain.draw(4, 4, 1, 1)).then("Add", "v1")  # a shortcut past the second convolution
    assert seams(ir.from_proto(chain.model())) == []
    chain = first("Conv")
    chain.then("Tanh").then("Conv", chain.draw(4, 4, 1, 1))  # commutes with no factor
    assert seams(ir.from_proto(chain.model())) == []
    chain = first("Conv")
    chain.then("Conv", chain.draw(4, 2, 1, 1), group=2)
    assert seams(ir.from_proto(chain.model())) == []
    chain = first("Conv").then("Relu")
    chain.then("Conv", chain.draw(4, 4, 1, 1))
    assert len(seams(ir.from_proto(chain.model(also=("v1",))))) == 0  # an output of the graph


def test_a_channel_that_is_silent_gets_no_scale_of_its_own() -> None:
    chain = Chain((2, 4, 6, 6))
    weight = chain.rng.standard_normal((4, 4, 1, 1)).astype(np.float32)
    weight[2] = 0
    chain.then("Conv", chain.constant(weight)).then("Conv", chain.draw(4, 4, 1, 1))
    model = ir.from_proto(chain.model())
    made = equalized(model, [X])
    ((before,), (after,)) = (*observed(model, [X]), *observed(made, [X]))
    assert np.isfinite(after).all()
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)


def test_the_model_that_is_given_is_not_changed() -> None:
    model = last(first("Conv"), "Conv")
    before = ir.to_proto(model).SerializeToString()
    equalized(model, [X])
    assert ir.to_proto(model).SerializeToString() == before
