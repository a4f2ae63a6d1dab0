"""What must hold of any generator, with no reference to compare with: sample k depends on seed k alone.

    repeated     the same call again gives the same bits
    permuted     another order of the rows gives the same rows in that order
    duplicated   equal rows of a batch give equal samples
    batched      a row gives the same sample alone and in company

The first three compare runs of one batch size: the same kernels add the same numbers of a row in the same order
wherever the row stands, so the bits must be equal (tried with ONNX Runtime and OpenVINO in fp32, fp16 and bf16).
``batched`` compares sizes, for which a runtime may choose other kernels that add in another order (OpenVINO does,
2e-7), so there the tolerance of the precision holds. On GPUs it holds for all four: some of cuDNN's kernels add in the
order in which threads come (DCGAN's transposed convolutions in fp32 by ONNX Runtime on an H100: 5e-9 from run to run).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gantools.core.errors import ParityError
from gantools.core.sampler import Sampler
from gantools.core.spec import Frozen
from gantools.runtime.backends.base import Arrays
from gantools.runtime.session import Session
from gantools.verify.parity import SEEDS_FROM, TOKENS, compare_arrays, rows_of_equal_tokens
from gantools.verify.tolerances import Tolerance
from gantools.verify.trials import Images, trial_inputs

_MOST_ROWS = 8


class OracleResult(Frozen):
    """One property of one graph.

    Attributes:
        name: Which property, as in the module's list.
        ok: Whether it holds.
        max_abs: Largest absolute difference between values that should be equal, over all outputs, in their own units.
        limit: The largest that is accepted for the output that is worst.
    """

    name: str
    ok: bool
    max_abs: float
    limit: float


def run_oracles(
    session: Session,
    sampler: Sampler,
    tolerance: Tolerance,
    *,
    seeds_from: int = SEEDS_FROM,
    examples: Images | None = None,
) -> tuple[OracleResult, ...]:
    """Try every property on one graph, with the inputs of ``trial_inputs``.

    Args:
        session: The graph.
        sampler: Which inputs are drawn or set.
        tolerance: The bound of ``batched``, and on GPUs of everything.
        seeds_from: First seed.
        examples: Real images, for graphs that take them.
    """
    rows = _rows(session)
    same_kernels = None if session.device == "cpu" else tolerance
    # What a row depends on does not change with the size of an image, so that the least one will do.
    sizes = {name: limits.min for name, limits in session.spec.axes.items() if name != "batch"}
    drawn = trial_inputs(session.spec, sampler, range(seeds_from, seeds_from + rows), sizes=sizes, examples=examples)
    whole = session.run(drawn)
    results = [_judge("repeated", session, session.run(drawn), whole, same_kernels)]
    if rows > 1:
        order = np.random.default_rng(rows).permutation(rows)
        results.append(_judge("permuted", session, session.run(_pick(drawn, order)), _pick(whole, order), same_kernels))
        same = session.run(_pick(drawn, np.zeros(rows, np.intp)))
        results.append(_judge("duplicated", session, same, _pick(same, np.zeros(rows, np.intp)), same_kernels))
        least = session.spec.axes["batch"].min
        parts = [np.arange(start, start + least) for start in range(0, rows - least + 1, least)]
        alone = [
            _judge("batched", session, session.run(_pick(drawn, part)), _pick(whole, part), tolerance) for part in parts
        ]
        results.append(max(alone, key=lambda one: (not one.ok, one.max_abs)))
    return tuple(results)


def check_oracles(results: tuple[OracleResult, ...], name: str) -> None:
    """Raise one error that names every property that does not hold.

    Raises:
        ParityError: At least one does not hold.
    """
    if bad := [f"'{one.name}' differs by {one.max_abs:.3g} (limit {one.limit:.3g})" for one in results if not one.ok]:
        raise ParityError(
            f"samples of graph '{name}' depend on more than their own seed: {', '.join(bad)}.",
            hint="look for statistics of the batch, such as batch normalization in training mode",
        )


def _rows(session: Session) -> int:
    limits = session.spec.axes.get("batch")
    return 1 if limits is None else min(limits.max, max(_MOST_ROWS, limits.min))


def _pick(arrays: Arrays, rows: npt.NDArray[np.intp]) -> Arrays:
    return {name: array[rows] for name, array in arrays.items()}


def _judge(name: str, session: Session, got: Arrays, expected: Arrays, tolerance: Tolerance | None) -> OracleResult:
    worst = OracleResult(name=name, ok=True, max_abs=0.0, limit=0.0)
    rounded = tolerance is not None and tolerance.tokens is not None
    rows = rows_of_equal_tokens(session.spec, got, expected) if rounded else slice(None)
    for tensor in session.spec.outputs:
        one, other = got[tensor.name], expected[tensor.name]
        if tolerance is not None and rounded and tensor.dtype == TOKENS:
            found = compare_arrays(tensor, one, other, tolerance)
            largest, limit = found.max_abs, found.limit
        else:
            limit = tolerance.limit(tensor.dtype) if tolerance else 0.0
            if tensor.dtype.startswith("float"):
                limit *= max(1.0, float(np.abs(other).max(initial=0.0)))  # as parity does
            difference = one[rows].astype(np.float64) - other[rows].astype(np.float64)
            largest = float(np.abs(difference).max(initial=0.0))
        ok = largest <= limit  # false for not-a-number
        if not ok or (worst.ok and largest >= worst.max_abs):
            worst = OracleResult(name=name, ok=ok, max_abs=largest, limit=limit)
    return worst
