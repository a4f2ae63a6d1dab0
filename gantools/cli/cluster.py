"""What commands with ``--ray`` have in common: options that do not go together, and an estimate as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gantools.cli.output import emit_json, show_pairs
from gantools.core.errors import RecipeError

if TYPE_CHECKING:
    from gantools.scale.cluster import Needs
    from gantools.scale.plan import Estimate


def refuse_idle(given: Mapping[str, object], needed: str) -> None:
    """Refuse options that would do nothing.

    Args:
        given: Option -> value, none where it was not given.
        needed: The options without which they have no effect.

    Raises:
        RecipeError: One was given.
    """
    if idle := [name for name, value in given.items() if value is not None]:
        raise RecipeError(f"{idle[0]} does nothing without {needed}.", hint=f"add {needed}, or leave {idle[0]} out")


def refuse_numbered(option: str, device: str | None) -> None:
    """Refuse a GPU by its number: no cluster could give that one.

    Raises:
        RecipeError: It has one.
    """
    if device is not None and ":" in device:
        raise RecipeError(f"--ray gives each task a GPU of its own, got {option} {device}.", hint=f"give {option} cuda")


def show_estimate(title: str, counts: Mapping[str, int], found: Estimate, needs: Needs, *, json: bool) -> None:
    """Say how work would be cut, and what it would take.

    Args:
        title: Of what.
        counts: Kind -> how many there are of it, in all.
        found: The estimate.
        needs: Of each worker.
        json: Whether to print one document.
    """
    price = found.price_per_hour
    if json:
        plan = {"pieces": found.pieces, "piece": found.piece, "machines": found.machines, "workers": found.workers}
        rate = {"rate_per_s": found.rate.per_s, "rate_source": found.rate.source}
        numbers = {"hours": found.hours, "machine_hours": found.machine_hours, "cost": found.cost}
        emit_json({**counts, **plan, **rate, "price_per_hour": price, **numbers})
        return
    cost = {} if found.cost is None else {"cost": f"{found.cost:.4g}, at {price:g} an hour for a machine"}
    first, *others = (f"{count} {kind.replace('_', ' ')}" for kind, count in counts.items())
    show_pairs(
        f"{title}, nothing is made yet",
        {
            "work": f"{' and '.join([first, *others])} in {found.pieces} pieces of {found.piece}",
            "rate": f"{found.rate.per_s:.4g} samples/s a worker; {found.rate.source}",
            "machines": f"{found.machines}, with {found.workers} workers each, {needs} a worker",
            "time": f"{found.hours:.4g} hours, {found.machine_hours:.4g} machine hours",
            **cost,
            "beware": "the rate is measured; all else is arithmetic, for workers and disks that do not slow each other",
        },
    )
