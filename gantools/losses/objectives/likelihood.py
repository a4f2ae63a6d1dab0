"""Maximum likelihood: the generator of texts learns to predict each token from those before it. Net ``"G"`` alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gantools.core.spec import Frozen
from gantools.losses.likelihood import inside, token_nats
from gantools.losses.objectives.objective import Batch, Loss, Nets, Objective, ObjectiveRow, Phase


class LikelihoodConfig(Frozen):
    """``likelihood`` has no options: how much a model may learn by heart is its dropout's business."""


class Likelihood(Objective):
    """See the module. The loss is the mean over tokens, so that long texts count for more than short ones."""

    def __init__(self, config: LikelihoodConfig) -> None:
        self.config = config
        self.phases = (Phase("likelihood", updates=("G",)),)
        self.state = {}

    def parts(
        self,
        phase: Phase,  # noqa: ARG002 - there is one
        nets: Nets,
        batch: Batch,
        rng: torch.Generator,  # noqa: ARG002 - nothing is drawn
    ) -> Iterator[Loss]:
        """Mean nats of a token; see ``Objective``."""
        yield likelihood_loss(nets, batch)


def likelihood_loss(nets: Nets, batch: Batch) -> Loss:
    """-log p of a token of the real texts, in nats, mean over the tokens of the batch."""
    known = {name: batch.noise[name] for name in ("latent",) if name in batch.noise}
    if batch.labels is not None:
        known["label"] = batch.labels
    nats = token_nats(nets["G"], batch.real, **known)
    value = nats.sum() / inside(batch.real).sum()
    return Loss(value, {"G.nats": value.detach()})


likelihood = ObjectiveRow(LikelihoodConfig, Likelihood, nets=("G",), makes="texts")
