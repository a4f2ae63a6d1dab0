"""``gantools data get``: the files of a published set, each compared with its digest before it appears."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gantools.core.atomic import sha256_file
from gantools.core.errors import DataError
from gantools.core.events import Note, OnEvent, Progress, ignore
from gantools.core.optional import require
from gantools.data.published import PUBLISHED, PublishedFile, folder_of, is_whole

CHUNK_BYTES = 2**20
TIMEOUT_S = 30.0


class _Bar:
    """What pooch calls while it downloads; the shape is that of a tqdm bar."""

    def __init__(self, report: Callable[[int, int], None]) -> None:
        self.total, self._done, self._report = 0, 0, report

    def update(self, size: int) -> None:
        self._done = min(self._done + size, self.total or self._done + size)
        self._report(self._done, self.total)

    def reset(self) -> None:
        """Called when all is there."""

    def close(self) -> None:
        """Called last."""


def get(name: str, out: Path | None = None, *, on_event: OnEvent = ignore) -> Path:
    """Download a published set, unless it is there already, and prepare what ``open_images`` reads.

    Args:
        name: In the table ``PUBLISHED``.
        out: Folder to put it in; none: where ``dataset:NAME`` looks.
        on_event: Who watches.

    Returns:
        The folder.

    Raises:
        UnknownNameError: No set has this name.
        DataError: A file cannot be had, or is another one.
    """
    published = PUBLISHED.load(name)
    folder = out or folder_of(name)
    for brought in map(Path, published.elsewhere):
        if out is None and is_whole(brought, published):
            on_event(Note(f"'{name}' is in '{brought}' already, from a package of the system; nothing is downloaded."))
            return brought
    for file in published.files:
        _fetch(file, folder, name, on_event)
    if published.unpack:
        published.unpack(folder)
    return folder


def _fetch(file: PublishedFile, folder: Path, name: str, on_event: OnEvent) -> None:
    target = folder / file.name
    if target.is_file() and (found := sha256_file(target)) != file.sha256:
        raise DataError(
            f"'{target}' has digest {found[:12]}, the published file has {file.sha256[:12]}.",
            hint=f"remove it, then: gantools data get {name}",
        )
    if target.is_file():
        return
    pooch = require("pooch", extra="data", why="to download")
    errors = require("requests.exceptions", extra="data", why="to download")
    pooch.get_logger().setLevel(logging.WARNING)  # it announces every download
    reasons = []
    for url in file.urls:
        bar = _Bar(lambda done, total: on_event(Progress(f"download {file.name}", done, total, "bytes")))
        downloader: Any = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK_BYTES, timeout=TIMEOUT_S)
        try:
            pooch.retrieve(url, f"sha256:{file.sha256}", fname=file.name, path=folder, downloader=downloader)
        except errors.RequestException as err:
            reasons.append(f"{url}: {_why(err, errors)}")
        except ValueError:  # pooch's word for another digest
            reasons.append(f"{url}: sends another file, its SHA-256 is not {file.sha256[:12]}…")
        except OSError as err:
            raise DataError(
                f"cannot write '{target}': {err.strerror or err}.", hint="free some space, or give another --out"
            ) from err
        else:
            return
    raise DataError(
        f"'{file.name}' cannot be had: {'; '.join(reasons)}.",
        hint=f"put it at {target} by other means, then: gantools data get {name}",
    )


def _why(err: Exception, errors: Any) -> str:
    """One clause instead of the nested errors of an HTTP client."""
    response = getattr(err, "response", None)
    if response is not None:
        return f"answers {response.status_code} {response.reason}"
    if isinstance(err, errors.Timeout):
        return f"does not answer in {TIMEOUT_S:.0f} s"
    return "cannot be reached" if isinstance(err, errors.ConnectionError) else f"{type(err).__name__}"
