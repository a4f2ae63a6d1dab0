"""Commands of the README of a bundle, run as a reader would; what downloads or never ends is left out."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

LEFT_OUT = (("python", "-m", "pip"), ("npm", "install"), ("python", "-m", "http.server"))


def commands(folder: Path) -> list[list[str]]:
    """The lines of the README's shell blocks."""
    page = (folder / "README.md").read_text()
    assert "@" not in re.sub(r"`[^`]*`", "", page.split("```")[0]), "every name is filled in"
    blocks = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [words for words in lines if words and not any(tuple(words[: len(one)]) == one for one in LEFT_OUT)]


def run_page(
    folder: Path, programs: Mapping[str, list[str]], variables: Mapping[str, list[str]] | None = None
) -> list[str]:
    """Run the commands of a README one after the other, and return what each wrote to standard output.

    Args:
        folder: Of the bundle, where they run.
        programs: First word -> what is run in its place.
        variables: First words of a command -> what is put behind it.
    """
    told = []
    for words in commands(folder):
        line = [*programs.get(words[0], [words[0]]), *words[1:]]
        line += next((more for first, more in (variables or {}).items() if " ".join(words).startswith(first)), [])
        line[0] = str(folder / line[0]) if "/" in line[0] and not line[0].startswith("/") else line[0]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(line)}\n{done.stdout}\n{done.stderr}"
        told.append(done.stdout)
    assert told
    return told
