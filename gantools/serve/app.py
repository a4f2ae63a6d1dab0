"""What a server answers over HTTP: the Open Inference Protocol, samples by seed, a page for people, and its figures.

Nothing in a request becomes a path: names are looked up among the models, everything else is numbers and texts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from time import monotonic
from typing import TypeVar, final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gantools.core.errors import DataError, GantoolsError
from gantools.core.registry import unknown_name
from gantools.core.version import VERSION as SERVER_VERSION
from gantools.media.grid import png_bytes
from gantools.media.pictures import decode_picture, encode_picture
from gantools.runtime.backends.base import Arrays
from gantools.samplers.feedforward import check_seeds
from gantools.serve.door import Door
from gantools.serve.model import VERSION, Draw, Model
from gantools.serve.openapi import PATH, document
from gantools.serve.protocol import HEADER_LENGTH, read_request, write_response
from gantools.serve.refused import RefusedError
from gantools.serve.service import Service, refusal_of

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


@final
class HttpApp:
    """The answers, by path."""

    def __init__(self, service: Service) -> None:
        self._service, self._options = service, service.options
        self._door = Door(service.options)
        self._page = files("gantools.serve").joinpath("page.html").read_text(encoding="utf-8")

    def app(self) -> Starlette:
        """All of it as an ASGI application."""
        routes = []
        for prefix in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            routes += [  # looked through in order, so what is asked most is first
                self._route(f"{prefix}/infer", self._infer, "POST"),
                self._route(f"{prefix}/ready", self._model_ready),
                self._route(prefix, self._metadata),
            ]
        routes += [
            self._route("/sample", self._sample),
            self._route("/enhance", self._enhance, "POST"),
            self._route("/", self._index),
            self._route(PATH, self._openapi),
            self._route("/metrics", self._metrics),
            self._route("/v2", self._server),
            self._route("/v2/health/live", self._live),
            self._route("/v2/health/ready", self._ready),
            self._route("/v2/repository/index", self._listed, "POST"),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _no_such_page})

    def _route(self, path: str, handler: Handler, method: str = "GET") -> Route:
        async def answered(request: Request) -> Response:
            began = monotonic()
            request.state.deadline = began + self._options.timeout_s
            request.state.model = ""
            try:
                self._door.enter(request)
                response = await handler(request)
            except (RefusedError, GantoolsError) as err:
                refused = refusal_of(err)
                response = JSONResponse({"error": refused.message}, refused.status, refused.headers)
            finally:
                self._door.leave(request)
            if self._service.draining:  # or callers would ask again where nobody will listen
                response.headers["Connection"] = "close"
            self._service.counters.answered(request.state.model, response.status_code, monotonic() - began)
            return response

        return Route(path, answered, methods=[method])

    async def _index(self, _request: Request) -> Response:
        return HTMLResponse(self._page, headers={"Content-Security-Policy": _POLICY})

    async def _openapi(self, _request: Request) -> Response:
        return JSONResponse(document(self._service.repository, token=bool(self._options.token)))

    async def _metrics(self, _request: Request) -> Response:
        return PlainTextResponse(self._service.counters.text(), media_type="text/plain; version=0.0.4")

    async def _server(self, _request: Request) -> Response:
        return JSONResponse({"name": "gantools", "version": SERVER_VERSION, "extensions": ["binary_tensor_data"]})

    async def _live(self, _request: Request) -> Response:
        return Response()

    async def _ready(self, _request: Request) -> Response:
        return Response(status_code=503 if self._service.draining else 200)

    async def _listed(self, _request: Request) -> Response:
        return JSONResponse(
            [{"name": one.name, "version": VERSION, "state": "READY"} for one in self._service.repository]
        )

    async def _metadata(self, request: Request) -> Response:
        return JSONResponse(self._named(request).metadata())

    async def _model_ready(self, request: Request) -> Response:
        self._named(request)
        return Response(status_code=503 if self._service.draining else 200)

    async def _infer(self, request: Request) -> Response:
        self._service.check_room(self._named(request))
        body, length = await self._door.body(request), request.headers.get(HEADER_LENGTH)
        asked = await _aside(len(body), lambda: read_request(body, length))
        if asked.timeout_s is not None:
            request.state.deadline = min(request.state.deadline, monotonic() + asked.timeout_s)
        model, outputs = await self._made(request, lambda model: model.draw(asked.inputs))
        size = sum(array.nbytes for array in outputs.values())
        answer, head = await _aside(
            size, lambda: write_response(model.name, VERSION, asked, outputs, model.generator.origin)
        )
        headers = {} if head is None else {HEADER_LENGTH: str(head)}
        return Response(answer, headers=headers, media_type="application/json" if head is None else _BYTES)

    async def _sample(self, request: Request) -> Response:
        """One sample of a seed, as a file."""
        query = self._queried(request)
        form = query.pop("format", None)
        if form not in (None, "json", "text", "png"):
            raise RefusedError(400, f"format is '{form[:40]}', expected json, text or png.")
        seed = _whole("seed", query.pop("seed", None))
        check_seeds([seed])
        if form and (form == "png") != (self._named(request).manifest.modality == "image"):
            raise RefusedError(400, f"'{request.state.model}' makes no {form}: leave the format out.")
        model, outputs = await self._made(request, lambda model: _chosen(model, seed, query))
        first = outputs[model.spec.outputs[0].name]
        headers = {"X-Gantools-Artifact": model.generator.artifact.digest}
        if model.manifest.modality == "text":
            (text,) = model.generator.tokenizer.decode(first)
            if form == "json":
                return JSONResponse({"seed": seed, "text": text, "model": model.name}, headers=headers)
            return PlainTextResponse(text, headers=headers)
        chunks = {**model.generator.origin, "gantools.seeds": str(seed)}
        return Response(await asyncio.to_thread(png_bytes, first[0], chunks), headers=headers, media_type="image/png")

    async def _enhance(self, request: Request) -> Response:
        """A picture of a picture, both as files; transparency, profile, EXIF and XMP stay."""
        query = self._queried(request)
        if query:
            raise unknown_name("parameter", next(iter(query)), ["model"])
        asked = self._named(request)
        channels = asked.channels_of_pictures
        self._service.check_room(asked)
        body, most = await self._door.body(request), self._options.max_pixels
        try:
            picture = await asyncio.to_thread(decode_picture, body, channels, kinds=_PICTURES, max_pixels=most)
        except DataError as err:
            raise RefusedError(400, err.message) from err
        height, width = picture.pixels.shape[:2]
        model, outputs = await self._made(request, lambda model: model.of_picture(picture.pixels))
        larger = model.manifest.image.scale or 1
        made = outputs[model.spec.outputs[0].name][0, : larger * height, : larger * width]
        headers = {"X-Gantools-Artifact": model.generator.artifact.digest}
        content = await asyncio.to_thread(encode_picture, "made.png", made, picture, model.generator.origin)
        return Response(content, headers=headers, media_type="image/png")

    def _queried(self, request: Request) -> dict[str, str]:
        """What stands behind the path, without the model, which has to be there where there are several."""
        query = dict(request.query_params)
        names = [one.name for one in self._service.repository]
        if len(names) > 1 and "model" not in query:
            message = f"there are several models, say which: model={names[0]}. There are {', '.join(names)}."
            raise RefusedError(400, message)
        request.path_params["model"] = query.pop("model", names[0])
        self._named(request)
        return query

    def _named(self, request: Request) -> Model:
        """The model of a path, whose name then also stands beside what is counted."""
        found = self._service.named(request.path_params["model"], request.path_params.get("version", VERSION))
        request.state.model = found.name
        return found

    async def _made(self, request: Request, draw: Callable[[Model], Draw]) -> tuple[Model, Arrays]:
        return await self._service.made(request.state.model, request.state.deadline, draw)


_LARGE_BYTES = 2**18
_PICTURES = ("PNG", "JPEG", "WEBP")
_BYTES = "application/octet-stream"
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src blob: data:; connect-src 'self'"
)


async def _aside(size: int, work: Callable[[], T]) -> T:
    """Work on so many bytes: much of it on another thread, so that other callers need not wait for it."""
    return await asyncio.to_thread(work) if size > _LARGE_BYTES else work()


def _chosen(model: Model, seed: int, query: Mapping[str, str]) -> Draw:
    """A seed and what a person chose beside it."""
    manifest = model.manifest
    if manifest.sampler.image is not None:
        raise RefusedError(400, f"'{model.name}' makes images of images: POST one to /enhance?model={model.name}.")
    settings, others = {}, {}
    for name, value in query.items():
        if name in manifest.sampler.settings:
            settings[name] = _number(name, value)
        elif name in ("label", "prefix", "steps"):
            others[name] = value
        else:
            raise unknown_name("parameter", name, ["seed", "label", "prefix", "steps", *manifest.sampler.settings])
    steps = _whole("steps", others["steps"]) if "steps" in others else None
    given = model.generator.chosen(
        1, settings=settings, label=others.get("label"), prefix=others.get("prefix"), steps=steps
    )
    return Draw(1, (seed,), given)


def _whole(name: str, text: str | None) -> int:
    if text is None:
        raise RefusedError(400, f"the {name} is missing: {name}=7.")
    if not (text.isascii() and text.isdecimal() and len(text) <= 20):
        raise RefusedError(400, f"{name} is {text!r:.40}, expected a whole number: {name}=7.")
    return int(text)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RefusedError(400, f"{name} is {text!r:.40}, expected a number.") from None


async def _no_such_page(request: Request, err: Exception) -> Response:
    assert isinstance(err, HTTPException)
    return JSONResponse({"error": f"{request.method} {request.url.path[:200]}: {err.detail}."}, err.status_code)
