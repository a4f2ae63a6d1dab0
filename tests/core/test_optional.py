from pathlib import Path

import pytest

from gantools.core.errors import MissingDependencyError
from gantools.core.optional import installed_versions, require


def test_a_missing_library_names_its_extra() -> None:
    with pytest.raises(
        MissingDependencyError, match="'not_there' is needed to do magic, and is not installed"
    ) as caught:
        require("not_there.inner", extra="magic", why="to do magic")
    assert caught.value.hint == "pip install 'gantools[magic]'"
    assert caught.value.exit_code == 3


def test_a_fault_inside_a_library_is_not_called_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_inside.py").write_text("import surely_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surely_not_there"):
        require("broken_inside", extra="x", why="to test")


def test_versions_are_told_of_what_is_installed_and_of_nothing_else() -> None:
    """On a CUDA machine onnxruntime-gpu stands where onnxruntime does on others; neither absence may be an error."""
    found = installed_versions(["numpy", "surely-not-there"])
    assert list(found) == ["numpy"]
    assert found["numpy"][0].isdigit()
