"""ONNX Runtime's CUDA graphs: all kernels of a run are recorded once and started together from then on.

A recording holds for inputs and outputs at fixed addresses, and so of fixed shapes: each set of shapes has buffers and
a recording of its own, which ONNX Runtime keeps under a number (``gpu_graph_id``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from gantools.runtime.backends.base import Arrays

MOST_RECORDINGS = 16
"""Sets of shapes that are recorded. No recording can be dropped, so later ones run as without."""
_UNRECORDED = "-1"


@dataclass(frozen=True)
class _Recording:
    options: Any
    binding: Any
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class Recordings:
    """Runs of one session by their recordings.

    Args:
        ort: The module.
        session: Opened with ``enable_cuda_graph``.
        outputs: Their names.
        place: Device and index, as OrtValues take them.
    """

    def __init__(self, ort: Any, session: Any, outputs: list[str], place: tuple[str, int]) -> None:
        self._ort, self._session, self._outputs, self._place = ort, session, outputs, place
        self._made: dict[tuple[tuple[int, ...], ...], _Recording] = {}

    def __len__(self) -> int:
        """How many sets of shapes there are."""
        return len(self._made)

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
        """Copy in, compute all outputs, copy out."""
        recording = self._filled(inputs)
        if recording is None:
            return {name: value.numpy() for name, value in self._unrecorded(inputs).items()}
        self._session.run_with_iobinding(recording.binding, recording.options)
        return {name: value.numpy() for name, value in recording.outputs.items()}

    def on_device(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Callable[[], None]:
        """A run without copies."""
        recording = self._filled(inputs)

        def call() -> None:
            if recording is None:
                self._unrecorded(inputs)
                return
            self._session.run_with_iobinding(recording.binding, recording.options)
            recording.binding.synchronize_outputs()

        return call

    def _filled(self, inputs: Mapping[str, npt.NDArray[Any]]) -> _Recording | None:
        """The recording for these shapes with these inputs in its buffers; None: there are too many already."""
        shapes = tuple(inputs[name].shape for name in sorted(inputs))
        if shapes not in self._made:
            if len(self._made) == MOST_RECORDINGS:
                return None
            self._made[shapes] = self._new(inputs)
        recording = self._made[shapes]
        for name, array in inputs.items():
            recording.inputs[name].update_inplace(array)
        return recording

    def _new(self, inputs: Mapping[str, npt.NDArray[Any]]) -> _Recording:
        """Buffers for these shapes. The first run records."""
        options = self._ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", str(len(self._made) + 1))
        binding = self._session.io_binding()
        given = {name: self._on_device(array) for name, array in inputs.items()}
        outputs = self._unrecorded(inputs)  # whose shapes nobody but the graph knows; they become the buffers
        for name, value in given.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in outputs.items():
            binding.bind_ortvalue_output(name, value)
        return _Recording(options, binding, given, outputs)

    def _unrecorded(self, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
        """One run; its outputs, on the device."""
        options = self._ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", _UNRECORDED)
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(name, self._on_device(array))
        for name in self._outputs:
            binding.bind_output(name, *self._place)
        self._session.run_with_iobinding(binding, options)
        binding.synchronize_outputs()
        return dict(zip(self._outputs, binding.get_outputs(), strict=True))

    def _on_device(self, array: npt.NDArray[Any]) -> Any:
        return self._ort.OrtValue.ortvalue_from_numpy(array, *self._place)
