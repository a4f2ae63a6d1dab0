"""What networks are trained to do, by name. Free of torch until a row is loaded."""

from __future__ import annotations

from typing import Any

from gantools.core.registry import Table

OBJECTIVES: Table[Any] = Table(
    "objective",
    {
        "nonsaturating": "gantools.losses.objectives.nonsaturating:nonsaturating",
        "minimax": "gantools.losses.objectives.minimax:minimax",
        "lsgan": "gantools.losses.objectives.lsgan:lsgan",
        "wasserstein": "gantools.losses.objectives.wasserstein:wasserstein",
        "hinge": "gantools.losses.objectives.hinge:hinge",
        "gaussian": "gantools.losses.objectives.gaussian:gaussian",
        "gaussian_judged": "gantools.losses.objectives.gaussian:gaussian_judged",
        "stylegan2": "gantools.losses.objectives.stylegan2:stylegan2",
        "pixels": "gantools.losses.objectives.pixels:pixels",
        "elbo": "gantools.losses.objectives.elbo:elbo",
        "pix2pix": "gantools.losses.objectives.pix2pix:pix2pix",
        "cut": "gantools.losses.objectives.cut:cut",
        "cyclegan": "gantools.losses.objectives.cyclegan:cyclegan",
        "likelihood": "gantools.losses.objectives.likelihood:likelihood",
        "seqgan": "gantools.losses.objectives.seqgan:seqgan",
        "scratchgan": "gantools.losses.objectives.scratchgan:scratchgan",
        "text_elbo": "gantools.losses.objectives.text_elbo:text_elbo",
        "relgan": "gantools.losses.objectives.relgan:relgan",
    },
)
