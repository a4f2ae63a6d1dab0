"""A foreign file as its makers meant it: run by ONNX Runtime as it is, with bytes and ranges converted outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gantools.core.errors import ArtifactError, first_line
from gantools.core.optional import require
from gantools.optimize.foreign.interface import Adoption, Interface, Port
from gantools.optimize.foreign.wrap import LEVELS
from gantools.runtime.backends.base import Arrays


class Original:
    """An opened foreign file.

    Args:
        path: The file.
        interface: What its inputs are.
        options: With the ranges.

    Raises:
        ArtifactError: ONNX Runtime refuses it.
    """

    def __init__(self, path: Path, interface: Interface, options: Adoption) -> None:
        ort = require("onnxruntime", extra="onnxruntime", why="to run a foreign file as it is")
        settings = ort.SessionOptions()
        settings.log_severity_level = 4
        try:
            self._session: Any = ort.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        except Exception as err:  # ONNX Runtime raises its own classes, which share no public base
            raise ArtifactError(
                f"ONNX Runtime cannot open '{path.name}': {first_line(err)}", hint="export it again"
            ) from err
        self._types = {value.name: _numpy_type(value.type) for value in self._session.get_inputs()}
        self._interface, self._options = interface, options
        self.outputs = tuple(value.name for value in self._session.get_outputs())

    def shapes(self, given: Arrays) -> dict[str, tuple[int, ...]] | str:
        """Output -> its shape, for inputs as an artifact takes them; the reason, where they cannot be run."""
        try:
            return {name: found.shape for name, found in zip(self.outputs, self._run(None, given), strict=True)}
        except Exception as err:  # as above
            return first_line(err)

    def run(self, given: Arrays, image: Port) -> npt.NDArray[np.float32]:
        """The image: (batch, channels, height, width), from -1 for black to 1 for white."""
        (found,) = self._run([image.name], given)
        black, white = (0.0, LEVELS) if image.dtype == ir.DataType.UINT8 else self._options.range_out
        values = (found.astype(np.float64) - black) * (2 / (white - black)) - 1
        return np.ascontiguousarray(values.transpose(0, 3, 1, 2) if image.channels_last else values, np.float32)

    def _run(self, names: list[str] | None, given: Arrays) -> list[npt.NDArray[Any]]:
        return list(self._session.run(names, {name: self._as_meant(name, array) for name, array in given.items()}))

    def _as_meant(self, name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        image, dtype = self._interface.image, self._types[name]
        if image is None or name != image.name:
            return array.astype(dtype)
        if dtype != np.uint8:
            assert self._options.input_range is not None
            black, white = self._options.input_range
            # As the artifact's own nodes compute it, so that a steep network sees the same bits.
            array = array.astype(np.float32) * np.float32((white - black) / LEVELS) + np.float32(black)
            array = array.astype(dtype)
        return array if image.channels_last else np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def _numpy_type(text: str) -> np.dtype[Any]:
    """Of ONNX Runtime's ``tensor(float)``."""
    name = text.removeprefix("tensor(").removesuffix(")")
    return np.dtype({"float": "float32", "double": "float64"}.get(name, name))
