"""What is known of files from an earlier look: so an unchanged folder costs stats and no reading.

A file counts as unchanged when size, modification time, change time and inode are what they were. Times have a
granularity, so a file that was touched less than ``RACY_NS`` before it was read may change again without its times
showing it; such a file is not remembered (the rule Git has for its index), and is read again next time.

Guaranteed is: a file that is written through the file system of this machine, whose clock runs forwards, is read again.
Not seen are changes on a network disk whose clock is more than ``RACY_NS`` behind, and changes by tools that bypass the
file system. Nothing depends on a ledger: without one, or with one that cannot be read, everything is simply read. While
images are decoded their digests are compared with it, so an array in the cache is always what its digest says.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gantools.core.atomic import write_atomic
from gantools.core.errors import ArtifactError

FORMAT = "gantools listing 1"
# FAT, the coarsest file system in use, counts in steps of two seconds.
RACY_NS = 2_000_000_000

Stamp = tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class Item:
    """What is known of an image without its pixels.

    Attributes:
        name: Relative to the source; empty for an array, which has one item for all its images.
        digest: SHA-256 of the file in hex; empty where it cannot be read.
        label: Its class as the source itself states it.
    """

    name: str
    digest: str
    label: str | None = None


class Ledger:
    """The listings of one source.

    Args:
        file: Where it is kept; none: nowhere.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._old = _read(file) if file else {}
        self._new: dict[str, tuple[Stamp, tuple[Item, ...]]] = {}
        self._changed = False

    @classmethod
    def of(cls, origin: str, cache: Path) -> Ledger:
        """The ledger of a source in a cache folder."""
        name = hashlib.sha256(origin.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return cls(cache / "listings" / f"{name}.json")

    def recall(self, name: str, paths: Sequence[str | Path]) -> tuple[Item, ...] | None:
        """What is in these files, if it is known and they are unchanged.

        Args:
            name: Of the files, within the source.
            paths: Files that change together; none are never known.
        """
        known = self._old.get(name)
        if known is None or not paths or stamp(paths) != known[0]:
            return None
        self._new[name] = known
        return known[1]

    def remember(self, name: str, paths: Sequence[str | Path], before: Stamp | None, items: tuple[Item, ...]) -> None:
        """Keep what was found in files, unless they may have changed meanwhile.

        Args:
            name: Of the files, within the source.
            paths: Files that change together.
            before: Their stamp before they were read, if it was settled.
            items: What is in them.
        """
        readable = all(item.digest for item in items)
        if paths and before is not None and readable and stamp(paths) == before:
            self._new[name] = (before, items)
            self._changed = True

    def forget(self) -> None:
        """Drop everything: it was found to be wrong."""
        if self._file:
            self._file.unlink(missing_ok=True)

    def save(self) -> None:
        """Write it, where there is something new. Files that are no longer there are left out."""
        if self._file is None or not self._changed:
            return
        files = {
            name: [stamp, [[item.name, item.digest, item.label] for item in items]]
            for name, (stamp, items) in self._new.items()
        }
        with contextlib.suppress(ArtifactError):  # a cache that cannot be written costs time and nothing else
            write_atomic(self._file, json.dumps({"format": FORMAT, "files": files}).encode())


def stamp(paths: Sequence[str | Path]) -> Stamp | None:
    """Size, modification time, change time and inode of files; none where one cannot be looked at."""
    try:
        stats = [os.stat(path) for path in paths]  # noqa: PTH116 - no path object for each of a million files
    except OSError:
        return None
    return tuple((found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino) for found in stats)


def settled_stamp(paths: Sequence[str | Path]) -> Stamp | None:
    """The stamp of files that were last touched long enough ago for a further change to show."""
    limit = time.time_ns() - RACY_NS
    found = stamp(paths)
    if found is None or any(max(modified, changed) >= limit for _, modified, changed, _ in found):
        return None
    return found


def _read(file: Path) -> dict[str, tuple[Stamp, tuple[Item, ...]]]:
    try:
        document = json.loads(file.read_bytes())
        if document["format"] != FORMAT:
            return {}
        return {
            name: (tuple(tuple(one) for one in stamp), tuple(Item(*item) for item in items))
            for name, (stamp, items) in document["files"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
