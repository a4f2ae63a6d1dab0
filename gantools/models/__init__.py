"""Generators and the networks they are trained against, by name. Free of torch until a row is loaded."""

from __future__ import annotations

from typing import Any

from gantools.core.registry import Table

MODELS: Table[Any] = Table("model", {"dcgan": "gantools.models.image.dcgan:dcgan"})

DISCRIMINATORS: Table[Any] = Table("discriminator", {"dcgan": "gantools.models.discriminators.dcgan:dcgan"})
