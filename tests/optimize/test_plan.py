import pytest

from gantools.core.errors import RecipeError, UnknownNameError
from gantools.core.spec import AxisRange
from gantools.optimize.plan import Plan, plan_from
from tests.zoo import cpu_multiplies_bf16


def test_a_plan_is_read_from_typed_options() -> None:
    plan = plan_from(
        {
            "target": "tensorrt-rtx",
            "precision": "fp16",
            "axes": {"batch": AxisRange(min=1, opt=2, max=3)},
            "compute_capabilities": "8.9, 12.0",
        }
    )
    assert plan.compute_capabilities == ("8.9", "12.0")
    assert plan.axes["batch"].max == 3
    assert plan_from({"target": "openvino", "compute_capabilities": ""}) == Plan(target="openvino")


def test_every_option_that_does_not_fit_is_named() -> None:
    with pytest.raises(RecipeError) as caught:
        plan_from({"target": "openvino", "precision": "fp8", "threads": 0, "speed": "high"})
    assert caught.value.exit_code == 2
    for part in ("precision: ", "got 'fp8'", "threads: ", "got 0", "speed: "):
        assert part in caught.value.message


def test_auto_is_what_the_device_multiplies_in() -> None:
    assert plan_from({"target": "tensorrt-rtx", "precision": "auto"}).precision == "fp16"
    assert plan_from({"target": "onnxruntime", "precision": "auto"}).precision == "fp32"
    assert plan_from({"target": "onnxruntime", "precision": "auto", "device": "cuda:1"}).precision == "fp16"
    chosen = plan_from({"target": "openvino", "precision": "auto"}).precision
    assert chosen == ("bf16" if cpu_multiplies_bf16() else "fp32")
    with pytest.raises(UnknownNameError, match="no target is called 'openvin'; did you mean 'openvino'"):
        plan_from({"target": "openvin", "precision": "auto"})
