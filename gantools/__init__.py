"""gantools takes an image, text or video generator from training to a measured artifact inside your product.

Importing this package loads no numerical library. An application needs one name::

    generator = gantools.open_artifact("art/digits")
    images = generator.sample(seeds=range(16))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gantools.core.version import VERSION

if TYPE_CHECKING:
    from gantools.samplers import Generator, open_artifact

__version__ = VERSION
__all__ = ["Generator", "__version__", "open_artifact"]


def __getattr__(name: str) -> Any:
    if name in ("open_artifact", "Generator"):
        import gantools.samplers

        return getattr(gantools.samplers, name)
    raise AttributeError(f"module 'gantools' has no attribute '{name}'")
