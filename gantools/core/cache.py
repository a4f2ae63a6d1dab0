"""Where things lie that can be made again: decoded images, features of references, converted extractors."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """``gantools`` in the user's cache folder, ``$XDG_CACHE_HOME`` or ``~/.cache``. It may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gantools"
