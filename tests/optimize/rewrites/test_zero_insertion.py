"""Zeros between pixels, spelled in every way: found by where values come out, and what is something else stays."""

import numpy as np
import pytest
from onnx import helper

from gantools.optimize.rewrites import zero_insertion
from tests.optimize.rewrites.chains import Chain, always, assert_same, kinds, rewritten

SIZE = (2, 4, 5, 3)  # batch, channels, height, width


def by_padding(chain: Chain, strides: tuple[int, int]) -> Chain:
    """As upfirdn2d does: a new axis after each of the two, zeros along it, and the axes merged."""
    batch, channels, height, width = SIZE
    down, right = strides
    chain.then("Reshape", chain.constant(np.array([batch, channels, height, 1, width, 1])))
    pads = np.zeros(12, np.int64)
    pads[9], pads[11] = down - 1, right - 1
    chain.then("Pad", chain.constant(pads))
    return chain.then("Reshape", chain.constant(np.array([batch, channels, height * down, width * right])))


def by_concatenation(chain: Chain, strides: tuple[int, int]) -> Chain:
    """Columns of zeros beside each pixel, then rows of zeros, with everything flat."""
    batch, channels, height, width = SIZE
    down, right = strides
    chain.then("Reshape", chain.constant(np.array([-1, 1])))
    chain.then("Concat", chain.constant(np.zeros((np.prod(SIZE), right - 1), np.float32)), axis=1)
    chain.then("Reshape", chain.constant(np.array([-1, width * right])))
    rows = batch * channels * height
    chain.then("Concat", chain.constant(np.zeros((rows, (down - 1) * width * right), np.float32)), axis=1)
    return chain.then("Reshape", chain.constant(np.array([batch, channels, height * down, width * right])))


def padded(chain: Chain, top: int, left: int, bottom: int, right: int) -> Chain:
    return chain.then("Pad", chain.constant(np.array([0, 0, top, left, 0, 0, bottom, right])))


@pytest.mark.parametrize("insert", [by_padding, by_concatenation])
@pytest.mark.parametrize("strides", [(2, 2), (3, 2), (1, 2)])
@pytest.mark.parametrize(
    ("pads", "own"), [((1, 1, 1, 1), [0] * 4), ((2, 3, 1, 2), [0] * 4), ((0, 0, 0, 0), [1, 2, 1, 1])]
)
@pytest.mark.parametrize("groups", [1, 4])
def test_zeros_between_pixels_are_strides_of_a_transposed_convolution(
    insert: object, strides: tuple[int, int], pads: tuple[int, int, int, int], own: list[int], groups: int
) -> None:
    chain = insert(Chain(SIZE), strides)  # type: ignore[operator]
    if any(pads):
        padded(chain, *pads)
    weight = chain.draw(8, 4 // groups, 4, 4)
    chain.then("Conv", weight, chain.draw(8), group=groups, pads=own)
    before = chain.model()
    after, count = rewritten(before, zero_insertion.rewrite, always("transposed"))
    assert count == 1
    assert kinds(after) == ["ConvTranspose"]
    assert_same(before, after)


def between_zeros(chain: Chain, shape: tuple[int, int, int, int], rows: tuple[int, int]) -> Chain:
    """Rows of zeros above and below, which are not spelled as a Pad: those are put into convolutions before."""
    zeros = [chain.constant(np.zeros((*shape[:2], count, shape[3]), np.float32)) for count in rows]
    output = f"v{len(chain.nodes)}"
    chain.nodes.append(helper.make_node("Concat", [zeros[0], chain.last, zeros[1]], [output], name=output, axis=2))
    chain.last = output
    return chain


def test_zeros_around_a_map_are_padding() -> None:
    chain = between_zeros(Chain(SIZE), SIZE, (1, 2))
    chain.then("Conv", chain.draw(8, 4, 3, 3), pads=[1, 1, 1, 1])
    before = chain.model()
    after, count = rewritten(before, zero_insertion.rewrite, always("padded"))
    assert (count, kinds(after)) == (1, ["Conv"])
    (pads,) = [attribute.ints for attribute in after.graph.node[0].attribute if attribute.name == "pads"]
    assert list(pads) == [2, 1, 3, 1]
    assert_same(before, after)


@pytest.mark.parametrize("spelled", ["Pad", "own padding"])
def test_a_single_pixel_amid_zeros_is_a_transposed_convolution_which_others_know(spelled: str) -> None:
    chain = Chain((2, 4, 1, 1))
    if spelled == "Pad":
        padded(chain, 3, 3, 3, 3)
    chain.then("Conv", chain.draw(8, 4, 4, 4), pads=[0 if spelled == "Pad" else 3] * 4)
    before = chain.model()
    after, count = rewritten(before, zero_insertion.rewrite, always("transposed"))
    assert (count, kinds(after)) == (1, ["ConvTranspose"])
    assert_same(before, after)


def no_site(chain: Chain) -> None:
    before = chain.model()
    after, count = rewritten(before, zero_insertion.rewrite, always("transposed"))
    assert count == 0
    assert_same(before, after)


def test_what_is_no_insertion_of_zeros_is_left_alone() -> None:
    ones = by_padding(Chain(SIZE), (2, 2))
    ones.then("Pad", ones.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])), ones.constant(np.array(1, np.float32)))
    ones.then("Conv", ones.draw(8, 4, 4, 4))
    no_site(ones)
    reflected = by_padding(Chain(SIZE), (2, 2))
    reflected.then("Pad", reflected.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])), mode="reflect")
    reflected.then("Conv", reflected.draw(8, 4, 4, 4))
    no_site(reflected)
    turned = padded(Chain((2, 4, 5, 5)).then("Transpose", perm=[0, 1, 3, 2]), 1, 1, 1, 1)
    turned.then("Conv", turned.draw(8, 4, 3, 3))
    no_site(turned)
    free = padded(Chain(("batch", 4, 5, 3)), 1, 1, 1, 1)  # one is known to fit all batches only where sizes are known
    free.then("Conv", free.draw(8, 4, 3, 3))
    no_site(free)
    wide = padded(by_padding(Chain(SIZE), (2, 2)), 5, 5, 5, 5)  # more zeros than a transposed convolution leaves out
    wide.then("Conv", wide.draw(8, 4, 3, 3))
    no_site(wide)


def test_a_value_that_others_see_is_kept() -> None:
    chain = by_padding(Chain(SIZE), (2, 2))
    seen = chain.last
    chain.then("Conv", chain.draw(4, 4, 3, 3), pads=[1] * 4).then("Add", seen)
    no_site(chain)
