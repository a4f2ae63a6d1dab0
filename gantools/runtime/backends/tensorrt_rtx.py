"""TensorRT-RTX on consumer and workstation GPUs. See ``nvidia_engine``."""

from gantools.runtime.backends.nvidia_engine import EngineBackend

backend = EngineBackend("tensorrt-rtx", "tensorrt_rtx")
