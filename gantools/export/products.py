"""How fast PyTorch multiplies matrices and copies memory, for ``bench.ceilings``, which may not import it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

from gantools.timing.kernels import Kernels, Movement

_DTYPES = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_PRECISIONS = {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "tf32", "bf16", "fp16")}
_COPIES = 20
"""In one call: starting one takes as long as copying a few megabytes."""


def kernels(device: str) -> Kernels:
    """Of matrices that lie on the device: float ones, and int8 by int8 into whole numbers of 32 bits."""
    kind = device.partition(":")[0]
    if kind == "cuda" and not torch.cuda.is_available():
        return {}
    floats: dict[str, Callable[..., Any]] = {
        "torch.mm": torch.mm,
        "torch.nn.functional.linear": torch.nn.functional.linear,
    }
    found = {
        (precision, name): partial(_opened, product, device, precision, False)
        for precision in _PRECISIONS[kind]
        for name, product in floats.items()
    }
    for name, columns in (("torch._int_mm", False), ("torch._int_mm of columns", True)):
        found["int8", name] = partial(_opened, torch._int_mm, device, "int8", columns)
    return found


@contextmanager
def _opened(
    product: Callable[..., Any], device: str, precision: str, columns: bool, size: int, threads: int
) -> Iterator[Callable[[], object]]:
    """A product, with the settings of PyTorch as they were when it is done."""
    before = torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32
    torch.set_num_threads(threads)
    try:
        if precision == "int8":
            left, right = (torch.randint(-127, 128, (size, size), dtype=torch.int8).to(device) for _ in range(2))
        else:
            left, right = (torch.randn(size, size).to(device, _DTYPES[precision]) for _ in range(2))
        yield partial(_multiply, product, left, right.t() if columns else right, precision == "tf32")
    finally:
        torch.set_num_threads(before[0])
        torch.backends.cuda.matmul.allow_tf32 = before[1]


def _multiply(product: Callable[..., Any], left: torch.Tensor, right: torch.Tensor, tf32: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    with torch.inference_mode():
        product(left, right)
    if left.is_cuda:
        torch.cuda.synchronize(left.device)


def movement(device: str, working_bytes: int, threads: int) -> dict[str, Movement]:  # noqa: ARG001 - a GPU has its own
    """Copies inside the memory of a GPU.

    Args:
        device: ``cuda`` or ``cuda:N``.
        working_bytes: Read and written by one copy.
        threads: Of the CPU; they have no part in it.
    """
    source, target = (torch.ones(working_bytes // 2, dtype=torch.uint8, device=device) for _ in range(2))
    return {"torch.Tensor.copy_": Movement([partial(_copy, source, target)], _COPIES * (working_bytes // 2) * 2)}


def _copy(source: torch.Tensor, target: torch.Tensor) -> None:
    with torch.inference_mode():
        for _ in range(_COPIES):
            target.copy_(source)
    torch.cuda.synchronize(source.device)
