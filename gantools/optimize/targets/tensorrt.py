"""Engines for TensorRT 10 and 11: data centre GPUs and Jetson. Compiled on the kind of GPU that runs them.

Not exercised by the tests of this repository: the library is not on the public index, and it compiles only where a GPU
is. Written against the documented API of 10.x and 11.x, and shares everything but these lines with TensorRT-RTX, which
is tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gantools.core.artifact import GraphFile, Requires, Settings
from gantools.core.errors import BackendError
from gantools.core.events import OnEvent, ignore
from gantools.core.optional import require
from gantools.optimize.plan import Plan, PlanPrecision, Rest
from gantools.optimize.targets.engine import compile_engine
from gantools.runtime.backends.nvidia_engine import compute_capability, device_problem, gpu_name
from gantools.timing.environment import environment


class TensorRtTarget:
    """See the module."""

    device = "cuda"

    def refusal(self, plan: Plan) -> tuple[str, str] | None:
        """Engines run on CUDA devices, and are compiled for the one that is here."""
        if not (plan.device or self.device).startswith("cuda"):
            return f"target 'tensorrt' compiles for device 'cuda', got '{plan.device}'.", "leave --device out"
        if plan.compute_capabilities:
            return (
                "target 'tensorrt' compiles for the GPU that is here, not for a list of compute capabilities.",
                "leave --compute-capability out, or use --target tensorrt-rtx",
            )
        return None

    def compile(self, typed: Path, graph: GraphFile, plan: Plan, on_event: OnEvent = ignore) -> GraphFile:
        """An engine for the GPU that is here."""
        library = require("tensorrt", extra="tensorrt", why="to compile TensorRT engines")
        device = plan.device or self.device
        if problem := device_problem(device, "tensorrt"):
            raise BackendError(
                f"TensorRT compiles on the GPU that runs the engine: {problem}", hint="use --target tensorrt-rtx"
            )
        # The driver is told by nvidia-smi alone, which a Jetson lacks; of several GPUs only the first part tells which.
        machine = "; ".join((gpu_name(device), *environment().gpus))
        compiled = compile_engine(library, "TensorRT", typed, graph, machine=machine, on_event=on_event)
        requires = Requires(
            library="tensorrt", version=library.__version__, compute_capabilities=(compute_capability(device),)
        )
        return compiled.model_copy(update={"format": "tensorrt", "backend": "tensorrt", "requires": requires})

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


target = TensorRtTarget()
