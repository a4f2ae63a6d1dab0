"""ONNX Runtime takes the typed ONNX file and compiles it when it is opened; for int8 on a CPU see ``integers``.

On a CPU it has no bf16 convolutions, and computes fp16 in fp32 between casts; both gain their speed on CUDA.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gantools.core.artifact import GraphFile, Settings
from gantools.core.events import OnEvent, ignore
from gantools.optimize.plan import Plan, PlanPrecision, Rest
from gantools.optimize.targets.integers import in_integers

_INSTEAD = "use --target openvino --precision bf16 for this CPU, or --device cuda"


class OnnxRuntimeTarget:
    """See the module."""

    device = "cpu"

    def refusal(self, plan: Plan) -> tuple[str, str] | None:
        """There are no bf16 kernels for the CPU: such a graph would not even open."""
        if plan.precision == "bf16" and (plan.device or self.device) == "cpu":
            return "ONNX Runtime has no bf16 convolutions on a CPU.", _INSTEAD
        return None

    def compile(
        self,
        typed: Path,
        graph: GraphFile,
        plan: Plan,
        on_event: OnEvent = ignore,  # noqa: ARG002
    ) -> GraphFile:
        """The file itself, in the operations that are fast."""
        if plan.precision == "int8" and (plan.device or self.device) == "cpu":
            in_integers(typed)
        return graph.model_copy(update={"backend": "onnxruntime"})

    def native_precision(self, device: str | None) -> PlanPrecision:
        """Fp16 on CUDA, fp32 elsewhere."""
        return "fp16" if (device or self.device).startswith("cuda") else "fp32"

    def precisions(self, device: str | None, *, of_texts: bool = False) -> tuple[PlanPrecision, ...]:
        """Fp32, and fp16 on CUDA; on a CPU int8 products of matrices, which are all that texts have."""
        if (device or self.device).startswith("cuda"):
            return ("fp32", "fp16")
        return ("fp32", "int8") if of_texts else ("fp32",)

    def settings(self, device: str) -> Mapping[str, Settings]:
        """On a CPU, channels one after another: better than in blocks of 16 where layers have few of them.

        On CUDA, starting all kernels at once: they are done sooner than a CPU starts them one by one where they are
        small; and channels last, as tensor cores want them.
        """
        if not device.startswith("cuda"):
            return {"NCHW": {"graph_optimization_level": "extended"}}
        recorded: Settings = {"enable_cuda_graph": "1"}
        channels_last: Settings = {"prefer_nhwc": "1"}
        return {"CUDA graph": recorded, "NHWC": channels_last, "NHWC, CUDA graph": channels_last | recorded}

    def rest(self) -> Rest:
        """There are no bf16 kernels for the CPU."""
        return "fp32"

    def hint(self, plan: Plan) -> str | None:
        """On a CPU, only fp32 is computed as asked."""
        return _INSTEAD if (plan.device or self.device) == "cpu" else None


target = OnnxRuntimeTarget()
