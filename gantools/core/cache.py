"""Where things lie that can be made again: decoded images, features of references, converted extractors."""

from __future__ import annotations

import os
from pathlib import Path

from gantools.core.errors import ArtifactError


def user_cache() -> Path:
    """``gantools`` in the user's cache folder, ``$XDG_CACHE_HOME`` or ``~/.cache``. It may not exist yet.

    Raises:
        ArtifactError: There is neither, as for a user whom the system does not know.
    """
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "gantools"
    try:
        return Path.home() / ".cache" / "gantools"
    except RuntimeError as err:
        raise ArtifactError("this user has no home folder to keep things in.", hint="set XDG_CACHE_HOME") from err
