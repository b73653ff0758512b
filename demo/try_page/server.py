"""The HTTP behind the page: what the recipe asks, and a picture's way to its answers. It keeps no picture."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from contracts.answers_message import WHY, AnswersMessage
from imaging import heic
from imaging.decoding import DECODE_SIDE, PhotoRejected
from kiosk.cloud.counter import Answer
from kiosk.errors import NoAnswer
from kiosk.screen.bodies import read_bytes
from kiosk.screen.guard import Guard
from kiosk.screen.server import PAGE as KIOSK_PAGE
from local.ports import fetch
from recipes.recipe import Recipe
from recipes.texts import Texts

log = logging.getLogger(__name__)

PAGE: Final = Path(__file__).with_name("page")
MOST_BYTES: Final = 32 << 20  # more than any phone's photo; what a worker reads is the worker's to say
ANSWER_S: Final = 20.0  # as of `nunchi send`


class Asks(Protocol):
    """Sends a photo and waits for its message; see kiosk.cloud.counter.Counter."""

    async def ask(
        self, photo: bytes, *, timeout_s: float, inputs: Mapping[str, str] | None = None
    ) -> Answer[AnswersMessage]: ...


def create_app(
    recipe: Recipe,
    texts: Mapping[str, Texts],
    counter: Asks,
    *,
    hosts: Collection[str],
    timeout_s: float = ANSWER_S,
    fetched: Callable[[str], bytes] = fetch,
) -> Starlette:
    """The ASGI application. `texts`: by language; `hosts`: allowed values of `Host`; `timeout_s`: of an answer.

    POST /api/ask?INPUT=VALUE with a picture → {"message", "upload_ms", "total_ms", "pictures": data URLs by name}; POST
    /api/jpeg with a HEIC → its JPEG, which every browser can show. An error is {"error": a sentence, "code": what the
    page has words for}. `fetched`: the bytes behind a link of the message, or OSError; the page itself asks no other
    server.
    """
    described = description(recipe, texts)

    async def ask(request: Request) -> Response:
        inputs = dict(request.query_params)
        for name, value in inputs.items():
            if value not in recipe.inputs.get(name, ()) and recipe.declaration.get(name) != value:
                raise HTTPException(422, f"the recipe {recipe.name!r} has no input {name}={value}; nothing was sent")
        photo = await _as_jpeg(await read_bytes(request, MOST_BYTES))
        try:
            answer = await counter.ask(photo, timeout_s=timeout_s, inputs=inputs)
        except NoAnswer as error:
            return _error(504, "no_answer", str(error))
        except (BotoCoreError, ClientError, OSError) as error:
            return _error(502, "not_sent", f"the picture was not uploaded: {error}")
        message = json.loads(answer.message.to_json())
        pictures = await asyncio.to_thread(_pictures, answer.message, fetched)
        times = {"upload_ms": answer.upload_ms, "total_ms": answer.total_ms}
        return JSONResponse({"message": message, **times, "pictures": pictures})

    async def jpeg(request: Request) -> Response:
        picture = await read_bytes(request, MOST_BYTES)
        if not heic.is_heic(picture):
            raise HTTPException(415, "this is no HEIC; a browser shows a picture of another kind by itself, or not")
        return Response(await _as_jpeg(picture), media_type="image/jpeg")

    return Starlette(
        routes=[
            Route("/", lambda _: FileResponse(PAGE / "index.html")),
            Route("/api/recipe", lambda _: JSONResponse(described)),
            Route("/api/ask", ask, methods=["POST"]),
            Route("/api/jpeg", jpeg, methods=["POST"]),
            *(Mount(f"/page/{part}", StaticFiles(directory=KIOSK_PAGE / part)) for part in ("fonts", "vendor")),
            Mount("/page", StaticFiles(directory=PAGE)),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={HTTPException: _refused, PhotoRejected: _unreadable},
    )


def description(recipe: Recipe, texts: Mapping[str, Texts]) -> dict[str, Any]:
    """What the page must know of a recipe. `classes`: the values of the joined questions by the name of the class."""
    ranges = {head.name: [head.score.low, head.score.high] for head in recipe.heads if head.score is not None}
    return {
        "name": recipe.name,
        "finds": recipe.find.kind,
        "inputs": recipe.inputs,
        "scores": ranges,
        "join": recipe.join,
        "classes": dict(zip(recipe.classes, recipe.combinations(), strict=True)) if recipe.join else {},
        "notice": recipe.notice,
        "consent": recipe.keep.consent,
        "keeps_upload": recipe.keep.upload or recipe.keep.learn,
        "why": recipe.show.why,
        "picture": recipe.show.picture,
        "measured": [question for question in recipe.questions if not recipe.learns(question)],
        "texts": {language: asdict(each) for language, each in texts.items()},
    }


def _pictures(message: AnswersMessage, fetched: Callable[[str], bytes]) -> dict[str, str]:
    """The pictures of a message as data URLs. One that can't be had is left out: the answers stand without it."""
    pictures = {}
    for name, link in message.pictures.items():
        try:
            kind = "png" if name == WHY else "svg+xml"
            pictures[name] = f"data:image/{kind};base64,{base64.b64encode(fetched(link)).decode()}"
        except OSError as error:
            log.warning("the picture %r of %s can't be fetched: %s", name, message.reference, error)
    return pictures


async def _as_jpeg(picture: bytes) -> bytes:
    """A phone's HEIC as a JPEG, other bytes as they are; decoding takes a second, and other requests don't wait."""
    return await asyncio.to_thread(heic.as_jpeg, picture, side=DECODE_SIDE)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for this class
    return _error(error.status_code, "too_large" if error.status_code == 413 else "refused", error.detail)


async def _unreadable(_: Request, error: Exception) -> Response:
    assert isinstance(error, PhotoRejected)  # noqa: S101 - it is registered for this class
    return _error(422, "heic", error.detail)


def _error(status: int, code: str, error: str) -> Response:
    return JSONResponse({"error": error, "code": code}, status)
