"""The int8 peers of ``optimize.py``, and how far images in fewer bits lie from those of the stock export in fp32.

Both are what their documentation does, with their defaults, calibrated on the same images:

- ``by onnxruntime``: ``quant_pre_process`` and ``quantize_static``, run in ONNX Runtime and in OpenVINO.
- ``by nncf``: ``nncf.quantize`` of OpenVINO's model, run in OpenVINO; where nncf is installed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from optimize_peers import Variant, failed, onnxruntime_variant, openvino_variant, quiet

from gantools.runtime.backends.base import Arrays

CALIBRATED = 16  # images that are looked at to set scales
JUDGED = 16  # other images, that are compared
JUDGED_FROM = 10_000  # the first seed of those
LEVELS = 255.0


def int8_variants(stock: Path, inputs: list[Arrays], products: int, folder: Path) -> dict[str, Variant]:
    """Int8 peers on the CPU.

    Args:
        stock: The plain export.
        inputs: To calibrate on.
        products: Multiply-adds of the export.
        folder: A new one, for their files.
    """
    folder.mkdir()
    names = [f"{runtime} int8, stock, by onnxruntime" for runtime in ("onnxruntime", "openvino")]
    try:
        path = _by_onnxruntime(stock, inputs, folder)
        variants = {
            names[0]: onnxruntime_variant(path, "int8", products),
            names[1]: openvino_variant(path, "int8", products, {}),
        }
    except Exception as err:  # whatever it raises is the reason in its rows
        variants = {name: failed(err, "int8") for name in names}
    name = "openvino int8, stock, by nncf"
    try:
        variants[name] = openvino_variant(_by_nncf(stock, inputs, folder), "int8", products, {})
    except ModuleNotFoundError as err:
        if err.name != "nncf":
            raise
        print("nncf is not installed, and not measured", file=sys.stderr)
    except Exception as err:
        variants[name] = failed(err, "int8")
    return variants


def _by_onnxruntime(stock: Path, inputs: list[Arrays], folder: Path) -> Path:
    from onnxruntime.quantization import CalibrationDataReader, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        """One input after another."""

        def __init__(self) -> None:
            self.rest = iter(inputs)

        def get_next(self) -> Arrays | None:
            return next(self.rest, None)

    with quiet():
        quant_pre_process(stock, folder / "prepared.onnx")
        quantize_static(folder / "prepared.onnx", folder / "qdq.onnx", Reader())
    return folder / "qdq.onnx"


def _by_nncf(stock: Path, inputs: list[Arrays], folder: Path) -> Path:
    with quiet():
        import nncf  # type: ignore[import-not-found, import-untyped, unused-ignore]
        import openvino

        quantized = nncf.quantize(openvino.Core().read_model(stock), nncf.Dataset(inputs))
        openvino.save_model(quantized, folder / "nncf.xml", compress_to_fp16=False)
    return folder / "nncf.xml"


def levels_of(image: npt.NDArray[Any], black: float) -> npt.NDArray[np.float64]:
    """Floats from ``black`` (-1 or 0) to 1 as levels of 0..255, not rounded."""
    levels: npt.NDArray[np.float64] = (image.astype(np.float64) - black) * (LEVELS / (1 - black))
    return levels.clip(0, LEVELS)


def quality(levels: Iterable[npt.NDArray[np.float64]], exact: Iterable[npt.NDArray[np.float64]]) -> dict[str, Any]:
    """Root mean square of the differences in levels, and the peak signal-to-noise ratio."""
    squares = [np.square(one - other).mean() for one, other in zip(levels, exact, strict=True)]
    rms = math.sqrt(float(np.mean(squares)))
    return {"rms_levels": rms, "psnr_db": 20 * math.log10(LEVELS / rms) if rms else None}
