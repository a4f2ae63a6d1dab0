import pytest
from pydantic import ValidationError

from gantools.core.spec import AxisRange, GraphSpec, TensorSpec

LATENT = TensorSpec(name="latent", dtype="float32", shape=("batch", 8))
IMAGE = TensorSpec(name="image", dtype="uint8", shape=("batch", 4, 4, 1))
BATCH = AxisRange(min=1, opt=2, max=4)


def test_an_axis_without_limits_is_refused() -> None:
    with pytest.raises(ValidationError, match="axes without limits: batch"):
        GraphSpec(inputs=(LATENT,), outputs=(IMAGE,))


def test_limits_out_of_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="1 <= min <= opt <= max"):
        AxisRange(min=4, opt=2, max=8)


def test_a_repeated_tensor_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="repeat"):
        GraphSpec(inputs=(LATENT, LATENT), outputs=(IMAGE,), axes={"batch": BATCH})


def test_concrete_shapes_follow_the_sizes() -> None:
    spec = GraphSpec(inputs=(LATENT,), outputs=(IMAGE,), axes={"batch": BATCH})
    assert IMAGE.concrete(spec.sizes("opt")) == (2, 4, 4, 1)
    assert IMAGE.concrete(spec.sizes("opt", batch=3)) == (3, 4, 4, 1)
    assert spec.with_axis("batch", AxisRange.parse("1:8:64")).axes["batch"].max == 64


def test_an_axis_may_have_a_step_and_its_tuned_sizes_are_multiples() -> None:
    limits = AxisRange.parse("64:256:1000:8")
    assert (limits.min, limits.opt, limits.max, limits.step) == (64, 256, 1000, 8)
    assert [limits.clamped(size) for size in (1, 99, 2000)] == [64, 96, 1000]
    for text in ("64:250:1000:8", "60:64:128:8", "1:2", "1:2:3:1:1"):
        with pytest.raises(ValueError, match=r"multiples of step|unpack"):
            AxisRange.parse(text)


def test_specs_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        BATCH.min = 2
