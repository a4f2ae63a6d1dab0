"""Are the outputs of a graph those of its source? Same seeds through both, at batch sizes nobody traced.

Element by element; whether the differences that remain matter to people is for metrics to say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gantools.core.errors import ParityError
from gantools.core.proof import Parity
from gantools.core.sampler import Sampler
from gantools.core.spec import GraphSpec, TensorSpec
from gantools.core.tokens import END
from gantools.runtime.session import Session
from gantools.verify.tolerances import LEVELS, RANGE, Tolerance
from gantools.verify.trials import Images, trial_inputs

# Seeds far from the small numbers that people look at and that goldens hold.
SEEDS_FROM = 1_000_000
_ODD_SIZES = (3, 5, 7)
NEAR_TIES = 0.01
"""Share of the rows of tokens that may differ, and one row in any case.

Uniform numbers choose a token by where they lie in sums of shares, and sums are rounded: next to the end of a share two
runtimes choose differently, and all that follows is another text. Of 10,000 texts over 5,000 words none to two did so
(fp32, PyTorch, ONNX Runtime and OpenVINO in pairs, trained and with random weights, ``benchmarks/text_parity.py``); a
vocabulary of 50,000 has three times as many ends, and a text of 512 tokens sixteen times as many chances.
"""
TOKENS = "int32"
"""The type of tokens, and of no other output."""
MILLION = 1_000_000
"""Values whose largest difference the limits are argued for (``tolerances``)."""


@dataclass(frozen=True)
class Difference:
    """How far one output lies from its source's, over all batch sizes.

    Attributes:
        output: Name in the graph.
        max_abs: Largest absolute difference in the output's own units; infinite where a value is not a number. Of
            tokens, the share that is not equal of what is counted.
        limit: The largest that is accepted of a million values; for floats beyond [-1, 1] in proportion to the largest
            one expected.
        psnr_db: Peak signal-to-noise ratio; None when everything is equal.
        least_psnr_db: The least that is accepted.
        values: How many are counted.
        beyond: How many of them differ by more than the limit.
        counted: What is: values; of tokens in fp32 rows, which may differ where two are nearly tied; else tokens that
            follow the same ones.
    """

    output: str
    max_abs: float
    limit: float
    psnr_db: float | None
    least_psnr_db: float
    values: int
    beyond: int
    counted: Literal["values", "rows", "tokens"] = "values"

    @property
    def ok(self) -> bool:
        """Whether both bounds hold."""
        return self.max_abs <= self.bound and (self.psnr_db is None or self.psnr_db >= self.least_psnr_db)

    @property
    def bound(self) -> float:
        """What the largest difference is held to: twice the limit where no more than one in a million is beyond it."""
        return self.limit * (2 if 0 < self.beyond <= self.values // MILLION else 1)

    def __str__(self) -> str:
        if self.counted == "rows":
            return f"output '{self.output}' differs in {self.beyond} of {self.values} rows (at most {NEAR_TIES:.0%})"
        if self.counted == "tokens":
            of = f"{self.beyond} of {self.values} tokens that follow the same ones"
            return f"output '{self.output}' differs in {of} (at most {self.limit:.1%})"
        psnr = "equal" if self.psnr_db is None else f"{self.psnr_db:.1f} dB (at least {self.least_psnr_db:.1f} dB)"
        beyond = f"; {self.beyond} of {self.values} values are beyond it" if self.values >= MILLION else ""
        return f"output '{self.output}' differs by {self.max_abs:.3g} (limit {self.limit:.3g}{beyond}), {psnr}"


def batch_sizes_of(spec: GraphSpec) -> tuple[int, ...]:
    """The sizes to try: the least, an odd one that neither tracing nor tuning uses, the one tuned for, the largest.

    A spec without an axis ``batch`` is run at its only size, written as 1.
    """
    if (limits := spec.axes.get("batch")) is None:
        return (1,)
    usual = {limits.min, limits.opt, limits.max}
    odd = [size for size in _ODD_SIZES if limits.min < size < limits.max and size not in usual][:1]
    return tuple(sorted(usual.union(odd)))


def cases_of(spec: GraphSpec, batch_sizes: Sequence[int] | None = None) -> tuple[dict[str, int], ...]:
    """The size of every axis, for each run of a comparison.

    Args:
        spec: Of the graph.
        batch_sizes: Sizes to try of the batch; none: those of ``batch_sizes_of``.

    Returns:
        Every batch size; where there are other axes, with the least sizes of those, and then the least batch with the
        sizes that they are tuned for and with odd multiples of their steps.
    """
    batches = [{"batch": size} if "batch" in spec.axes else {} for size in batch_sizes or batch_sizes_of(spec)]
    axes = {name: limits for name, limits in spec.axes.items() if name != "batch"}
    if not axes:
        return tuple(batches)
    least = spec.sizes("min")
    tuned = {**spec.sizes("opt"), **{name: size for name, size in least.items() if name == "batch"}}
    odd = {name: (limits.min + limits.opt) // (2 * limits.step) | 1 for name, limits in axes.items()}
    between = {name: min(max(odd[name] * one.step, one.min), one.max) for name, one in axes.items()}
    return (*({**least, **batch} for batch in batches), tuned, {**least, **between})


def measure(
    graph: Session,
    source: Session,
    sampler: Sampler,
    tolerance: Tolerance,
    *,
    batch_sizes: Sequence[int] | None = None,
    seeds_from: int = SEEDS_FROM,
    inputs: Mapping[str, npt.NDArray[Any]] | None = None,
    examples: Images | None = None,
) -> tuple[Difference, ...]:
    """Run the same seeds through both sessions and measure every output.

    Args:
        graph: What is judged.
        source: What it is compared with.
        sampler: Which inputs are noise.
        tolerance: What is accepted.
        batch_sizes: Sizes to try; see ``cases_of``. Every run gets seeds of its own.
        seeds_from: First seed.
        inputs: Inputs to use instead of those of ``trial_inputs``, with a row for each sample of the largest batch.
        examples: Real images, for graphs that take them.
    """
    sums = {tensor.name: _Sum(tensor, tolerance) for tensor in graph.spec.outputs}
    for sizes in cases_of(graph.spec, batch_sizes):
        size = sizes.get("batch", 1)
        seeds = range(seeds_from, seeds_from + size)
        given = trial_inputs(graph.spec, sampler, seeds, sizes=sizes, examples=examples)
        given |= {name: array[:size] for name, array in (inputs or {}).items()}
        seeds_from += size
        got, expected = graph.run(given), source.run(given)
        equal = rows_of_equal_tokens(graph.spec, got, expected)
        for name, total in sums.items():
            rows = slice(None) if total.tokens else equal  # what is said of another token says nothing of this one
            total.add(got[name][rows], expected[name][rows])
    return tuple(sums[tensor.name].difference() for tensor in graph.spec.outputs)


def rows_of_equal_tokens(
    spec: GraphSpec, got: Mapping[str, npt.NDArray[Any]], expected: Mapping[str, npt.NDArray[Any]]
) -> slice | npt.NDArray[np.bool_]:
    """Which rows of outputs are of the same tokens; all, where a graph gives none or not as many."""
    names = [tensor.name for tensor in spec.outputs if tensor.dtype == TOKENS]
    if not names or any(got[name].shape != expected[name].shape for name in names):
        return slice(None)
    equal = np.ones(len(got[names[0]]), np.bool_)
    for name in names:
        equal &= (got[name] == expected[name]).reshape(len(equal), -1).all(1)
    return equal


def departures(
    got: npt.NDArray[Any], expected: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Where texts part: behind the first token that differs nothing is compared, since it follows another one.

    Args:
        got: (rows,) or (rows, steps) tokens.
        expected: As many.

    Returns:
        How many tokens of each row follow the same ones, that of its end included: (rows,); and whether the last of
        these differs: (rows,).
    """
    one, other = (tokens.reshape(len(tokens), -1) for tokens in (got, expected))
    steps = one.shape[1]

    def first(found: npt.NDArray[np.bool_], otherwise: int) -> npt.NDArray[np.int64]:
        return np.where(found.any(1), found.argmax(1), otherwise)

    ends, parts = first(other == END, steps - 1), first(one != other, steps)
    return np.minimum(ends, parts) + 1, parts <= ends


def compare_arrays(
    tensor: TensorSpec, got: npt.NDArray[Any], expected: npt.NDArray[Any], tolerance: Tolerance
) -> Difference:
    """Measure one output of one run against what was expected."""
    total = _Sum(tensor, tolerance)
    total.add(got, expected)
    return total.difference()


class _Sum:
    """What is known of one output after any number of runs."""

    def __init__(self, tensor: TensorSpec, tolerance: Tolerance) -> None:
        self.tensor, self.tolerance = tensor, tolerance
        self.largest = self.squares = 0.0
        self.scale = 1.0
        self.count = self.beyond = 0
        self.tokens = tensor.dtype == TOKENS

    def add(self, got: npt.NDArray[Any], expected: npt.NDArray[Any]) -> None:
        """Infinite for another shape or type, and where a value is not a number."""
        if self.tokens:
            same = got.shape == expected.shape and got.dtype == expected.dtype
            if same and self.tolerance.tokens is not None:
                followed, differ = departures(got, expected)
                self.count, self.beyond = self.count + int(followed.sum()), self.beyond + int(differ.sum())
                self.largest = self.largest if math.isinf(self.largest) else self.beyond / self.count
                return
            rows = (got != expected).reshape(len(expected), -1).any(1) if same else np.ones(len(expected), bool)
            self.count, self.beyond = self.count + len(rows), self.beyond + int(rows.sum())
            self.largest = self.beyond / self.count if same else math.inf
            return
        if expected.dtype.kind == "f" and np.isfinite(expected).all():
            # Logits and codes leave [-1, 1], for which tolerances are argued; rounding errors grow in proportion.
            self.scale = max(self.scale, float(np.abs(expected).max(initial=0.0)))
        largest = squares = math.inf
        beyond = got.size
        if got.shape == expected.shape and got.dtype == expected.dtype:
            difference = got.astype(np.float64) - expected.astype(np.float64)
            if np.isfinite(difference).all():
                largest, squares = float(np.abs(difference).max(initial=0.0)), float(np.square(difference).sum())
                beyond = int(np.sum(np.abs(difference) > self.limit))
        self.largest, self.squares = max(self.largest, largest), self.squares + squares
        self.count, self.beyond = self.count + got.size, self.beyond + beyond

    @property
    def limit(self) -> float:
        return self.tolerance.limit(self.tensor.dtype) * self.scale

    def difference(self) -> Difference:
        if self.tokens:
            known = (self.tensor.name, self.largest)
            if (most := self.tolerance.tokens) is None:
                return Difference(*known, max(NEAR_TIES, 1 / self.count), None, 0.0, self.count, self.beyond, "rows")
            limit = most + 3 * math.sqrt(most / self.count)  # three standard deviations of a count of so many
            return Difference(*known, limit, None, 0.0, self.count, self.beyond, "tokens")
        peak = LEVELS if self.tensor.dtype == "uint8" else RANGE * self.scale
        psnr = None
        if self.squares:
            psnr = 10 * math.log10(peak**2 * self.count / self.squares) if math.isfinite(self.squares) else -math.inf
        least = self.tolerance.least_psnr_db(self.tensor.dtype)
        return Difference(self.tensor.name, self.largest, self.limit, psnr, least, self.count, self.beyond)


def check(
    graph: Session,
    against: Session,
    sampler: Sampler,
    *,
    tolerance: Tolerance,
    name: str = "",
    source: str = "",
    **options: Any,
) -> Parity:
    """Compare, and refuse outputs that are further away than the tolerance.

    Args:
        graph: What is judged.
        against: What it is compared with.
        sampler: Which inputs are noise.
        tolerance: What is accepted.
        name: The graph's name in its artifact.
        source: What ``against`` is, for people: ``"network"``, ``"'digits' 3fa9c01d"``.
        options: ``batch_sizes``, ``seeds_from``, ``inputs``, ``examples`` of ``measure``.

    Returns:
        The worst output, as a line of the manifest.

    Raises:
        ParityError: Names every output that is out of bounds, with what was found and what is accepted.
    """
    found = measure(graph, against, sampler, tolerance, **options)
    raise_if_far(found, name or graph.graph.file, source)
    return parity_of(found, name or graph.graph.file, source, options.get("batch_sizes") or batch_sizes_of(graph.spec))


def raise_if_far(found: Sequence[Difference], name: str, source: str) -> None:
    """Raise one error for all differences that are out of bounds; do nothing when there are none.

    Raises:
        ParityError: See ``check``.
    """
    if bad := [str(difference) for difference in found if not difference.ok]:
        raise ParityError(
            f"graph '{name}' differs from {source or 'its source'}:\n  " + "\n  ".join(bad),
            hint="this is a fault, or the network is too steep for the precision: try --precision fp32",
        )


def parity_of(found: Sequence[Difference], name: str, source: str, batch_sizes: Sequence[int]) -> Parity:
    """The worst difference as a line of the manifest."""
    worst = max(found, key=lambda difference: (not difference.ok, difference.max_abs / (difference.bound or 1)))
    return Parity(
        source=source or "source",
        graph=name,
        max_abs=worst.max_abs,
        limit=worst.bound,
        psnr_db=worst.psnr_db,
        batch_sizes=tuple(batch_sizes),
    )
