"""ONNX Runtime with an execution provider that comes in a package of its own: what such providers have in common.

The provider gets the whole graph or none of it: that ONNX Runtime runs the rest on the CPU is forbidden. It compiles
the graph to one node, of which ONNX Runtime tells no types, so that nothing can be attested. These backends run and
measure artifacts, and are no targets of ``optimize``: the library behind each one is, and tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy.typing as npt

from gantools.core.artifact import GraphFile
from gantools.core.errors import BackendError, MissingDependencyError, first_line
from gantools.core.optional import require
from gantools.runtime.backends.base import Arrays, Availability, OpenOptions
from gantools.runtime.backends.onnxruntime import session_options

Refusal = tuple[str, str]
"""One sentence and a hint."""


@dataclass(frozen=True)
class Provider:
    """A plugin provider.

    Attributes:
        backend: Name in the table of backends, and of the extra.
        module: Of its package, which has ``get_ep_name`` and ``get_library_path``.
        device: ``cpu`` or ``cuda``.
        takes: What it takes, for messages: ``"CPUs of Intel"``.
        instead: The backend that has the same library behind it and tells what it computes in.
        options: A graph and how to open it -> the provider's own options.
        refusal: Why a graph would not be computed as asked, from what the provider tells of the device; None: it would.
    """

    backend: str
    module: str
    device: str
    takes: str
    instead: str
    options: Callable[[GraphFile, OpenOptions], dict[str, str]]
    refusal: Callable[[GraphFile, Mapping[str, str]], Refusal | None]


class PluginGraph:
    """A graph in an InferenceSession that has one provider."""

    def __init__(self, provider: Provider, path: Path, graph: GraphFile, options: OpenOptions) -> None:
        self._provider = provider
        ort, devices = _devices(provider, options.device)
        if refused := provider.refusal(graph, devices[0].ep_metadata):
            raise BackendError(refused[0], hint=refused[1])
        settings = session_options(ort, graph, options)
        settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            settings.add_provider_for_devices(devices, provider.options(graph, options))
            self._session: Any = ort.InferenceSession(path, settings)
        except Exception as err:  # ONNX Runtime raises its own classes, which share no public base
            raise BackendError(
                f"{provider.backend} cannot open '{path.name}': {first_line(err)}",
                hint=f"use --backend {provider.instead}",
            ) from err
        self._outputs = [tensor.name for tensor in graph.spec.outputs]

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Compute all outputs."""
        return dict(zip(self._outputs, self._session.run(self._outputs, inputs), strict=True))

    def on_device(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """Not offered: buffers of such providers have not been tried."""

    def layers(self) -> NoReturn:
        """It is one node to ONNX Runtime."""
        raise BackendError(
            f"{self._provider.backend} does not tell in what precision it computes: the graph is one node there.",
            hint=f"--backend {self._provider.instead} has the same library behind it, and tells",
        )

    def times_ms(self, inputs: Mapping[str, npt.NDArray[Any]]) -> None:
        """It is one node to ONNX Runtime."""

    def close(self) -> None:
        """Drop the session."""
        self._session = None


class PluginBackend:
    """See the module."""

    formats = ("onnx",)

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def probe(self, device: str = "cpu") -> Availability:
        """Whether the package is installed, and its provider takes the device."""
        try:
            ort, (found, *_) = _devices(self.provider, device)
        except (MissingDependencyError, BackendError) as err:
            return Availability(False, err.message, err.hint)
        version = found.ep_metadata.get("version", "of an unknown version")
        return Availability(True, f"onnxruntime {ort.__version__}: {found.ep_name} {version}")

    def open(self, path: Path, graph: GraphFile, options: OpenOptions) -> PluginGraph:
        """Open ``path`` in a session of its own.

        Raises:
            BackendError: The device is not taken, the precision would not be kept, or a node is not supported.
            MissingDependencyError: A package is not installed.
        """
        return PluginGraph(self.provider, path, graph, options)


def _devices(provider: Provider, device: str) -> tuple[Any, list[Any]]:
    """ONNX Runtime, and the one device that is meant, as it describes devices."""
    kind, _, index = device.partition(":")
    if kind != provider.device or not (index or "0").isdigit() or (index and kind == "cpu"):
        raise BackendError(
            f"{provider.backend} runs on device '{provider.device}', got '{device}'.",
            hint=f"use --device {provider.device}",
        )
    why = f"to run graphs with {provider.backend}"
    ort: Any = require("onnxruntime", extra=provider.backend, why=why)
    plugin: Any = require(provider.module, extra=provider.backend, why=why)
    if not hasattr(ort, "register_execution_provider_library"):
        raise BackendError(
            f"onnxruntime {ort.__version__} takes no providers from packages.", hint="pip install --upgrade onnxruntime"
        )
    name = plugin.get_ep_name()
    if all(one.ep_name != name for one in ort.get_ep_devices()):  # once for a process, whoever does it
        try:
            ort.register_execution_provider_library(provider.module, plugin.get_library_path())
        except Exception as err:  # as above; and the library may be registered, and have found no device
            if "already registered" not in str(err):
                raise BackendError(
                    f"{provider.backend} cannot be loaded: {first_line(err)}", hint=f"it takes {provider.takes}"
                ) from err
    wanted = ort.OrtHardwareDeviceType.CPU if kind == "cpu" else ort.OrtHardwareDeviceType.GPU
    found = [one for one in ort.get_ep_devices() if one.ep_name == name and one.device.type == wanted]
    if int(index or 0) >= len(found):
        raise BackendError(
            f"{name} takes {provider.takes}, and does not take '{device}' of this machine.",
            hint=f"use --backend {provider.instead}",
        )
    return ort, [found[int(index or 0)]]
