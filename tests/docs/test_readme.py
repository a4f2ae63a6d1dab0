"""Commands in the README and in the examples, executed in order in one folder, as a reader would do it.

Only the training is cut short, the measuring, and how many samples a loss is measured on. A line that ends in ``&`` is
a server: it runs until the page ends, at a port that is free, and has to end well when it is told to.
"""

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import gantools
from gantools.cli.app import COMMANDS

ROOT = Path(gantools.__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("examples/*/README.md"))]
PORT = "8000"
SHORT = {
    "train": ["train.steps=12", "train.checkpoint_every=6", "evaluate.every=6", "evaluate.samples=100"],
}


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """Every line that starts gantools, python or curl, without its comment; make has tests of its own."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", "")
    lines = [shlex.split(line.split("  #")[0]) for line in text.splitlines()]
    return [words for words in lines if words and words[0] in ("gantools", "python", "curl")]


@contextmanager
def server(line: list[str], folder: Path) -> Iterator[None]:
    """A program that runs while the block does."""
    with subprocess.Popen(line, cwd=folder, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield
        finally:
            running.send_signal(signal.SIGTERM)
            _, messages = running.communicate(timeout=30)
    assert running.returncode == 0, messages


def shortened(words: list[str]) -> list[str]:
    if words[:2] == ["gantools", "train"]:
        return [*words, *(part for override in SHORT["train"] for part in ("--set", override))]
    if words[:2] == ["gantools", "optimize"] and "--max-loss" in words:
        return [*words, "--samples", "40"]
    measures = words[:2] == ["gantools", "bench"] and words[2] not in ("compare", "schema")
    return [*words, "--seconds", "0.3", "--launches", "2", "--no-limits"] if measures else words


def test_the_readme_shows_every_command() -> None:
    shown = {words[1] for words in commands(ROOT / "README.md") if words[0] == "gantools"}
    assert shown | {"quickstart"} == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_and_script_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    found = commands(page)
    assert len(found) >= 3
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ExitStack() as servers:
        for words in found:
            first = words[0] if words[0] == "curl" else str(Path(sys.executable).parent / words[0])
            line = [first, *(word.replace(PORT, str(port)) for word in shortened(words)[1:])]
            if line[-1] == "&":
                servers.enter_context(server(line[:-1], tmp_path))
                continue
            done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{' '.join(line)}\n{done.stdout}\n{done.stderr}"
    shown = [path for kind in ("*.png", "*.txt") for path in tmp_path.glob(kind) if path.stat().st_size > 1000]
    assert shown, "a page ends with something to look at"
    for script in blocks(page, "python"):
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}\n{done.stderr}"


def test_the_readme_has_a_script() -> None:
    assert blocks(ROOT / "README.md", "python")


def anchors(page: Path) -> set[str]:
    """What links call its headings: lower case, hyphens for spaces, no other signs."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_to_a_file_or_a_heading_resolves() -> None:
    pages = [*ROOT.glob("*.md"), *PAGES[1:], *ROOT.glob("benchmarks/*.md")]
    found = [(page, link) for page in pages for link in re.findall(r"\]\(([^)]+)\)", page.read_text())]
    links = [(page, *link.partition("#")[::2]) for page, link in found if "://" not in link]
    assert len(pages) > 10
    assert sum(bool(anchor) for _, _, anchor in links) > 10
    for page, file, anchor in links:
        target = page.parent / file if file else page
        assert target.exists(), f"{page.name}: {file}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {file}#{anchor}"


def test_the_quickstart_recipe_is_the_one_of_the_first_example() -> None:
    """Two files, because an installed package has no examples beside it."""
    packaged = (ROOT / "gantools/cli/quickstart.toml").read_text()
    assert packaged == (ROOT / "examples/01_image_gan/recipe.toml").read_text()
