from pathlib import Path

import pytest

from gantools.core.cache import user_cache
from gantools.core.errors import ArtifactError


def test_the_cache_is_where_the_user_keeps_such_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert user_cache() == tmp_path / "cache/gantools"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_cache() == tmp_path / ".cache/gantools"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**30 + 7)  # as a container runs under a number that nobody has
    with pytest.raises(ArtifactError, match="this user has no home folder") as caught:
        user_cache()
    assert caught.value.hint == "set XDG_CACHE_HOME"
