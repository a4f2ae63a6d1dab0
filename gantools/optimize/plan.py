"""What an optimization shall do, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from gantools.core.errors import RecipeError
from gantools.core.spec import AxisRange, Frozen

PlanPrecision = Literal["fp32", "fp16", "bf16", "int8"]
Rest = Literal["fp32", "bf16"]


class Plan(Frozen):
    """What an optimization shall do.

    Attributes:
        target: Name in the table of targets.
        precision: What the graphs are to be computed in; also the pass that is applied. ``fp32``: none.
        rewrite: ``measured``: exact rewrites, each site in the form that is fastest where the graph will run, or that
            has the fewest products where that cannot be measured here; ``off``: none.
        forms: Graph -> rewrite -> site -> form, to make again what was measured before; none: measure.
        islands: Graph -> nodes that do not get the precision, to make again what was measured before; none: measure.
        rest: What an int8 graph computes its islands in; none: the target's choice.
        device: Where they are meant to run; none: the target's own.
        axes: Other limits for named axes; an engine is tuned for ``opt``.
        compute_capabilities: NVIDIA compute capabilities to compile for, such as ``8.9``; none: the compiler's default.
        max_loss: Metric -> how much of it the optimization may cost, in its own unit; ``levels`` is the mean absolute
            difference of pixels.
        samples: How many pairs of samples a loss is measured on.
        threads: CPU threads while verifying; none: the runtimes' own choice.
    """

    target: str
    precision: PlanPrecision = "fp32"
    rewrite: Literal["measured", "off"] = "measured"
    forms: dict[str, dict[str, dict[str, str]]] | None = None
    islands: dict[str, tuple[str, ...]] | None = None
    rest: Rest | None = None
    device: str | None = None
    axes: dict[str, AxisRange] = {}
    compute_capabilities: tuple[str, ...] = ()
    max_loss: dict[str, float] = {}
    samples: int = Field(default=2000, ge=40)
    threads: int | None = Field(default=None, ge=1)


def plan_from(options: Mapping[str, Any]) -> Plan:
    """A plan from options that people typed.

    Args:
        options: Plan fields; ``compute_capabilities`` may be one text, ``"8.9,12.0"``, and ``precision`` may be
            ``"auto"``: the least bits of a float that the target's device multiplies in.

    Raises:
        RecipeError: All options that do not fit, in one error.
        UnknownNameError: No such target.
        MissingDependencyError: ``auto``, and the target's library is not installed.
    """
    values = dict(options)
    if values.get("precision") == "auto":
        from gantools.optimize.targets import TARGETS  # which knows plans

        values["precision"] = TARGETS.load(str(values["target"])).native_precision(values.get("device"))
    if isinstance(text := values.get("compute_capabilities"), str):
        values["compute_capabilities"] = tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return Plan.model_validate(values)
    except ValidationError as err:
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}, got {item['input']!r}" for item in err.errors()]
        raise RecipeError(
            "the plan does not fit:\n  " + "\n  ".join(problems), hint="see 'gantools optimize --help'"
        ) from err
