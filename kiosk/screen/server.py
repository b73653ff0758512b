"""The agent's HTTP for the page, as docs/kiosk-page.md describes it: events down, requests up, the page itself."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Collection, Sequence
from pathlib import Path
from typing import Final

from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kiosk.errors import InvalidOrder, OrdersUnreadable, VoiceMissing
from kiosk.screen import bodies
from kiosk.screen.bodies import read, read_bytes
from kiosk.screen.guard import Guard
from kiosk.screen.shop import Shop
from kiosk.voice import prompts
from kiosk.voice.port import Listening

PAGE: Final = Path(__file__).with_name("page")
PICTURES: Final = Path(__file__).parents[1] / "menu" / "pictures"
RETRY_MS: Final = 1000  # a page that lost the agent asks again after this
PING_S: Final = 15
SEND_S: Final = 10.0  # a page that takes no byte for so long is dead
_PROMPT: Final = re.compile(r"[a-z0-9-]{1,64}\.ogg")
_JPEG: Final = b"\xff\xd8\xff"


def create_app(
    shop: Shop,
    *,
    hosts: Collection[str],
    page: Path = PAGE,
    pictures: Path = PICTURES,
    spoken: Sequence[Path] = (prompts.FOLDER,),
    demo: bool = False,
) -> Starlette:
    """The ASGI application. `hosts`: allowed values of `Host`; `demo`: whether samples may come in.

    `spoken`: folders of spoken prompts; the first that has one of a name is played.
    """
    routes = [
        Route("/", lambda _: _file(page / "index.html")),
        Route("/shop", lambda _: _file(page / "shop.html")),
        Route("/page", lambda _: RedirectResponse("/")),
        Mount("/page", StaticFiles(directory=page, check_dir=False)),
        Mount("/menu/pictures", StaticFiles(directory=pictures, check_dir=False)),
        *_situation(shop),
        *_camera(shop),
        *_visit(shop),
        *_counter(shop),
        *_voice(shop, spoken),
        *(_demo(shop, page) if demo else ()),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=hosts, framed=demo)],
        exception_handlers={HTTPException: _refused},
    )


def _situation(shop: Shop) -> list[Route]:
    """What the page knows."""

    async def description(_: Request) -> Response:
        return JSONResponse(shop.description())

    async def health(_: Request) -> Response:
        return JSONResponse(shop.health())

    async def events(_: Request) -> Response:
        async def lines() -> AsyncGenerator[ServerSentEvent, None]:
            async for name, data in shop.events.listen():
                yield ServerSentEvent(data=data, event=name, retry=RETRY_MS if name == "hello" else None, sep="\n")

        return EventSourceResponse(lines(), ping=PING_S, send_timeout=SEND_S, sep="\n")

    async def heartbeat(request: Request) -> Response:
        beat = await read(request, bodies.Heartbeat)
        shop.heartbeat(beat.screen, beat.visit)
        return Response(status_code=204)

    return [
        Route("/api/shop", description),
        Route("/api/health", health),
        Route("/api/events", events),
        Route("/api/heartbeat", heartbeat, methods=["POST"]),
    ]


def _camera(shop: Shop) -> list[Route]:
    """What the camera sees."""

    async def eye(request: Request) -> Response:
        grey = await read_bytes(request, bodies.EYE_BYTES)
        if len(grey) != bodies.EYE_BYTES:
            raise HTTPException(422, f"the eye sends {bodies.EYE_BYTES} bytes (54 rows of 96), not {len(grey)}")
        shop.eye(grey)
        return Response(status_code=204)

    async def frame(request: Request) -> Response:
        visit, at = request.query_params.get("visit", ""), request.query_params.get("at")
        jpeg = await read_bytes(request, bodies.MOST_JPEG)
        if not jpeg.startswith(_JPEG):
            raise HTTPException(422, "a frame is a JPEG; this is not")
        try:
            at_ms = None if at is None else float(at)
        except ValueError:
            raise HTTPException(422, f"at={at} is not a number of milliseconds") from None
        shop.frame(visit, jpeg, at_ms=at_ms)
        return Response(status_code=202)

    async def camera(request: Request) -> Response:
        switch = await read(request, bodies.CameraSwitch)
        shop.camera(on=switch.on, failed=switch.failed)
        return Response(status_code=204)

    return [
        Route("/api/eye", eye, methods=["POST"]),
        Route("/api/frames", frame, methods=["POST"]),
        Route("/api/camera", camera, methods=["POST"]),
    ]


def _visit(shop: Shop) -> list[Route]:
    """A person's stay, and the screen that they chose."""

    async def begin(request: Request) -> Response:
        await read(request, bodies.Empty)
        return JSONResponse({"visit": shop.begin()})

    async def end(request: Request) -> Response:
        body = await read(request, bodies.VisitEnd)
        shop.end(body.visit, body.why)
        return Response(status_code=204)

    async def switch(request: Request) -> Response:
        body = await read(request, bodies.ScreenSwitch)
        shop.switch(body.visit, body.screen)
        return Response(status_code=204)

    return [
        Route("/api/visit/begin", begin, methods=["POST"]),
        Route("/api/visit/end", end, methods=["POST"]),
        Route("/api/switch", switch, methods=["POST"]),
    ]


def _counter(shop: Shop) -> list[Route]:
    """Orders, calls for a person, and the staff's figures."""

    async def order(request: Request) -> Response:
        try:
            fields = json.loads(await bodies.read_json_bytes(request))
        except (ValueError, RecursionError) as error:  # RecursionError: nothing but brackets
            raise HTTPException(422, f"the order is not JSON: {error}") from None
        try:
            receipt = await shop.order(fields)
        except InvalidOrder as error:
            raise HTTPException(422, str(error)) from None
        except OrdersUnreadable as error:
            raise HTTPException(503, str(error)) from None
        return JSONResponse({"number": receipt.number, "at": receipt.at.isoformat()})

    async def call(request: Request) -> Response:
        body = await read(request, bodies.Call)
        shop.call(body.visit, body.reason)
        return Response(status_code=202)

    async def call_done(request: Request) -> Response:
        shop.call_answered((await read(request, bodies.CallDone)).id)
        return Response(status_code=204)

    async def figures(_: Request) -> Response:
        return JSONResponse(await shop.figures())

    return [
        Route("/api/orders", order, methods=["POST"]),
        Route("/api/calls", call, methods=["POST"]),
        Route("/api/calls/done", call_done, methods=["POST"]),
        Route("/api/figures", figures),
    ]


def _voice(shop: Shop, folders: Sequence[Path]) -> list[Route]:
    """Push to talk, and spoken prompts."""

    async def listen(request: Request) -> Response:
        body = await read(request, bodies.Listen)
        listening = Listening(body.listening.lower(), body.language, body.expect, body.dish)
        try:
            await shop.listen(body.visit, listening)
        except VoiceMissing as error:
            raise HTTPException(409, str(error)) from None
        return Response(status_code=202)

    async def audio(request: Request) -> Response:
        pcm = await read_bytes(request, bodies.MOST_SOUND)
        await shop.hear(request.query_params.get("listening", "").lower(), pcm)
        return Response(status_code=204)

    async def stop(request: Request) -> Response:
        await shop.stop_listening((await read(request, bodies.ListenStop)).listening.lower())
        return Response(status_code=202)

    async def prompt(request: Request) -> Response:
        language, name = request.path_params["language"], request.path_params["name"]
        known = language in prompts.LANGUAGES and _PROMPT.fullmatch(name)
        file = prompts.find(language, name.removesuffix(".ogg"), folders) if known else None
        if file is None:
            raise HTTPException(404, f"there is no spoken prompt {language}/{name}; its caption stands on the screen")
        return FileResponse(file, media_type="audio/ogg")

    return [
        Route("/api/listen", listen, methods=["POST"]),
        Route("/api/listen/audio", audio, methods=["POST"]),
        Route("/api/listen/stop", stop, methods=["POST"]),
        Route("/api/prompts/{language}/{name}", prompt),
    ]


def _demo(shop: Shop, page: Path) -> list[Route]:
    """For demonstrations only: who comes in?"""

    async def enter(request: Request) -> Response:
        sample = (await read(request, bodies.Enter)).sample
        if not shop.enter(sample):
            raise HTTPException(404, f"there is no sample {sample}; GET /api/shop lists them")
        return Response(status_code=202)

    async def sample(request: Request) -> Response:
        file = shop.sample(request.path_params["id"])
        if file is None:
            raise HTTPException(404, "there is no such sample; GET /api/shop lists them")
        return FileResponse(file, media_type="image/jpeg")

    return [
        Route("/demo", lambda _: _file(page / "demo.html")),
        Route("/api/demo/enter", enter, methods=["POST"]),
        Route("/api/samples/{id}.jpg", sample),
    ]


def _file(path: Path) -> Response:
    if path.is_file():
        return FileResponse(path)
    return PlainTextResponse(
        f"The page is missing: there is no {path}.\nThe agent runs, and answers under /api/. Install the package with "
        "its files, or name a folder with an index.html as [screen] page in kiosk.toml.\n",
        404,
    )


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for this class
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
