"""``gantools evaluate --ray``: what it would take, and features that come from a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gantools.cli.cluster import refuse_idle, refuse_numbered, show_estimate
from gantools.cli.output import nothing_on_stdout
from gantools.core.errors import RecipeError

if TYPE_CHECKING:
    from gantools.core.artifact import Manifest
    from gantools.core.events import OnEvent
    from gantools.metrics.features import Extractor
    from gantools.metrics.reference import References
    from gantools.runtime.session import Where
    from gantools.scale.features import Draw, SpreadExtractor


@dataclass(frozen=True)
class Many:
    """What was asked for of a cluster.

    Attributes:
        ray: Its address; none: everything is done here.
        dry_run: Whether to print a plan alone.
        machines: Of the plan.
        price_per_hour: Of one of them.
    """

    ray: str | None
    dry_run: bool
    machines: int | None
    price_per_hour: float | None

    def check(self, *, device: str | None, extractor_device: str | None, has_artifact: bool) -> None:
        """Refuse what goes with no cluster, or with nothing else.

        Raises:
            RecipeError: An option does not go with the others.
        """
        if not self.dry_run:
            refuse_idle({"--machines": self.machines, "--price-per-hour": self.price_per_hour}, "--dry-run")
        elif not has_artifact:
            raise RecipeError("--dry-run is of an artifact's samples, and --images has none.", hint="leave it out")
        if self.ray is not None:
            from gantools.scale.cluster import check_address

            check_address(self.ray)
        if self.ray is not None or self.dry_run:
            refuse_numbered("--device", device)
            refuse_numbered("--extractor-device", extractor_device)

    def check_makes_images(self, manifest: Manifest) -> None:
        """Refuse an artifact whose samples are no images of seeds, where a cluster was asked for.

        Raises:
            RecipeError: It makes texts, or images of images.
        """
        made = "texts" if manifest.modality == "text" else "images of images" if manifest.sampler.image else ""
        if made and (self.ray is not None or self.dry_run):
            option = "--dry-run" if self.ray is None else "--ray"
            raise RecipeError(
                f"{option} is for images of seeds, and '{manifest.name}' makes {made}.", hint="leave it out"
            )

    def show_plan(
        self,
        draw: Draw,
        network: Extractor,
        where: Where,
        real: References,
        most: int,
        watch: OnEvent,
        *,
        as_json: bool,
    ) -> None:
        """Say how the work would be cut, and what it would take.

        Args:
            draw: The samples.
            network: Who looks at them.
            where: Who runs it.
            real: Against which they are scored.
            most: Of those that are looked at.
            watch: Who watches.
            as_json: Whether to print one document.
        """
        from gantools.scale.cluster import Needs
        from gantools.scale.features import estimate
        from gantools.verify.evaluate import real_images_unseen

        samples = len(draw.seeds)
        others = real_images_unseen(real, network, limit=most, samples=samples)
        found = estimate(
            draw,
            network,
            where,
            others,
            machines=self.machines or 1,
            price_per_hour=self.price_per_hour,
            on_event=watch,
        )
        counts = {"samples": samples, "unseen_real_images": others}
        show_estimate(
            f"{draw.artifact.name} against {real.name}", counts, found, Needs.of(where, draw.where), json=as_json
        )


@contextmanager
def on_cluster(address: str, network: Extractor, where: Where) -> Iterator[SpreadExtractor]:
    """The extractor on a cluster, while the block runs, in which nothing but errors is printed."""
    from gantools.scale.features import spread

    with nothing_on_stdout(), spread(address, network, where) as found:
        yield found
