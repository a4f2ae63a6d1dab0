"""The numpy backend in the table, and an artifact for it that needs no file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gantools.core.artifact import Artifact
from gantools.runtime.backends import BACKENDS
from tests.conftest import tiny_manifest
from tests.fakes import FakeBackend, backend


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBackend]:
    """The backend ``fake``; it also stands in for ``torch``."""
    for name in ("fake", "torch"):
        monkeypatch.setitem(BACKENDS._rows, name, "tests.fakes:backend")
    backend.opened.clear()
    yield backend
    backend.opened.clear()


@pytest.fixture
def artifact(fake: FakeBackend) -> Artifact:
    return Artifact(Path("art"), tiny_manifest("fake"), "ab" * 32)
