"""Kernels that TensorRT-RTX finished on this GPU: kept, so that the next opening of the engine does not compile them.

One file for each engine, library version, GPU and driver. Processes that run the same engine at the same time write
whole files; the last one stays, and kernels that only another one had are compiled again. The library itself refuses
kernels of another machine. A file that is missing, damaged or refused costs time, and nothing else.

Not run on a GPU: tested with a stand-in for the library.
"""

from __future__ import annotations

from typing import Any

from gantools.core.kept import kept_path, read_kept, write_kept

BOUND_BYTES = 2 * 1024**3


class KeptKernels:
    """An execution context of an engine, and the kernels that it compiles.

    Args:
        engine: A deserialized engine of TensorRT-RTX.
        digest: Of the engine's file.
        version: Of the library.
        machine: GPU and driver.
    """

    def __init__(self, engine: Any, digest: str, version: str, machine: str) -> None:
        self._path = kept_path("kernels", {"engine": digest, "version": version, "machine": machine}, ".kernels")
        self._config: Any = engine.create_runtime_config()
        self._cache: Any = self._config.create_runtime_cache()
        content = read_kept(self._path, "its kernels are compiled again")
        self._written = content if content is not None and self._cache.deserialize(content) else None
        self._config.set_runtime_cache(self._cache)
        self.context: Any = engine.create_execution_context(runtime_config=self._config)

    def keep(self) -> None:
        """Write the kernels, if there are others than were found."""
        serialized = self._cache.serialize()
        content = bytes(serialized) if serialized is not None else b""
        if content and content != self._written and write_kept(self._path, content, "kernels are", bound=BOUND_BYTES):
            self._written = content
