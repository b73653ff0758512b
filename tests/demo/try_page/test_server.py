"""The HTTP behind the page: pictures go to the counter and nowhere else, and an error has a code and a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from starlette.testclient import TestClient

from contracts.answers_message import AnswersStatus
from demo.try_page.server import MOST_BYTES, create_app, description
from imaging.decoding import decode
from kiosk.errors import NoAnswer
from kiosk.screen.guard import hosts_of
from tests.demo.try_page.answering import CAREFUL, CAREFUL_TEXTS, EYE, RECIPE, TEXTS, FakeCounter, message
from tests.imaging.heics import GRADIENT

PORT = 8124
BASE = f"http://127.0.0.1:{PORT}"
JPEG = b"\xff\xd8\xff\xe0 any bytes"


def nowhere(link: str) -> bytes:
    raise OSError(f"{link} is refused")


def client_of(counter: FakeCounter, fetched: Callable[[str], bytes] = nowhere, **headers: str) -> Any:
    app = create_app(RECIPE, TEXTS, counter, hosts=hosts_of(PORT), fetched=fetched)
    return TestClient(app, base_url=BASE, headers={"origin": BASE, **headers})


def test_a_picture_goes_to_the_counter_with_its_inputs_and_the_message_comes_back() -> None:
    """Byte for byte; the message is the one that came over MQTT."""
    counter = FakeCounter()
    told = client_of(counter).post("/api/ask?species=cat", content=JPEG)
    assert (told.status_code, told.headers["cache-control"]) == (200, "no-store")
    own = json.loads(message(AnswersStatus.LABELLED, EYE).to_json())
    assert told.json() == {"message": own, "upload_ms": 30.0, "total_ms": 420.0, "pictures": {}}
    assert counter.asked == [(JPEG, {"species": "cat"})]


def test_the_picture_that_shows_why_comes_through_the_pages_own_server() -> None:
    """As a data URL: the browser asks nobody else. One that can't be had costs only itself."""
    explained = replace(message(AnswersStatus.LABELLED, EYE), pictures={"why": "https://s3/why?secret"})
    links = {"https://s3/why?secret": b"a PNG"}
    shown = client_of(FakeCounter(explained), links.__getitem__).post("/api/ask?species=cat", content=JPEG).json()
    assert shown["pictures"] == {"why": "data:image/png;base64,YSBQTkc="}
    without = client_of(FakeCounter(explained)).post("/api/ask?species=cat", content=JPEG)
    assert (without.status_code, without.json()["pictures"]) == (200, {})
    assert without.json()["message"]["subjects"] == shown["message"]["subjects"] != []


def test_a_declaration_goes_along_where_the_recipe_asks_for_it_and_only_as_yes() -> None:
    counter = FakeCounter()
    app = create_app(CAREFUL, CAREFUL_TEXTS, counter, hosts=hosts_of(PORT), fetched=nowhere)
    client = TestClient(app, base_url=BASE, headers={"origin": BASE})
    assert client.post("/api/ask?adult-declared=yes", content=JPEG).status_code == 200
    assert client.post("/api/ask?adult-declared=no", content=JPEG).status_code == 422
    assert client_of(counter).post("/api/ask?adult-declared=yes", content=JPEG).status_code == 422
    assert counter.asked == [(JPEG, {"adult-declared": "yes"})]
    told = client.get("/api/recipe").json()
    assert (told["consent"], told["keeps_upload"], told["texts"]["en"]["consent"]) == (
        "adult-declared",
        False,
        "I am an adult.",
    )


def test_a_picture_without_an_input_is_sent_too() -> None:
    """What is missing is the worker's to say."""
    counter = FakeCounter()
    assert client_of(counter).post("/api/ask", content=JPEG).status_code == 200
    assert counter.asked == [(JPEG, {})]


def test_a_phones_heic_is_sent_as_a_jpeg_and_shown_as_one() -> None:
    counter = FakeCounter()
    client = client_of(counter)
    shown = client.post("/api/jpeg", content=GRADIENT)
    client.post("/api/ask?species=dog", content=GRADIENT)
    assert shown.headers["content-type"] == "image/jpeg"
    assert decode(shown.content).size == (64, 48)
    assert counter.asked == [(shown.content, {"species": "dog"})]


@pytest.mark.parametrize(
    ("path", "content", "status", "code", "sentence"),
    [
        ("/api/ask?species=bird", JPEG, 422, "refused", "the recipe 'pet' has no input species=bird; nothing was sent"),
        ("/api/ask?colour=red", JPEG, 422, "refused", "the recipe 'pet' has no input colour=red; nothing was sent"),
        ("/api/ask", GRADIENT[:200], 422, "heic", "the HEIC is truncated or damaged"),
        ("/api/ask", bytes(MOST_BYTES + 1), 413, "too_large", f"the body has more than {MOST_BYTES} bytes"),
        ("/api/jpeg", JPEG, 415, "refused", "this is no HEIC"),
    ],
    ids=["value", "input", "heic", "bytes", "jpeg"],
)
def test_what_is_not_sent_has_a_code_and_a_sentence(
    path: str, content: bytes, status: int, code: str, sentence: str
) -> None:
    """And the counter hears nothing of it."""
    counter = FakeCounter()
    told = client_of(counter).post(path, content=content)
    assert (told.status_code, told.json()["code"], counter.asked) == (status, code, [])
    assert sentence in told.json()["error"]


@pytest.mark.parametrize(
    ("error", "status", "code", "sentence"),
    [
        (NoAnswer("no label for demo/1 within 20 s"), 504, "no_answer", "no label for demo/1 within 20 s"),
        (EndpointConnectionError(endpoint_url="http://s3"), 502, "not_sent", "the picture was not uploaded: Could not"),
    ],
)
def test_a_cloud_that_does_not_answer_has_a_code_and_a_sentence(
    error: Exception, status: int, code: str, sentence: str
) -> None:
    told = client_of(FakeCounter(error)).post("/api/ask", content=JPEG)
    assert (told.status_code, told.json()["code"]) == (status, code)
    assert sentence in told.json()["error"]


def test_only_its_own_page_may_ask() -> None:
    """Another page that a browser shows, and another name of this machine, get nothing."""
    counter = FakeCounter()
    assert client_of(counter, origin="http://elsewhere").post("/api/ask", content=JPEG).status_code == 403
    assert client_of(counter, host="elsewhere:8124").get("/").status_code == 421
    assert counter.asked == []


def test_the_page_and_its_letters_are_served_and_ask_nothing_from_outside() -> None:
    client = client_of(FakeCounter())
    page = client.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for path in ("page.css", "app.js", "vendor/preact-htm.js", "fonts/Pretendard-Regular.subset.woff2"):
        assert client.get(f"/page/{path}").status_code == 200


def test_the_page_knows_the_questions_and_their_words() -> None:
    """The classes by name: a value may have a _ of its own, so that a name can't be split."""
    described = client_of(FakeCounter()).get("/api/recipe").json()
    assert described == json.loads(json.dumps(description(RECIPE, TEXTS)))
    assert described["classes"]["no_sign_left"] == ["no_sign", "left"]
    assert described["scores"] == {"age": [0, 20]}
    assert described["inputs"] == {"species": ["dog", "cat"]}
    assert described["texts"]["ko"]["values"]["species"]["dog"] == "개"
