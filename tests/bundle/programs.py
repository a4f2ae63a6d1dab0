"""Programs of other languages that are here, or the reason why a test is skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_INSTALL = "npm install --ignore-scripts --prefix tests/bundle"


def node_modules(*packages: str) -> Path:
    """The folder of npm packages of these tests, or another in ``GANTOOLS_NODE_MODULES``; without it, skip."""
    if shutil.which("node") is None:
        pytest.skip("Node.js is not here")
    folder = Path(os.environ.get("GANTOOLS_NODE_MODULES", Path(__file__).parent / "node_modules"))
    if missing := [name for name in packages if not (folder / name / "package.json").is_file()]:
        pytest.skip(f"{', '.join(missing)} not in {folder}: {_INSTALL}")
    return folder


def program(*names: str) -> str:
    """The first of these programs that is on the path; without any, skip."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"{' or '.join(names)} is not here")
    return found


def run(line: list[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run and catch what it says."""
    return subprocess.run(list(map(str, line)), cwd=cwd, capture_output=True, text=True, check=False)
