"""``gantools inspect`` of pictures and videos, and ``gantools sample --c2pa``."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from gantools.cli.app import app
from gantools.core.artifact import load_artifact
from gantools.core.errors import GantoolsError
from tests.bundle.texts import make_texts
from tests.cli.test_app import gantools
from tests.enhance.clips import Clip, write
from tests.media.certificates import write_signer
from tests.media.test_credentials import with_another_pixel
from tests.zoo import make_artifact, make_conditional


@pytest.fixture(scope="module")
def art(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_artifact(tmp_path_factory.mktemp("zoo") / "art").path


def called(*arguments: str | Path) -> tuple[int, str]:
    """The exit code and what was printed, in this process."""
    done = CliRunner().invoke(app, [*map(str, arguments)])
    if isinstance(done.exception, GantoolsError):
        return done.exception.exit_code, f"{done.exception.message} {done.exception.hint}"
    return done.exit_code, done.output


def test_a_sample_says_which_artifact_and_seeds_made_it(art: Path, tmp_path: Path) -> None:
    picture = tmp_path / "grid.png"
    assert called("sample", art, "--seeds", "0-3", "--out", picture)[0] == 0
    first = picture.read_bytes()
    assert called("sample", art, "--seeds", "0-3", "--out", picture)[0] == 0
    assert picture.read_bytes() == first
    code, said = called("inspect", picture)
    assert code == 0
    lines = [line.split(maxsplit=1) for line in said.splitlines()]
    assert ["artifact", load_artifact(art).digest] in lines
    assert ["seeds", "0-3"] in lines
    assert "trainedAlgorithmicMedia (made by a trained model)" in said
    assert ["C2PA", "not signed"] in lines
    code, said = called("inspect", picture, "--artifact", art, "--json")
    assert (code, json.loads(said)["matches"], json.loads(said)["kind"]) == (0, True, "picture")


def test_another_artifact_is_told_apart(art: Path, tmp_path: Path) -> None:
    other = make_conditional(tmp_path / "other").path
    called("sample", art, "--seeds", "0", "--out", tmp_path / "a.png")
    code, said = called("inspect", tmp_path / "a.png", "--artifact", other)
    assert (code, f"'{other}' is another one, {load_artifact(other).digest}" in said) == (4, True)
    Image.new("L", (4, 4)).save(tmp_path / "b.png")
    code, said = called("inspect", tmp_path / "b.png", "--artifact", other)
    assert (code, f"'{other}' is named by nothing in the file" in said) == (4, True)


def test_without_a_mark_nothing_is_concluded(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.jpg")
    (tmp_path / "without_suffix").write_bytes((tmp_path / "a.jpg").read_bytes())
    write(tmp_path / "a.mp4", Clip(times=(0, 512)))
    for path in (tmp_path / "a.jpg", tmp_path / "a.mp4", tmp_path / "without_suffix"):
        code, said = called("inspect", path)
        assert (code, said.splitlines()[0]) == (0, f"{path}: no mark found; that says nothing about how it was made")
        code, said = called("inspect", path, "--json")
        assert (code, json.loads(said)["marked"], json.loads(said)["c2pa"]) == (0, False, None)


def test_a_broken_file_is_one_sentence(tmp_path: Path) -> None:
    for name, message in (("a.png", "cannot be read as a picture"), ("a.mp4", "cannot be read as a video")):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        code, said = called("inspect", tmp_path / name)
        assert (code, f"'{tmp_path / name}' {message}" in said) == (1, True)


def test_a_file_of_another_kind_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "begin.sh"
    path.write_text("echo begin")
    code, said = called("inspect", path)
    assert (code, f"'{path}' is neither an artifact nor a picture or video." in said) == (1, True)


def test_options_for_pictures_are_refused_for_artifacts(art: Path) -> None:
    code, said = called("inspect", art, "--artifact", art)
    assert (code, said) == (2, f"'{art}' is no picture or video, which --artifact and --trust are for. leave them out")


def test_signed_samples_are_valid_and_a_changed_pixel_is_found(art: Path, tmp_path: Path) -> None:
    key, chain, authority = write_signer(tmp_path / "keys")
    done = gantools(
        *("sample", art, "--seeds", "7,8", "--out", tmp_path / "s", "--c2pa", key, "--c2pa-certificate", chain)
    )
    assert done.returncode == 0, done.stderr
    for seed in ("7", "8"):
        code, said = called("inspect", tmp_path / f"s/{seed}.png", "--artifact", art, "--json")
        found = json.loads(said)
        assert (code, found["c2pa"]["state"], found["matches"]) == (0, "valid", True)
        assert found["c2pa"]["facts"] == found["origin"]
        assert found["origin"]["seeds"] == seed
    with Image.open(tmp_path / "s/7.png") as signed:
        called("sample", art, "--seeds", "7", "--out", tmp_path / "p")
        with Image.open(tmp_path / "p/7.png") as plain:
            np.testing.assert_array_equal(np.asarray(signed), np.asarray(plain))
    code, said = called("inspect", tmp_path / "s/7.png")
    assert (code, "intact, signed by signer, Tests, who is on no list of trusted signers" in said) == (0, True)
    code, said = called("inspect", tmp_path / "s/7.png", "--trust", authority)
    assert (code, "valid, signed by signer, Tests, whose authority is trusted" in said) == (0, True)
    (tmp_path / "t.png").write_bytes(with_another_pixel((tmp_path / "s/7.png").read_bytes()))
    code, said = called("inspect", tmp_path / "t.png")
    assert (code, "INVALID, signed by signer, Tests: assertion.dataHash.mismatch" in said) == (4, True)


def test_a_wrong_key_or_place_is_one_sentence_and_nothing_is_written(art: Path, tmp_path: Path) -> None:
    key, chain, _ = write_signer(tmp_path / "keys")
    other, *_ = write_signer(tmp_path / "others")
    texts = make_texts(tmp_path / "texts")
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "a.png"
    cases: list[tuple[list[str | Path], str]] = [
        ([art, "--c2pa", tmp_path / "none.pem", "--out", out], "none.pem' cannot be read: No such file"),
        ([art, "--c2pa", other, "--c2pa-certificate", chain, "--out", out], "does not belong to the first certificate"),
        ([art, "--c2pa", key, "--out", out], "holds no certificates as PEM"),
        ([art, "--c2pa-certificate", chain, "--out", out], "--c2pa-certificate goes with --c2pa KEY"),
        ([art, "--c2pa", key, "--out", tmp_path / "a.npy"], "is an array"),
        ([texts, "--c2pa", key, "--c2pa-certificate", chain], "this artifact makes texts"),
    ]
    for arguments, message in cases:
        code, said = called("sample", *arguments)
        assert (code, message in said) == (2, True), said
    assert len(cases) == 6
    assert sorted(tmp_path.iterdir()) == before


def test_without_the_library_signing_ends_with_3_and_inspecting_says_so(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    import gantools.core.optional as optional

    key, chain, _ = write_signer(tmp_path / "keys")
    called("sample", art, "--seeds", "7", "--out", tmp_path / "a.png")
    monkeypatch.setitem(sys.modules, "c2pa", None)
    monkeypatch.setattr(optional, "installed_versions", lambda _names: {})
    code, said = called("sample", art, "--c2pa", key, "--c2pa-certificate", chain, "--out", tmp_path / "b.png")
    assert (code, "pip install 'gantools[c2pa]'" in said, (tmp_path / "b.png").exists()) == (3, True, False)
    code, said = called("inspect", tmp_path / "a.png")
    assert (code, "not looked at: pip install 'gantools[c2pa]'" in said) == (0, True)
