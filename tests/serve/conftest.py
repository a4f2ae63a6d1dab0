"""One server of every sort of artifact, on a port of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gantools.serve.options import Options
from gantools.serve.run import hosted
from tests.bundle.texts import make_texts
from tests.enhance.networks import make_image_to_image
from tests.serve.client import Client
from tests.zoo import make_artifact, make_conditional


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("served")
    return {
        "images": make_artifact(folder / "images", "resize").path,
        "classes": make_conditional(folder / "classes").path,
        "enlarger": make_image_to_image(folder / "enlarger").path,
        "texts": make_texts(folder / "texts"),
    }


@pytest.fixture(scope="session")
def client(served: dict[str, Path]) -> Iterator[Client]:
    options = Options(port=0, max_body_bytes=300_000, max_pixels=100 * 100, timeout_s=10)
    with hosted(served, options, threads=1) as server:
        yield Client(server.url)
