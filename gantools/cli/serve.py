"""``gantools serve``."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from gantools.cli.cluster import refuse_idle, refuse_numbered
from gantools.cli.options import Backend, Device, Json, Ray, Threads
from gantools.cli.output import emit_json, nothing_on_stdout, say, watching

if TYPE_CHECKING:
    from gantools.serve.run import Hosted


def command(
    artifacts: Annotated[
        list[str], typer.Argument(metavar="ART...", help="Artifacts, each called as its folder, or NAME=ART.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on; other machines reach it only with --token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of it; 0: any that is free.")] = 8000,
    grpc_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="For gRPC, at the same address; none: HTTP alone.")
    ] = None,
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
    ray: Ray = None,
    replicas: Annotated[
        str | None,
        typer.Option(metavar="N|MIN-MAX", help="Of --ray: servers behind this one, more when they are busy; none: 1."),
    ] = None,
    json: Json = False,
) -> None:
    """Serve artifacts: the Open Inference Protocol over HTTP and gRPC, GET /sample?seed=7, a page, and /metrics.

    A seed gives the sample that 'gantools sample' gives. SIGTERM and Ctrl-C finish what was begun; SIGHUP opens
    artifacts again that have changed on disk. With --ray requests are answered by replicas on a cluster.
    """
    from gantools.serve import Options, named_sources, serve

    if ray is None:
        refuse_idle({"--replicas": replicas}, "--ray")
    sources, printed = named_sources(artifacts), sys.stdout
    options = Options(
        host=host,
        port=port,
        grpc_port=grpc_port,
        token=token,
        max_delay_ms=max_delay_ms,
        queue=queue,
        timeout_s=timeout_s,
        max_batch=max_batch,
        max_body_bytes=int(max_body_mb * 1e6),
        max_pixels=max_pixels,
    )

    def ready(server: Hosted) -> None:
        if json:
            models = {name: str(path) for name, path in sources.items()}
            with redirect_stdout(printed):
                emit_json({"url": server.url, "grpc": server.grpc, "models": models})
        else:
            also = f" and gRPC at {server.grpc}" if server.grpc else ""
            say(f"{server.url}{also}: {', '.join(sources)}; Ctrl-C ends")

    if ray is not None:
        from gantools.runtime.session import Where
        from gantools.scale.cluster import check_address
        from gantools.scale.serving import Replicas, serve_on_cluster

        refuse_numbered("--device", device)
        check_address(ray)
        count, where = Replicas.parse(replicas or "1"), Where(backend, device, threads)
        with watching() as watch, nothing_on_stdout():
            serve_on_cluster(sources, options, ray, count, where=where, on_event=watch, on_ready=ready)
        return
    with watching() as watch:
        serve(sources, options, backend=backend, device=device, threads=threads, on_event=watch, on_ready=ready)
