"""Engines for TensorRT-RTX: consumer and workstation GPUs. Compiled without a GPU, finished where they run.

Without ``compute_capabilities`` an engine is portable to every device of compute capability 8.0 and later that the
library supports; 7.5 must be named, and is better compiled for alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gantools.core.artifact import GraphFile, Requires, Settings
from gantools.core.events import OnEvent, ignore
from gantools.core.optional import require
from gantools.optimize.plan import Plan, PlanPrecision, Rest
from gantools.optimize.targets.engine import compile_engine


class TensorRtRtxTarget:
    """See the module."""

    device = "cuda"

    def refusal(self, plan: Plan) -> tuple[str, str] | None:
        """Engines run on CUDA devices."""
        if not (plan.device or self.device).startswith("cuda"):
            return f"target 'tensorrt-rtx' compiles for device 'cuda', got '{plan.device}'.", "leave --device out"
        return None

    def compile(self, typed: Path, graph: GraphFile, plan: Plan, on_event: OnEvent = ignore) -> GraphFile:
        """An engine for any GPU, or for those of the plan."""
        library = require("tensorrt_rtx", extra="tensorrt-rtx", why="to compile TensorRT-RTX engines")
        compiled = compile_engine(library, "TensorRT-RTX", typed, graph, plan.compute_capabilities, on_event=on_event)
        requires = Requires(
            library="tensorrt-rtx", version=library.__version__, compute_capabilities=plan.compute_capabilities
        )
        return compiled.model_copy(update={"format": "tensorrt-rtx", "backend": "tensorrt-rtx", "requires": requires})

    def native_precision(self, device: str | None) -> PlanPrecision:  # noqa: ARG002 - the same for all it compiles for
        """Every GPU it knows has tensor cores for fp16."""
        return "fp16"

    def precisions(
        self,
        device: str | None,  # noqa: ARG002 - the same for all
        *,
        of_texts: bool = False,  # noqa: ARG002 - the same for all
    ) -> tuple[PlanPrecision, ...]:
        """Tensor cores have all of them."""
        return ("fp32", "bf16", "fp16", "int8")

    def settings(self, device: str) -> Mapping[str, Settings]:  # noqa: ARG002 - the same for all
        """None: the compiler times what there is to choose."""
        return {}

    def rest(self) -> Rest:
        """Not measured on a GPU yet: what is exact."""
        return "fp32"

    def hint(self, plan: Plan) -> str | None:  # noqa: ARG002 - strongly typed: nothing to choose
        """None: the types of the graph bind the compiler."""
        return None


target = TensorRtRtxTarget()
