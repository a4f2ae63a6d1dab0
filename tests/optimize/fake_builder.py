"""A builder of engines that times kernels, without TensorRT. Its timing cache is lines of text, one for each kernel."""

from __future__ import annotations

from collections.abc import Iterable


class FakeTimingCache:
    def __init__(self, kernels: Iterable[str] = ()) -> None:
        self.kernels = set(kernels)

    def serialize(self) -> bytes:
        return "\n".join(sorted(self.kernels)).encode()

    def combine(self, other: FakeTimingCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch, "timings of another GPU are of no use"
        if "refused" in other.kernels:
            return False
        self.kernels |= other.kernels
        return True


class FakeConfig:
    """Reads nothing that begins with ``unreadable``, and refuses what holds ``refused``, as other versions would."""

    def __init__(self) -> None:
        self.cache: FakeTimingCache | None = None
        self.timed: list[str] = []

    def create_timing_cache(self, content: bytes) -> FakeTimingCache | None:
        if content.startswith(b"unreadable"):
            return None
        return FakeTimingCache(content.decode().split())

    def set_timing_cache(self, cache: FakeTimingCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch, "timings of another GPU are of no use"
        if "refused" in cache.kernels:
            return False
        self.cache = cache
        return True

    def build(self, kernels: Iterable[str]) -> None:
        assert self.cache is not None
        self.timed = [kernel for kernel in kernels if kernel not in self.cache.kernels]
        self.cache.kernels |= set(self.timed)
