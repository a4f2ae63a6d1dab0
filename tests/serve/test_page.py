"""The page in a real browser: what a person sees after it has loaded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gantools.serve.options import Options
from gantools.serve.run import hosted
from tests.bundle.programs import program, run


@pytest.mark.parametrize(("sort", "shown"), [("classes", "an image"), ("texts", "a text")])
def test_the_page_draws_a_sample_when_it_opens(served: dict[str, Path], tmp_path: Path, sort: str, shown: str) -> None:
    chromium = program("chromium", "chromium-browser", "google-chrome")
    with hosted({sort: served[sort]}, Options(port=0), threads=1) as server:
        flags = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=9000",
        )
        done = run([chromium, *flags, "--dump-dom", server.url], tmp_path)
    assert done.returncode == 0, done.stderr
    (error,) = re.findall(r'<p id="error"[^>]*>(.*?)</p>', done.stdout)
    assert error == ""
    (text,) = re.findall(r'<p id="text">(.*?)</p>', done.stdout)
    assert bool(text) == (shown == "a text")
    assert ('src="blob:' in done.stdout) == (shown == "an image")
    assert f"<option>{sort}</option>" in done.stdout or f'<option value="{sort}">{sort}</option>' in done.stdout
    assert ("boot" in done.stdout) == (sort == "classes")
