"""What is refused before a server starts."""

import socket
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gantools.cli.app import app
from gantools.core.errors import ArtifactError, BackendError, GantoolsError, MissingDependencyError, RecipeError
from gantools.serve import Options, named_sources
from gantools.serve.options import is_loopback


def error_of(*words: str) -> GantoolsError:
    error = CliRunner().invoke(app, ["serve", *words, "--port", "0"]).exception
    assert isinstance(error, GantoolsError), error
    return error


def test_other_machines_are_let_in_with_a_token_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    error = error_of("art", "--host", "0.0.0.0")
    assert isinstance(error, RecipeError)
    assert error.message == "'0.0.0.0' can be reached from other machines, and there is no token."
    assert "GANTOOLS_TOKEN" in str(error.hint)
    assert isinstance(error_of("art", "--host", "0.0.0.0", "--token", "x"), ArtifactError), "which is looked at next"
    monkeypatch.setenv("GANTOOLS_TOKEN", "x")
    assert isinstance(error_of("art", "--host", "0.0.0.0"), ArtifactError)


def test_loopback_is_known_by_its_number_and_name() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "")))


def test_models_are_called_as_their_folders_or_as_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    found = named_sources(["art/digits/", "small=art/digits", "lone/generator.onnx"])
    assert found == {
        "digits": Path("art/digits"),
        "small": Path("art/digits"),
        "generator": Path("lone/generator.onnx"),
    }
    assert [*named_sources(["art/."])] == ["art"]
    with pytest.raises(RecipeError, match="cannot be called 'a=b'"):
        named_sources(["a=b"])
    with pytest.raises(RecipeError, match=r"'one/art' and 'two/art' are both called 'art'\."):
        named_sources(["one/art", "two/art"])


def test_an_address_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    from gantools.serve import serve

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BackendError, match="cannot listen on 127"):
        serve({"art": tmp_path}, Options(port=taken.getsockname()[1]))


def test_a_library_that_is_missing_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    error = error_of("art")
    assert isinstance(error, MissingDependencyError)
    assert error.hint == "pip install 'gantools[serve]'"
