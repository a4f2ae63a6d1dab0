import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gantools import open_artifact
from gantools.bundle import Options, bundle
from gantools.bundle.web import RUNTIME
from gantools.core.errors import ArtifactError, MissingDependencyError
from tests.bundle.pages import run_page
from tests.bundle.programs import node_modules, program, run

BROWSE = Path(__file__).parent / "browse.mjs"
SHOWN = ("classes", "enlarger", "texts")


@pytest.fixture(scope="module")
def bundles(artifacts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    packages = node_modules("onnxruntime-web")
    folder = tmp_path_factory.mktemp("web")
    for sort in SHOWN:
        bundle(artifacts[sort], "web", folder / sort, Options(packages / "onnxruntime-web"))
    return {sort: folder / sort for sort in SHOWN}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def facts(bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a person with a keyboard finds on each page."""
    packages, chromium = node_modules("playwright-core"), program("chromium", "chromium-browser", "google-chrome")
    found = {}
    for sort, folder in bundles.items():
        shots = tmp_path_factory.mktemp("shots")
        with served(folder) as address:
            done = run(["node", BROWSE, packages, chromium, address, shots], folder)
        assert done.returncode == 0, done.stderr
        assert {path.name for path in shots.iterdir()} == {"desktop.png", "phone.png", "dark.png"}
        found[sort] = json.loads(done.stdout)
    return found


def grey(canvas: dict[str, Any]) -> Any:
    return np.reshape(canvas["data"], (canvas["height"], canvas["width"], 4))


@pytest.mark.parametrize("sort", SHOWN)
def test_a_page_is_whole_and_asks_nobody_else(facts: dict[str, Any], sort: str) -> None:
    page = facts[sort]
    assert page["foreign"] == []
    assert page["errors"] == []
    assert page["status"].startswith("Runs on Web")
    assert page["verdict"] == "equal to the golden samples"


@pytest.mark.parametrize("sort", SHOWN)
def test_a_page_is_for_everybody(facts: dict[str, Any], sort: str) -> None:
    page = facts[sort]
    assert page["lang"] == "en"
    assert page["unlabelled"] == []
    assert page["small"] == [], "what is touched is 44 pixels high"
    for wide, screen in page["sizes"].values():
        assert wide <= screen, "nothing is beside the screen"
    assert len(page["sizes"]) == 2


def test_a_page_shows_the_samples_of_the_artifact(artifacts: dict[str, Path], facts: dict[str, Any]) -> None:
    with open_artifact(artifacts["classes"]) as generator:
        expected = generator.sample([3])[0, :, :, 0]
        ends = generator.sample([0, 1])  # the class of the first seed is that of both ends
    page = facts["classes"]
    assert np.array_equal(grey(page["samples"][0])[:, :, 0], expected)
    assert page["classes"] == ["as the seed says", "boot", "10", "2"]
    assert page["settings"] == 1
    assert page["turned"] == "0"
    assert [one["width"] for one in page["walk"]] == [4, 4]
    assert ends.shape == (2, 4, 4, 1)


def test_a_page_writes_the_texts_of_the_artifact(artifacts: dict[str, Path], facts: dict[str, Any]) -> None:
    with open_artifact(artifacts["texts"]) as generator:
        expected = generator.sample([3, 4])
        cold = generator.sample([0], settings={"temperature": 0.1})
    page = facts["texts"]
    assert page["samples"] == [f"seed {seed}{text}" for seed, text in zip((3, 4), expected, strict=True)]
    assert page["walk"][0] == f"0 % of the way{cold[0]}"


def test_a_page_makes_an_image_of_an_image(facts: dict[str, Any], bundles: dict[str, Path]) -> None:
    page = facts["enlarger"]
    expected = np.load(bundles["enlarger"] / "golden" / "samples.npy")[0]
    assert (np.abs(grey(page["after"])[:, :, :3] - expected.astype(int)) <= 1).mean() >= 0.999
    assert page["clips"] == ["inset(0px 0px 0px 50%)", "inset(0px 0px 0px 60%)"]
    # 256 pixels are the widest, 16 the least high, and 19 rows are padded by none.
    assert page["dropped"].startswith("256 x 19 to 512 x 38 pixels")
    assert "made smaller before" in page["dropped"]
    assert page["trouble"] == "this file is no picture that the browser knows"


def test_the_check_runs_without_a_browser_and_fails_where_something_differs(
    bundles: dict[str, Path], tmp_path: Path
) -> None:
    assert run_page(bundles["texts"], {}) == ["equal to the golden samples\n"]
    samples = np.load(bundles["texts"] / "golden" / "samples.npy")
    changed = shutil.copytree(bundles["texts"], tmp_path / "changed")
    samples[0, 0] ^= 64
    np.save(changed / "golden" / "samples.npy", samples)
    done = run(["node", "check.js"], changed)
    assert done.returncode == 1
    assert "differs: the tokens of 1 of 6 seeds differ, first of seed 0" in done.stderr


def test_the_types_of_a_page_hold(bundles: dict[str, Path]) -> None:
    packages = node_modules("typescript", "@types/node")
    names = sorted(path.name for path in bundles["texts"].glob("*.js") if path.name != "check.js")
    assert len(names) == 6
    options = "--noEmit --allowJs --checkJs --strict --target es2024 --module esnext --moduleResolution bundler"
    line: list[str | Path] = [
        "node",
        packages / "typescript" / "bin" / "tsc",
        *options.split(),
        "--lib",
        "es2024,dom,dom.iterable",
    ]
    done = run([*line, "--types", "", *names], bundles["texts"])
    assert done.returncode == 0, done.stdout


def test_without_the_runtime_the_command_that_gets_it_is_named(
    artifacts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingDependencyError, match="no node_modules here or above holds it") as err:
        bundle(artifacts["classes"], "web", tmp_path / "out")
    assert str(err.value.hint).startswith("npm install onnxruntime-web@")
    (tmp_path / "dist").mkdir()
    (tmp_path / "package.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"holds no onnxruntime-web: ort\.wasm\.min\.mjs is not there"):
        bundle(artifacts["classes"], "web", tmp_path / "out", Options(tmp_path))
    with pytest.raises(ArtifactError, match="holds no onnxruntime-web"):
        bundle(artifacts["classes"], "web", tmp_path / "out", Options(tmp_path / "nowhere"))
    assert not (tmp_path / "out").exists()


def test_the_runtime_is_found_above(
    artifacts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "node_modules" / "onnxruntime-web"
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text('{"version": "9.9.9"}')
    for name in RUNTIME:
        (package / "dist" / name).write_text(name)
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    bundle(artifacts["classes"], "web", tmp_path / "out")
    assert {*RUNTIME} < {path.name for path in (tmp_path / "out" / "vendor").iterdir()}
    assert "onnxruntime-web 9.9.9" in (tmp_path / "out" / "README.md").read_text()
