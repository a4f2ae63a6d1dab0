"""``gantools evaluate`` of networks that make images of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gantools.cli.output import emit_json, show_table

if TYPE_CHECKING:
    from gantools.core.events import OnEvent
    from gantools.core.proof import MetricCard
    from gantools.samplers.generator import Generator


def report_restored(
    generator: Generator,
    data: str,
    inputs: str | None,
    *,
    metrics: Sequence[str] | None,
    crop: int | None,
    as_json: bool,
    watch: OnEvent,
) -> None:
    """Score whole pictures and films, and tell it.

    Args:
        generator: Opened, of images of images.
        data: What should be made.
        inputs: What is given; none: what the artifact's recipe makes of ``data``.
        metrics: Names in the table of metrics of clips; none: the usual ones.
        crop: Pixels left out at each edge.
        as_json: Whether to print one document instead of a table.
        watch: Who watches.

    Raises:
        RecipeError: Nobody says what the network is given.
    """
    from gantools.core.errors import RecipeError
    from gantools.core.recipe import Named
    from gantools.data.pairs.pairs import open_pair_set
    from gantools.samplers.image_to_image import ImageToImage
    from gantools.verify.restoration import evaluate_pairs

    net, manifest = ImageToImage(generator), generator.artifact.manifest
    degrade = [Named.model_validate(one) for one in manifest.recipe.get("data", {}).get("degrade", ())]
    if inputs is None and not degrade:
        raise RecipeError(
            f"'{manifest.name}' does not say what it is given in its training.",
            hint="give --inputs FOLDER with pictures that have the names of those in --data",
        )
    pairs = open_pair_set(
        data if inputs is None else inputs,
        targets=None if inputs is None else data,
        degrade=degrade if inputs is None else (),
        channels=3 if net.channels == 3 else 1,
        scale=net.scale,
        patch=max(axis.min for axis in net.limits()),
        on_event=watch,
    )
    found = evaluate_pairs(net, pairs, metrics=metrics, crop=crop, on_event=watch)
    if as_json:
        emit_json(
            {
                "artifact": str(generator.artifact.path),
                "digest": generator.artifact.digest,
                "cards": [one.made.model_dump() for one in found],
                "given": [one.given.model_dump() for one in found],
            }
        )
        return
    count = len(pairs.targets.clips)
    task = f", made worse by {pairs.task}" if pairs.task else ""
    show_table(
        f"{manifest.name} on {data} ({count} clips, {found[0].made.samples} frames{task})",
        ["metric", "better", "made", "95 % interval", "given", "95 % interval"],
        [
            [one.made.name, "higher" if one.higher_is_better else "lower", *_cells(one.made), *_cells(one.given)]
            for one in found
        ],
    )


def _cells(card: MetricCard) -> tuple[str, str]:
    low, high = card.interval
    return f"{card.value:.4f}", f"[{low:.4f}, {high:.4f}]"
