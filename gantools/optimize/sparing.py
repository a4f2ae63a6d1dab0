"""Which products an int8 graph leaves in a float, so that its budget holds: as few as needed, the costliest first.

A product's harm is what it alone does to the output when it is quantized, measured on real inputs; errors of different
layers are all but independent, so that squared errors add up. Sparing one costs time in proportion to its work. The
order is by harm for work; how many are spared is found with the budget itself, on the graph as its target runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache

from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.proof import QualityLoss
from gantools.optimize.typed import Draft

Losses = Callable[[Collection[str]], Sequence[QualityLoss]]
"""Islands -> what the graph with them lost."""
_TRIED = 8  # inputs that harm is measured on


def spared(draft: Draft, losses: Losses, on_event: OnEvent = ignore) -> tuple[str, ...]:
    """The products to leave; all but one where even that does not hold the budget.

    Args:
        draft: Of the graph that is judged.
        losses: Judges it.
        on_event: Who watches.
    """
    total = len(draft.products)

    @cache
    def order() -> tuple[str, ...]:
        return by_harm_for_work(draft.quantization.harms(draft.trials[:_TRIED]), draft.work())

    def first(count: int) -> tuple[str, ...]:
        return order()[:count] if count else ()  # where nothing is spared, no order has to be found

    def holds(count: int) -> bool:
        on_event(Progress("int8", count, total, "products spared"))
        found = losses(first(count))
        on_event(Note(f"int8 with {count} of {total} products spared: {'; '.join(map(str, found))}"))
        return all(loss.ok for loss in found)

    return first(fewest(holds, total - 1))


def by_harm_for_work(harms: Mapping[str, float], work: Mapping[str, int]) -> tuple[str, ...]:
    """Names, those first whose sparing gains most accuracy for the time it costs."""
    return tuple(sorted(harms, key=lambda name: harms[name] / max(work[name], 1), reverse=True))


def fewest(holds: Callable[[int], bool], most: int) -> int:
    """The least count that holds, in steps that double and are then halved; ``most``, untried, where none below does.

    Args:
        holds: Asked about few counts; once it holds, it holds for all larger ones.
        most: 0 or more.
    """
    fails, count = -1, 0
    while count < most and not holds(count):
        fails, count = count, min(max(1, 2 * count), most)
    while count - fails > 1:
        middle = (fails + count) // 2
        if holds(middle):
            count = middle
        else:
            fails = middle
    return count
