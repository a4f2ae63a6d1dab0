"""Rewrites other than upsampling: the same function, the nodes that were promised, and what is left alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from gantools.optimize.rewrites import affine, commute, fir, projection
from gantools.optimize.rewrites.site import Rewrite
from tests.optimize.rewrites.chains import Chain, always, assert_same, kinds, rewritten

Case = tuple[Rewrite, str, Callable[[], Chain], list[str]]


def _norm(chain: Chain, channels: int) -> Chain:
    variance = chain.constant(chain.rng.uniform(0.5, 2, channels).astype(np.float32))
    return chain.then("BatchNormalization", *(chain.draw(channels) for _ in range(3)), variance)


def _conv(chain: Chain, inputs: int, outputs: int, size: int, group: int = 1, **attributes: Any) -> Chain:
    return chain.then(
        "Conv", chain.draw(outputs, inputs // group, size, size), chain.draw(outputs), group=group, **attributes
    )


def _projection() -> Chain:
    chain = Chain(("batch", 6, 1, 1))
    return chain.then("ConvTranspose", chain.draw(6, 5, 4, 3), chain.draw(5), strides=[2, 1])


def _cropped_projection() -> Chain:
    chain = Chain(("batch", 6, 1, 1))
    return chain.then("ConvTranspose", chain.draw(6, 5, 4, 4), strides=[2, 2], pads=[1, 2, 0, 1], output_padding=[1, 0])


def _padded_projection() -> Chain:
    chain = Chain(("batch", 2, 1, 1))
    return chain.then("ConvTranspose", chain.draw(2, 3, 2, 2), chain.draw(3), strides=[3, 3], output_padding=[2, 1])


def _chain_after_enlarging() -> Chain:
    chain = _conv(Chain(("batch", 4, 3, 5)).doubled(), 4, 6, 1)
    chain.then("PRelu", chain.draw(6, 1, 1))
    chain = _norm(chain, 6)
    chain.then("Mul", chain.draw(1, 6, 1, 1), first=False).then("Clip", chain.constant(np.array(-1, np.float32)))
    return chain.then("Tanh")


def _average() -> Chain:
    return _conv(Chain(("batch", 4, 8, 6)), 4, 6, 1, group=2).then("AveragePool", kernel_shape=[2, 2], strides=[2, 2])


def _blur_after() -> Chain:
    chain = Chain(("batch", 4, 5, 4))
    chain.then("ConvTranspose", chain.draw(4, 3, 3, 3), strides=[2, 2])
    return chain.then("Conv", chain.draw(3, 1, 4, 4), chain.draw(3), pads=[1] * 4, group=3)


def _grouped_blur_after() -> Chain:
    chain = Chain(("batch", 4, 5, 4))
    chain.then("ConvTranspose", chain.draw(4, 3, 3, 2), strides=[2, 3], group=2, output_padding=[1, 0])
    return chain.then("Conv", chain.draw(6, 1, 4, 3), pads=[1, 0, 2, 1], group=6)


def _blur_before() -> Chain:
    chain = Chain(("batch", 4, 8, 9))
    chain.then("Conv", chain.draw(4, 1, 4, 4), pads=[2] * 4, group=4)
    return _conv(chain, 4, 6, 3, strides=[2, 2], group=2)


def _separable_blur() -> Chain:
    chain = Chain(("batch", 4, 8, 9))
    chain.then("Conv", chain.draw(4, 1, 4, 1), pads=[1, 0, 2, 0], group=4)
    return chain.then("Conv", chain.draw(4, 1, 1, 4), pads=[0, 2, 0, 1], group=4)


def _scaled_conv() -> Chain:
    chain = _norm(_conv(Chain(("batch", 4, 6, 6)), 4, 6, 3, group=2), 6)
    chain.then("Div", chain.constant(np.array([[[2.0]]], np.float32)))
    return chain.then("Sub", chain.draw(6, 1, 1), first=False)


def _scaled_transposed() -> Chain:
    chain = Chain(("batch", 4, 6, 6))
    return chain.then("ConvTranspose", chain.draw(4, 3, 3, 3), group=2).then("Mul", chain.draw(1, 6, 1, 1))


def _scaled_product() -> Chain:
    chain = Chain(("batch", 5))
    chain.then("Gemm", chain.draw(7, 5), chain.draw(1, 7), transB=1)
    return _norm(chain, 7).then("Mul", chain.draw(7))


def _clipped() -> Chain:
    chain = _conv(Chain(("batch", 4, 6, 6)), 4, 3, 3)
    chain.then("Clip", *(chain.constant(np.array(value, np.float32)) for value in (0, 1)))
    return chain.then("Mul", chain.constant(np.array(255, np.float32)))


def _scaled_before() -> Chain:
    chain = _norm(Chain(("batch", 4, 6, 6)), 4)
    return _conv(chain, 4, 6, 3, group=2)


def _scaled_before_transposed() -> Chain:
    chain = Chain(("batch", 4, 6, 6))
    chain.then("Mul", chain.draw(4, 1, 1))
    return chain.then("ConvTranspose", chain.draw(4, 3, 3, 3), chain.draw(3), strides=[2, 2], pads=[1] * 4)


CASES: dict[str, Case] = {
    "projection": (projection.rewrite, "product", _projection, ["Reshape", "Gemm", "Reshape"]),
    "cropped projection": (projection.rewrite, "product", _cropped_projection, ["Reshape", "Gemm", "Reshape"]),
    "padded projection": (projection.rewrite, "product", _padded_projection, ["Reshape", "Gemm", "Reshape"]),
    "after enlarging": (
        commute.rewrite,
        "enlarge_last",
        _chain_after_enlarging,
        ["Conv", "PRelu", "BatchNormalization", "Mul", "Clip", "Tanh", "Resize"],
    ),
    "averaged": (commute.rewrite, "average_first", _average, ["AveragePool", "Conv"]),
    "blurred after": (fir.rewrite, "composed", _blur_after, ["ConvTranspose"]),
    "blurred in groups": (fir.rewrite, "composed", _grouped_blur_after, ["ConvTranspose"]),
    "blurred before": (fir.rewrite, "composed", _blur_before, ["Conv"]),
    "separable blur": (fir.rewrite, "composed", _separable_blur, ["Conv"]),
    "scaled": (affine.rewrite, "folded", _scaled_conv, ["Conv"]),
    "scaled transposed": (affine.rewrite, "folded", _scaled_transposed, ["ConvTranspose"]),
    "scaled product": (affine.rewrite, "folded", _scaled_product, ["Gemm"]),
    "clipped": (affine.rewrite, "folded", _clipped, ["Conv", "Clip"]),
    "scaled before": (affine.rewrite, "folded_after", _scaled_before, ["Conv"]),
    "scaled before transposed": (affine.rewrite, "folded_after", _scaled_before_transposed, ["ConvTranspose"]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_function_in_the_promised_nodes_and_no_further_change(name: str) -> None:
    find, form, make, expected = CASES[name]
    model = make().model()
    after, count = rewritten(model, find, always(form))
    assert count >= 1
    assert kinds(after) == expected
    assert_same(model, after)
    assert_same(model, after, batch=1)
    again, count = rewritten(after, find, always(form))
    assert (count, kinds(again)) == (0, expected)


def _shifted_before_padding() -> Chain:
    chain = Chain((2, 4, 6, 6))
    return _conv(chain.then("Add", chain.draw(4, 1, 1)), 4, 3, 3, pads=[1] * 4)


def _negative_before_clip() -> Chain:
    chain = _conv(Chain((2, 4, 6, 6)), 4, 3, 3)
    return chain.then("Clip", chain.constant(np.array(0, np.float32))).then(
        "Mul", chain.constant(np.array(-2, np.float32))
    )


def _by_pixel() -> Chain:
    chain = _conv(Chain((2, 4, 6, 6)), 4, 3, 3)
    return chain.then("Mul", chain.draw(1, 1, 4, 4))


def _widening() -> Chain:
    chain = _conv(Chain((2, 4, 6, 6)), 4, 1, 3)
    return chain.then("Add", chain.draw(5, 1, 1))


def _blur_with_cut() -> Chain:
    chain = Chain((2, 4, 5, 4))
    chain.then("ConvTranspose", chain.draw(4, 3, 4, 4), strides=[2, 2], pads=[1] * 4)
    return chain.then("Conv", chain.draw(3, 1, 3, 3), pads=[1] * 4, group=3)


def _padded_average() -> Chain:
    chain = _conv(Chain((2, 4, 8, 6)), 4, 6, 1)
    return chain.then("AveragePool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, count_include_pad=1)


def _noise_after_enlarging() -> Chain:
    chain = Chain((2, 4, 3, 3)).doubled()
    return chain.then("Add", chain.draw(1, 1, 6, 6))


LEFT_ALONE: dict[str, tuple[Rewrite, Callable[[], Chain]]] = {
    "a shift before padding": (affine.rewrite, _shifted_before_padding),
    "a clip turned over": (affine.rewrite, _negative_before_clip),
    "a factor for each pixel": (affine.rewrite, _by_pixel),
    "a shift that adds channels": (affine.rewrite, _widening),
    "a filter of what was cut": (fir.rewrite, _blur_with_cut),
    "an average over padding": (commute.rewrite, _padded_average),
    "noise for each pixel": (commute.rewrite, _noise_after_enlarging),
}
FORMS = ("folded", "folded_after", "in_table", "composed", "enlarge_last", "average_first", "product")


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_where_the_equation_does_not_hold_nothing_changes(name: str) -> None:
    find, make = LEFT_ALONE[name]
    model = make().model()
    for form in FORMS:
        after, count = rewritten(model, find, always(form))
        assert count == 0
        assert_same(model, after)


def _conditional() -> onnx.ModelProto:
    chain = Chain(("batch", 4, 5, 5))
    chain = _norm(chain, 4)
    axes = chain.constant(np.array([2, 3], np.int64))
    for kind, table in (("Mul", "scales"), ("Add", "shifts")):
        rows = chain.draw(3, 4)
        chain.nodes.append(helper.make_node("Gather", [rows, "label"], [table], name=table))
        chain.nodes.append(helper.make_node("Unsqueeze", [table, axes], [f"{table}_4"], name=f"{table}_4"))
        chain.then(kind, f"{table}_4")
    label = helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"])
    return chain.model(label)


def test_a_norm_with_classes_goes_into_its_tables() -> None:
    model = _conditional()
    after, count = rewritten(model, affine.rewrite, always("in_table"))
    assert count == 1
    assert sorted(kinds(after)) == ["Add", "Gather", "Gather", "Mul", "Unsqueeze", "Unsqueeze"]
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 5)).astype(np.float32)
    assert_same(model, after, inputs={"x": x, "label": np.array([2, 0, 1])})
    _, count = rewritten(after, affine.rewrite, always("in_table"))
    assert count == 0


@given(
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    taps=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    pads=st.tuples(*[st.integers(0, 3)] * 4),
    stride=st.integers(1, 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_a_filter_after_a_whole_transposed_convolution(
    kernel: tuple[int, int], taps: tuple[int, int], pads: tuple[int, int, int, int], stride: int, seed: int
) -> None:
    chain = Chain(("batch", 3, 4, 5), seed)
    chain.then("ConvTranspose", chain.draw(3, 2, *kernel), strides=[stride] * 2)
    limits = [min(pad, taps[i % 2] - 1) for i, pad in enumerate(pads)]
    if any(
        stride * (size - 1) + kernel[axis] + limits[axis] + limits[axis + 2] < taps[axis]
        for axis, size in ((0, 4), (1, 5))
    ):
        return
    model = chain.then("Conv", chain.draw(2, 1, *taps), pads=limits, group=2).model()
    after, count = rewritten(model, fir.rewrite, always("composed"))
    assert (count, kinds(after)) == (1, ["ConvTranspose"])
    assert_same(model, after)
