"""TensorRT-RTX and CUDA as far as an engine of one output needs them, of numpy: host memory stands for the device.

A kernel is "compiled" for every new shape, and the runtime cache is lines of text, one for each.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import numpy as np

VALIDITY = SimpleNamespace(VALID=0, SUBOPTIMAL=1, INVALID=2)
FLAGS = {"VERSION_MISMATCH": 1, "UNSUPPORTED_CC": 2, "OLD_CUDA_DRIVER": 4, "OLD_CUDA_RUNTIME": 8}
FLAGS |= {"INSUFFICIENT_GPU_MEMORY": 16, "MALFORMED_ENGINE": 32, "CUDA_ERROR": 64}


def engine_bytes(payload: bytes = b"weights") -> bytes:
    """What begins as a real engine does."""
    length = 28 + len(payload)
    return b"vtrt" + bytes(12) + length.to_bytes(8, "little") + bytes((9, 9, 9, 9)) + payload


class FakeRuntimeCache:
    def __init__(self) -> None:
        self.kernels: set[str] = set()

    def deserialize(self, content: bytes) -> bool:
        if content.startswith(b"refused"):
            return False
        self.kernels |= set(content.decode().split())
        return True

    def serialize(self) -> bytes:
        return "\n".join(sorted(self.kernels)).encode()


class FakeRuntimeConfig:
    cache: FakeRuntimeCache

    def create_runtime_cache(self) -> FakeRuntimeCache:
        return FakeRuntimeCache()

    def set_runtime_cache(self, cache: FakeRuntimeCache) -> bool:
        self.cache = cache
        return True


class FakeContext:
    """y = x + 1, of (batch, 5) float32."""

    def __init__(self, library: FakeRtx, cache: FakeRuntimeCache) -> None:
        self.library, self.cache = library, cache
        self.shape: tuple[int, ...] = ()
        self.addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shape = tuple(shape)
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.shape

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        kernel = "x".join(map(str, self.shape))
        if kernel not in self.cache.kernels:
            self.library.compiled.append(kernel)
            self.cache.kernels.add(kernel)
        count = int(np.prod(self.shape))
        given, made = ((ctypes.c_float * count).from_address(self.addresses[name]) for name in ("x", "y"))
        for index in range(count):
            made[index] = given[index] + 1
        return True


class FakeRtx:
    """The module ``tensorrt_rtx``."""

    __version__ = "9.9.9.9"
    IRuntimeCache = FakeRuntimeCache
    EngineValidity = VALIDITY
    EngineInvalidityDiagnostics = SimpleNamespace(__members__=FLAGS)

    class ILogger:
        ERROR, INTERNAL_ERROR = "error", "internal error"

    def __init__(self) -> None:
        self.cuda = FakeCuda()
        self.compiled: list[str] = []
        self.validity: tuple[int, int] = (VALIDITY.VALID, 0)
        self.loaded: list[bytes] = []

    def Runtime(self, logger: Any) -> Any:  # noqa: N802 - the library's name
        def load(content: bytes) -> Any:
            self.loaded.append(content)
            return SimpleNamespace(
                create_runtime_config=FakeRuntimeConfig,
                create_execution_context=lambda runtime_config: FakeContext(self, runtime_config.cache),
            )

        return SimpleNamespace(get_engine_validity=lambda content: self.validity, deserialize_cuda_engine=load)


class FakeCuda:
    """The module ``cuda.bindings.runtime``, with one GPU."""

    cudaError_t = SimpleNamespace(cudaSuccess=0)  # noqa: N815
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)  # noqa: N815
    cudaDeviceAttr = SimpleNamespace(  # noqa: N815
        cudaDevAttrComputeCapabilityMajor=8, cudaDevAttrComputeCapabilityMinor=9
    )

    def __init__(self) -> None:
        self.held: dict[int, Any] = {}
        self.gpu, self.driver = b"NVIDIA L4", 13000

    def cudaGetDeviceCount(self) -> tuple[int, int]:  # noqa: N802
        return 0, 1

    def cudaDeviceGetAttribute(self, attribute: int, index: int) -> tuple[int, int]:  # noqa: N802
        return 0, attribute

    def cudaGetDeviceProperties(self, index: int) -> tuple[int, Any]:  # noqa: N802
        return 0, SimpleNamespace(name=self.gpu)

    def cudaDriverGetVersion(self) -> tuple[int, int]:  # noqa: N802
        return 0, self.driver

    def cudaSetDevice(self, index: int) -> tuple[int]:  # noqa: N802
        return (0,)

    def cudaStreamCreate(self) -> tuple[int, int]:  # noqa: N802
        return 0, 1

    def cudaStreamDestroy(self, stream: int) -> tuple[int]:  # noqa: N802
        return (0,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[int]:  # noqa: N802
        return (0,)

    def cudaMalloc(self, size: int) -> tuple[int, int]:  # noqa: N802
        buffer = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(buffer)] = buffer
        return 0, ctypes.addressof(buffer)

    def cudaFree(self, address: int) -> tuple[int]:  # noqa: N802
        del self.held[address]
        return (0,)

    def cudaMemcpyAsync(self, to: int, source: int, size: int, kind: int, stream: int) -> tuple[int]:  # noqa: N802
        ctypes.memmove(to, source, size)
        return (0,)
