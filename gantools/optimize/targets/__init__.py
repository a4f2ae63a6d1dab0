"""The table of targets: who compiles a typed ONNX file. A target is named after the backend it compiles for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from gantools.core.artifact import GraphFile, Settings
from gantools.core.events import OnEvent, ignore
from gantools.core.registry import Table
from gantools.optimize.plan import Plan, PlanPrecision, Rest


class Target(Protocol):
    """Makes the file that a backend opens. It compiles what it is given and changes no precision."""

    device: str
    """Where its graphs run when the plan does not say."""

    def refusal(self, plan: Plan) -> tuple[str, str] | None:
        """One sentence and a hint for a plan that cannot work, known before anything is built; None: it may."""

    def compile(self, typed: Path, graph: GraphFile, plan: Plan, on_event: OnEvent = ignore) -> GraphFile:
        """Compile a typed ONNX file that lies in the staged folder of the new artifact.

        Args:
            typed: The file. A target that makes another file of it removes it.
            graph: Its entry: name, precision, spec and device.
            plan: The rest.
            on_event: Who watches.

        Returns:
            The entry of the compiled graph, whose file lies in the same folder.

        Raises:
            BackendError: The compiler refused.
            MissingDependencyError: The compiler is not installed.
        """

    def native_precision(self, device: str | None) -> PlanPrecision:
        """The least bits of a float that a device multiplies in; none: the target's own device."""

    def precisions(self, device: str | None, *, of_texts: bool = False) -> tuple[PlanPrecision, ...]:
        """What a device multiplies in at a speed that is worth a try.

        Args:
            device: None: the target's own device.
            of_texts: Whether all products are of matrices.
        """

    def settings(self, device: str) -> Mapping[str, Settings]:
        """Settings of its backend that are faster for some graphs: name -> settings."""

    def rest(self) -> Rest:
        """What it computes best beside int8."""

    def hint(self, plan: Plan) -> str | None:
        """What to do when the runtime computed in another precision."""


TARGETS: Table[Target] = Table(
    "target",
    {
        "onnxruntime": "gantools.optimize.targets.onnxruntime:target",
        "openvino": "gantools.optimize.targets.openvino:target",
        "tensorrt": "gantools.optimize.targets.tensorrt:target",
        "tensorrt-rtx": "gantools.optimize.targets.tensorrt_rtx:target",
    },
)
