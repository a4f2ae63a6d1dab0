"""Every form of a convolution that enlarges is the same function, at all sizes, kernels and paddings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from gantools.optimize.rewrites import upsampling
from tests.optimize.rewrites.chains import Chain, always, assert_same, kinds, rewritten

RESIZE = {"transposed": ["ConvTranspose"], "phases": ["Conv", "DepthToSpace"]}
RESIZE["split_phases"] = ["Conv"] * 4 + ["Concat", "DepthToSpace"]
sizes = st.integers(1, 7)


@given(
    form=st.sampled_from(list(RESIZE)),
    factor=st.integers(2, 4),
    kernel=st.tuples(st.integers(1, 5), st.integers(2, 5)),
    before=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    groups=st.sampled_from([1, 2]),
    height=sizes,
    width=sizes,
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_an_enlargement_and_a_convolution(
    form: str,
    factor: int,
    kernel: tuple[int, int],
    before: tuple[int, int],
    groups: int,
    height: int,
    width: int,
    bias: bool,
    seed: int,
) -> None:
    chain = Chain(("batch", 4, height, width), seed).doubled(factor)
    begin = [min(before[axis], kernel[axis] - 1) for axis in (0, 1)]
    end = [kernel[axis] - 1 - begin[axis] for axis in (0, 1)]
    constants = [chain.draw(6, 4 // groups, *kernel), *([chain.draw(6)] if bias else [])]
    model = chain.then("Conv", *constants, pads=[*begin, *end], kernel_shape=kernel, group=groups).model()
    after, count = rewritten(model, upsampling.rewrite, always(form))
    assert count == 1
    assert "Resize" not in kinds(after)
    assert_same(model, after)


@given(
    form=st.sampled_from(["phases", "split_phases"]),
    factor=st.integers(2, 4),
    kernel=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    before=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    groups=st.sampled_from([1, 2]),
    height=sizes,
    width=st.integers(2, 7),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_a_transposed_convolution(
    form: str,
    factor: int,
    kernel: tuple[int, int],
    before: tuple[int, int],
    groups: int,
    height: int,
    width: int,
    seed: int,
) -> None:
    chain = Chain(("batch", 4, height, width), seed)
    begin, end, more = [], [], []
    for axis in (0, 1):
        spare = kernel[axis] - factor  # begin + end - output_padding
        begin.append(min(before[axis], max(spare, 0) + factor - 1))
        rest = spare - begin[axis]
        end.append(max(rest, 0))
        more.append(max(-rest, 0))
    if max(more) >= factor:
        return
    model = chain.then(
        "ConvTranspose",
        chain.draw(4, 3, *kernel),
        chain.draw(3 * groups),
        kernel_shape=kernel,
        strides=[factor] * 2,
        pads=[*begin, *end],
        output_padding=more,
        group=groups,
    ).model()
    after, count = rewritten(model, upsampling.rewrite, always(form))
    assert count == 1
    assert "ConvTranspose" not in kinds(after)
    assert_same(model, after)


@pytest.mark.parametrize("form", RESIZE)
def test_the_form_that_was_asked_for_is_there_and_stays(form: str) -> None:
    chain = Chain(("batch", 4, 5, 6)).doubled()
    model = chain.then("Conv", chain.draw(8, 4, 3, 3), chain.draw(8), pads=[1] * 4).model()
    after, count = rewritten(model, upsampling.rewrite, always(form))
    assert (count, kinds(after)) == (1, RESIZE[form])
    again, count = rewritten(after, upsampling.rewrite, always(form))
    assert (count, kinds(again)) == (0, RESIZE[form])


def test_phases_become_the_transposed_convolution_that_they_came_from() -> None:
    chain = Chain(("batch", 4, 5, 6))
    model = chain.then("ConvTranspose", chain.draw(4, 3, 4, 4), chain.draw(3), strides=[2, 2], pads=[1] * 4).model()
    phases, _ = rewritten(model, upsampling.rewrite, always("phases"))
    back, count = rewritten(phases, upsampling.rewrite, always("transposed"))
    assert (count, kinds(back)) == (1, ["ConvTranspose"])
    first, second = (
        next(array for array in map(numpy_helper.to_array, one.graph.initializer) if array.ndim == 4)
        for one in (model, back)
    )
    np.testing.assert_array_equal(first, second)
    assert_same(model, back)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_a_pixel_shuffle_in_either_order_of_channels(mode: str) -> None:
    chain = Chain(("batch", 4, 5, 6))
    chain.then("Conv", chain.draw(3 * 9, 4, 3, 3), pads=[1] * 4).then("DepthToSpace", blocksize=3, mode=mode)
    after, count = rewritten(chain.model(), upsampling.rewrite, always("transposed"))
    assert (count, kinds(after)) == (1, ["ConvTranspose"])
    assert_same(chain.model(), after)


@pytest.mark.parametrize(
    ("where", "rounding"),
    [("half_pixel", "round_prefer_floor"), ("pytorch_half_pixel", "round_prefer_ceil"), ("asymmetric", "floor")],
)
def test_every_way_to_say_that_pixels_are_copied(where: str, rounding: str) -> None:
    chain = Chain(("batch", 3, 4, 5))
    scales = chain.constant(np.array([1, 1, 3, 2], np.float32))
    chain.then("Resize", "", scales, coordinate_transformation_mode=where, nearest_mode=rounding)
    model = chain.then("Conv", chain.draw(2, 3, 3, 3), pads=[1] * 4).model()
    after, count = rewritten(model, upsampling.rewrite, always("transposed"))
    assert (count, kinds(after)) == (1, ["ConvTranspose"])
    assert_same(model, after)


def _refused() -> dict[str, Chain]:
    chains = {}
    chain = Chain((2, 3, 4, 4))
    scales = chain.constant(np.array([1, 1, 2, 2], np.float32))
    chain.then("Resize", "", scales, mode="linear")
    chains["a smooth enlargement"] = chain.then("Conv", chain.draw(2, 3, 3, 3), pads=[1] * 4)
    chain = Chain((2, 3, 4, 4))
    scales = chain.constant(np.array([1, 1, 3, 3], np.float32))
    chain.then("Resize", "", scales, coordinate_transformation_mode="asymmetric", nearest_mode="ceil")
    chains["pixels shifted by rounding up"] = chain.then("Conv", chain.draw(2, 3, 3, 3), pads=[1] * 4)
    chain = Chain((2, 3, 4, 4)).doubled()
    chains["a convolution that shrinks"] = chain.then("Conv", chain.draw(2, 3, 3, 3))
    chain = Chain((2, 3, 4, 4)).doubled()
    chains["a dilated one"] = chain.then("Conv", chain.draw(2, 3, 3, 3), pads=[2] * 4, dilations=[2, 2])
    chain = Chain((2, 3, 4, 4))
    chains["an odd size"] = chain.then("ConvTranspose", chain.draw(3, 2, 3, 3), strides=[2, 2])
    chain = Chain((2, 3, 4, 4))
    chain.then("Conv", chain.draw(8, 3, 3, 3), chain.draw(8), pads=[1] * 4)
    chains["a bias for each phase"] = chain.then("DepthToSpace", blocksize=2)
    return chains


@pytest.mark.parametrize("name", _refused())
def test_what_is_not_equation_1_is_left_alone(name: str) -> None:
    model = _refused()[name].model()
    for form in RESIZE:
        after, count = rewritten(model, upsampling.rewrite, always(form))
        assert count == 0
        assert_same(model, after)


def test_an_enlargement_that_others_see_stays() -> None:
    chain = Chain((2, 3, 4, 4)).doubled()
    also = chain.last
    model = chain.then("Conv", chain.draw(2, 3, 3, 3), pads=[1] * 4).model(also=(also,))
    _, count = rewritten(model, upsampling.rewrite, always("transposed"))
    assert count == 0
