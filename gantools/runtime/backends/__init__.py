"""The table of backends. One file each; the heavy library is imported when a backend is probed or opened."""

from gantools.core.registry import Table
from gantools.runtime.backends.base import Backend

BACKENDS: Table[Backend] = Table(
    "backend",
    {
        "onnxruntime": "gantools.runtime.backends.onnxruntime:backend",
        "onnxruntime-openvino": "gantools.runtime.backends.onnxruntime_openvino:backend",
        "onnxruntime-tensorrt-rtx": "gantools.runtime.backends.onnxruntime_tensorrt_rtx:backend",
        "openvino": "gantools.runtime.backends.openvino:backend",
        "tensorrt": "gantools.runtime.backends.tensorrt:backend",
        "tensorrt-rtx": "gantools.runtime.backends.tensorrt_rtx:backend",
        "torch": "gantools.export.eager:backend",
    },
)
