"""A training of seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gantools.core.recipe import Recipe, resolve_recipe
from gantools.train import PARTS

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="session")
def image_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("images"))


@pytest.fixture
def make_recipe(image_cache: str) -> MakeRecipe:
    """A function from ``section__key=value`` to a tiny recipe without evaluation."""

    def make(**changes: Any) -> Recipe:
        raw: dict[str, dict[str, Any]] = {
            "model": {"name": "dcgan", "channels": 1, "latent": 8, "width": 4},
            "discriminator": {"name": "dcgan", "width": 4},
            "data": {"source": "builtin:digits", "cache": image_cache},
            "objective": {"name": "nonsaturating"},
            "train": {
                "steps": 6,
                "batch": 8,
                "sample_every": 0,
                "checkpoint_every": 3,
                "ema_half_life_images": 64,
                "precision": "fp32",
            },
            "evaluate": {"every": 0, "extractor": "digits-cnn"},
            "safety": {},
        }
        for change, value in changes.items():
            section, key = change.split("__")
            raw[section][key] = value
        return resolve_recipe(raw, "tiny", PARTS)

    return make
