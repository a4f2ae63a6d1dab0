"""A cluster of two workers on this machine, which the tests of this folder share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zoo import make_artifact, make_conditional


@pytest.fixture(scope="package")
def two_workers() -> Iterator[str]:
    """Their address. ``joined`` uses what this process has joined."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        store = 80 * 2**20
        quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
        ray.init(address="local", num_cpus=2, object_store_memory=store, **quiet)
        yield "local"
        ray.shutdown()


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, and a setting."""
    return make_conditional(tmp_path_factory.mktemp("zoo") / "art").path


@pytest.fixture(scope="package")
def address(two_workers: str) -> str:
    """Of the same cluster, for other processes."""
    assert two_workers == "local"
    found: str = pytest.importorskip("ray").get_runtime_context().gcs_address
    return found


@pytest.fixture(scope="package")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two artifacts to serve."""
    folder = tmp_path_factory.mktemp("served")
    return {"plain": make_artifact(folder / "plain").path, "classes": make_conditional(folder / "classes").path}
