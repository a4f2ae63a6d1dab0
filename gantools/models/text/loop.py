"""A loop over steps that becomes one ONNX ``Scan`` when it is exported, and is a plain loop everywhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._higher_order_ops import scan

Tensors = tuple[Tensor, ...]
Body = Callable[[Tensors, Tensors], tuple[Tensors, Tensors]]


def loop(body: Body, carried: Tensors, given: Tensors) -> tuple[Tensors, Tensors]:
    """Call ``body`` once for each step.

    Torch compiles a ``scan`` that it meets outside of an export anew for every length; a loop is quicker there, and a
    reference that shares nothing with what is exported.

    Args:
        body: (carried, what is given to this step) -> (what is carried on, what this step makes). What it carries on
            has the shapes and dtypes of what it got, and is made anew: no tensor is passed through.
        carried: What the first step gets.
        given: (steps, ...) each.

    Returns:
        What the last step carried on, and what the steps made, (steps, ...) each.
    """
    if torch.compiler.is_exporting():
        # What is carried on has the strides of a new tensor, and torch wants those from the beginning.
        result: Any = scan(body, tuple(part.contiguous() for part in carried), given)
        return result[0], result[1]
    made = []
    for step in zip(*(tensor.unbind(0) for tensor in given), strict=True):
        carried, new = body(carried, step)
        made.append(new)
    return carried, tuple(torch.stack(parts) for parts in zip(*made, strict=True))
