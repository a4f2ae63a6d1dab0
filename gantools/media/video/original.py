"""The size that a video had before it was made smaller, as a tag in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gantools.core.errors import DataError, RecipeError
from gantools.media.video.source import open_input

TAG = "gantools_original"
# Containers that keep a tag of any name.
_KEEPING = (".mp4", ".m4v", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class Original:
    """What there was before.

    Attributes:
        width: Of a frame as it is stored.
        height: As ``width``.
        scale: By how much it was made smaller.
    """

    width: int
    height: int
    scale: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}/{self.scale}"

    def tags(self, out: Path) -> dict[str, str]:
        """As a tag of the file OUT.

        Raises:
            RecipeError: Its container keeps none of our own.
        """
        if out.suffix.lower() not in _KEEPING:
            raise RecipeError(
                f"'{out.name}' cannot hold the size of the original, which restoring needs.",
                hint=f"suffixes that can are {', '.join(_KEEPING)}",
            )
        return {TAG: str(self)}


def original_of(path: Path) -> Original:
    """Read it from a file.

    Raises:
        DataError: The file cannot be read, or has no such tag.
    """
    with open_input(path) as container:
        tags = {key.lower(): text for key, text in container.metadata.items()}
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)/([1-9]\d*)", tags.get(TAG, ""))
    if found is None:
        raise DataError(
            f"'{path}' does not say which size it had: 'gantools video compress' did not write it.",
            hint="'gantools enhance' enlarges any video",
        )
    width, height, scale = map(int, found.groups())
    return Original(width, height, scale)
