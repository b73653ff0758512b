"""The bodies of the page's requests: their forms and their largest sizes."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

EYE_BYTES: Final = 96 * 54
MOST_JSON: Final = 64 << 10
MOST_JPEG: Final = 8 << 20  # as of an upload
MOST_SOUND: Final = 64 << 10  # two seconds of it

_Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Ulid = Annotated[str, StringConstraints(pattern="^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # a newer page may say more


class Empty(_Body):
    """An object, whatever it says."""


class CameraSwitch(_Body):
    """Turned on or off by a person, or failed: the browser's name of the error."""

    on: bool | None = None
    failed: _Name | None = None


class ScreenSwitch(_Body):
    """The screen that a person chose."""

    visit: Ulid | None = None
    screen: Literal["usual", "easy"]


class VisitEnd(_Body):
    """Why the page is done with a visit."""

    visit: Ulid | None = None
    why: Literal["receipt", "idle", "restart"]


class Call(_Body):
    """A person is asked for."""

    visit: Ulid | None = None
    reason: _Name = "help"


class CallDone(_Body):
    """The call that was answered."""

    id: _Name


class Listen(_Body):
    """The button was pushed."""

    visit: Ulid | None = None
    listening: Ulid
    language: Literal["ko", "en"]
    expect: Annotated[tuple[_Name, ...], Field(max_length=64)]
    dish: _Name | None = None


class ListenStop(_Body):
    """The button was let go, or time is up."""

    listening: Ulid


class Heartbeat(_Body):
    """The page is alive."""

    screen: _Name = "attract"
    visit: Ulid | None = None


class Enter(_Body):
    """Who comes in; None: the person leaves."""

    sample: _Name | None


B = TypeVar("B", bound=_Body)


async def read(request: Request, form: type[B]) -> B:
    """The request's JSON in that form; HTTPException 413, 415 or 422 with a sentence otherwise."""
    try:
        return form.model_validate_json(await read_json_bytes(request))
    except ValidationError as error:
        raise HTTPException(422, "; ".join(map(_sentence, error.errors()))) from None


async def read_json_bytes(request: Request) -> bytes:
    """The bytes of a JSON request. Another content type is refused: a form of another page could send it."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "send Content-Type: application/json")
    return await read_bytes(request, MOST_JSON)


async def read_bytes(request: Request, most: int) -> bytes:
    """The body, at most so many bytes; HTTPException 413 as soon as there are more."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, f"the body has more than {most} bytes; nothing was done")
    return bytes(body)


def _sentence(mistake: Any) -> str:
    field = ".".join(map(str, mistake["loc"]))
    return f"{field}: {mistake['msg']}" if field else str(mistake["msg"])
