"""``gantools serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from gantools.cli.options import Backend, Device, Json, Threads
from gantools.cli.output import emit_json, say, watching


def command(
    artifacts: Annotated[
        list[str], typer.Argument(metavar="ART...", help="Artifacts, each called as its folder, or NAME=ART.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on; other machines reach it only with --token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of it; 0: any that is free.")] = 8000,
    token: Annotated[
        str | None, typer.Option(envvar="GANTOOLS_TOKEN", help="What callers send as 'Authorization: Bearer TOKEN'.")
    ] = None,
    max_delay_ms: Annotated[
        float, typer.Option(min=0, max=10_000, help="How long a request waits for others to share a run with.")
    ] = 0.0,
    queue: Annotated[int, typer.Option(min=1, help="Requests that may wait for one model; more get 429.")] = 256,
    timeout_s: Annotated[float, typer.Option(min=0.001, max=3600, help="Until a request gets 504.")] = 30.0,
    max_batch: Annotated[
        int | None, typer.Option(min=1, help="Samples in a request and in a run; none: what the graph takes.")
    ] = None,
    max_body_mb: Annotated[float, typer.Option(min=0.001, help="Of one request.")] = 64.0,
    max_pixels: Annotated[int, typer.Option(min=1, help="Of an image in a request.")] = 2**24,
    backend: Backend = None,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Serve artifacts over HTTP: the Open Inference Protocol, GET /sample?seed=7, a page, and /metrics.

    A seed gives the sample that 'gantools sample' gives. SIGTERM and Ctrl-C finish what was begun; SIGHUP opens
    artifacts again that have changed on disk.
    """
    from gantools.serve import Options, named_sources, serve

    sources = named_sources(artifacts)
    options = Options(host, port, token, max_delay_ms, queue, timeout_s, max_batch, int(max_body_mb * 1e6), max_pixels)

    def ready(url: str) -> None:
        if json:
            emit_json({"url": url, "models": {name: str(path) for name, path in sources.items()}})
        else:
            say(f"{url}: {', '.join(sources)}; Ctrl-C ends")

    with watching() as watch:
        serve(sources, options, backend=backend, device=device, threads=threads, on_event=watch, on_ready=ready)
