"""Does what is handed to a graph fit the graph's spec?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from gantools.core.errors import InputMismatchError
from gantools.core.spec import GraphSpec


def input_problems(
    spec: GraphSpec, dtypes: Mapping[str, np.dtype[Any]], inputs: Mapping[str, npt.NDArray[Any]]
) -> list[str]:
    """One sentence for each thing that does not fit; empty when all fits.

    Args:
        spec: The graph's interface.
        dtypes: The numpy type of each input of the spec, looked up once by the caller.
        inputs: What the caller wants to run.
    """
    problems = []
    sizes: dict[str, int] = {}
    for tensor in spec.inputs:
        array: Any = inputs.get(tensor.name)
        if array is None:
            problems.append(f"input '{tensor.name}' is missing.")
            continue
        if not isinstance(array, np.ndarray):
            problems.append(f"input '{tensor.name}' is a {type(array).__name__}, the graph takes a numpy array.")
            continue
        if array.dtype != dtypes[tensor.name]:
            problems.append(f"input '{tensor.name}' is {array.dtype}, the graph takes {tensor.dtype}.")
        if len(array.shape) != len(tensor.shape):
            problems.append(f"input '{tensor.name}' has shape {array.shape}, the graph takes {tensor.shape}.")
            continue
        for size, wanted in zip(array.shape, tensor.shape, strict=True):
            if isinstance(wanted, int):
                if size != wanted:
                    problems.append(f"input '{tensor.name}' has shape {array.shape}, the graph takes {tensor.shape}.")
                    break
            elif sizes.setdefault(wanted, size) != size:
                problems.append(f"axis '{wanted}' is {sizes[wanted]} in one input and {size} in '{tensor.name}'.")
    for axis, size in sizes.items():
        limits = spec.axes[axis]
        if not limits.min <= size <= limits.max:
            problems.append(
                f"axis '{axis}' is {size}, outside [{limits.min}, {limits.max}] which this graph was made for."
            )
        elif size % limits.step:
            problems.append(f"axis '{axis}' is {size}, the graph takes multiples of {limits.step}.")
    if len(inputs) > len(spec.inputs) or problems:
        known = {tensor.name for tensor in spec.inputs}
        problems += [f"the graph has no input '{name}'." for name in inputs if name not in known]
    return problems


def raise_input_problems(problems: list[str]) -> NoReturn:
    """Raise all problems as one error."""
    raise InputMismatchError("\n  ".join(problems), hint="'gantools inspect ART' prints the inputs of every graph")
