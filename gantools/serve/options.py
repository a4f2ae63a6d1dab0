"""What whoever starts a server may choose, and what is refused before it starts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gantools.core.errors import RecipeError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Options:
    """Choices of ``serve``.

    Attributes:
        host: Address to listen on.
        port: Of it; 0: any that is free.
        grpc_port: Of the same address, for gRPC; 0: any that is free; none: HTTP alone.
        token: What callers have to send as ``Authorization: Bearer``; none: nothing, on loopback alone.
        max_delay_ms: How long the first request of a run waits for others to join it. At 0 those ride together that
            came while the run before was computed.
        queue: Requests that may wait for one model; what comes then is answered with 429.
        timeout_s: From the first byte of a request to its answer, and for reading its body.
        max_batch: Samples that one request may ask for, and one run makes; none: as many as the graph allows.
        max_body_bytes: Of one request.
        max_pixels: Height times width of an image in a request.

    Raises:
        RecipeError: The address is not loopback and there is no token.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    grpc_port: int | None = None
    token: str | None = None
    max_delay_ms: float = 0.0
    queue: int = 256
    timeout_s: float = 30.0
    max_batch: int | None = None
    max_body_bytes: int = 64 * 2**20
    max_pixels: int = 2**24

    def __post_init__(self) -> None:
        if not self.token and not is_loopback(self.host):
            raise RecipeError(
                f"'{self.host}' can be reached from other machines, and there is no token.",
                hint="give --token or GANTOOLS_TOKEN, or leave --host at 127.0.0.1",
            )


@lru_cache(256)
def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def named_sources(texts: Iterable[str]) -> dict[str, Path]:
    """Read ``["art/digits", "small=art/digits-ov"]``: a model is called as its folder or file, or as it is said.

    Raises:
        RecipeError: Two have one name, or a name does not fit into a URL.
    """
    found: dict[str, Path] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        path = Path(text if not equals or Path(text).exists() else rest)
        if path == Path(text):
            name = path.stem if path.suffix == ".onnx" else path.resolve().name
        if not _NAME.fullmatch(name):
            raise RecipeError(
                f"a model cannot be called '{name}': names have letters, digits, '.', '_' and '-'.",
                hint="give it a name: NAME=ART",
            )
        if name in found:
            raise RecipeError(f"'{found[name]}' and '{path}' are both called '{name}'.", hint=f"{name}-2={path}")
        found[name] = path
    return found
