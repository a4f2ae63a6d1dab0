"""OpenVINO takes the typed ONNX file as it is and compiles it when it is opened. bf16 is fast where the CPU has it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gantools.core.artifact import GraphFile, Settings
from gantools.core.events import OnEvent, ignore
from gantools.optimize.plan import Plan, PlanPrecision, Rest
from gantools.runtime.backends.openvino import cpu_capabilities


class OpenVinoTarget:
    """See the module."""

    device = "cpu"

    def refusal(self, plan: Plan) -> tuple[str, str] | None:
        """It runs on CPUs here."""
        if plan.device not in (None, "cpu"):
            return f"target 'openvino' runs on device 'cpu', got '{plan.device}'.", "leave --device out"
        return None

    def compile(
        self,
        typed: Path,  # noqa: ARG002 - nothing to compile
        graph: GraphFile,
        plan: Plan,  # noqa: ARG002
        on_event: OnEvent = ignore,  # noqa: ARG002
    ) -> GraphFile:
        """The file itself."""
        return graph.model_copy(update={"backend": "openvino"})

    def native_precision(self, device: str | None) -> PlanPrecision:  # noqa: ARG002 - it has but one
        """As OpenVINO says of this CPU: bf16 where it has instructions for it."""
        return "bf16" if "BF16" in cpu_capabilities() else "fp32"

    def precisions(
        self,
        device: str | None,  # noqa: ARG002 - it has but one
        *,
        of_texts: bool = False,  # noqa: ARG002 - the same for all
    ) -> tuple[PlanPrecision, ...]:
        """Fp32, and what OpenVINO says of this CPU."""
        capabilities = cpu_capabilities()
        low: tuple[PlanPrecision, ...] = ("bf16", "int8")
        return ("fp32", *(name for name in low if name.upper() in capabilities))

    def settings(self, device: str) -> Mapping[str, Settings]:  # noqa: ARG002 - it has but one
        """Threads that the system may move: better where other work keeps a core busy."""
        return {"unpinned": {"ENABLE_CPU_PINNING": False}}

    def rest(self) -> Rest:
        """As OpenVINO says of this CPU."""
        return "bf16" if "BF16" in cpu_capabilities() else "fp32"

    def hint(self, plan: Plan) -> str | None:
        """CPUs that multiply in fp16 are rare (AVX-512 FP16); in bf16, common."""
        return (
            "this CPU does not multiply in fp16; use --precision bf16"
            if plan.precision == "fp16"
            else (f"this CPU does not multiply in {plan.precision}; use --precision fp32")
        )


target = OpenVinoTarget()
