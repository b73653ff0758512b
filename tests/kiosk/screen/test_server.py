"""The agent's HTTP: its page gets answers, other pages get none, and a bad request gets a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from kiosk.screen.bodies import EYE_BYTES, MOST_JPEG, MOST_JSON, MOST_SOUND
from kiosk.screen.guard import hosts_of
from kiosk.screen.server import create_app
from kiosk.voice.port import Listening
from tests.kiosk.screen.fake_shop import AT, VISIT, FakeShop

PORT = 8123
BASE = f"http://127.0.0.1:{PORT}"
OWN = {"origin": BASE}
JPEG = b"\xff\xd8\xff\xe0" + bytes(100)
ULID = "01KB6Z6M1S2E9R8Q4N7T3W5Y0B"


def _client(shop: FakeShop, *, page: Path = Path("/nowhere"), demo: bool = False, prompts: Path | None = None) -> Any:
    app = create_app(shop, hosts=hosts_of(PORT), page=page, demo=demo, spoken=[prompts or page])
    return TestClient(app, base_url=BASE, headers=OWN)


def test_every_request_of_the_page_reaches_the_agent() -> None:
    """One of each, with the values that the page sends."""
    shop = FakeShop()
    client = _client(shop)

    statuses = [
        client.post("/api/heartbeat", json={"screen": "menu", "visit": VISIT, "newer": 1}).status_code,
        client.post("/api/eye", content=bytes(EYE_BYTES)).status_code,
        client.post(f"/api/frames?visit={VISIT}&at=12.5", content=JPEG).status_code,
        client.post(f"/api/frames?visit={VISIT}", content=JPEG).status_code,
        client.post("/api/camera", json={"on": False}).status_code,
        client.post("/api/camera", json={"failed": "NotAllowedError"}).status_code,
        client.post("/api/switch", json={"visit": VISIT, "screen": "usual"}).status_code,
        client.post("/api/visit/end", json={"visit": VISIT, "why": "receipt"}).status_code,
        client.post("/api/calls", json={"visit": VISIT, "reason": "help"}).status_code,
        client.post("/api/calls/done", json={"id": "c1"}).status_code,
        client.post(
            "/api/listen",
            json={"visit": VISIT, "listening": ULID, "language": "ko", "expect": ["dish"], "dish": None},
        ).status_code,
        client.post(f"/api/listen/audio?listening={ULID}", content=bytes(320)).status_code,
        client.post("/api/listen/stop", json={"listening": ULID}).status_code,
    ]

    assert statuses == [204, 204, 202, 202, 204, 204, 204, 204, 202, 204, 202, 204, 202]
    assert shop.asked == [
        ("heartbeat", "menu", VISIT),
        ("eye", EYE_BYTES),
        ("frame", VISIT, len(JPEG), 12.5),
        ("frame", VISIT, len(JPEG), None),
        ("camera", False, None),
        ("camera", None, "NotAllowedError"),
        ("switch", VISIT, "usual"),
        ("end", VISIT, "receipt"),
        ("call", VISIT, "help"),
        ("call_answered", "c1"),
        ("listen", VISIT, Listening(ULID.lower(), "ko", ("dish",), None)),
        ("hear", ULID.lower(), 320),
        ("stop_listening", ULID.lower()),
    ]


def test_answers_are_json() -> None:
    """The shop, the health, the figures, a visit that begins, a receipt."""
    client = _client(FakeShop())

    assert client.get("/api/shop").json() == {"kiosk": "demo"}
    assert client.get("/api/health").json() == {"cloud": "ok"}
    assert client.get("/api/figures").json() == {"orders": 3}
    assert client.post("/api/visit/begin", json={}).json() == {"visit": VISIT}
    assert client.post("/api/orders", json={"order_id": ULID}).json() == {"number": 12, "at": AT.isoformat()}


def test_an_invalid_order_gets_the_reason() -> None:
    """The page shows it to the staff; nothing is accepted."""
    response = _client(FakeShop()).post("/api/orders", json={"lines": []})

    assert (response.status_code, response.json()) == (422, {"error": "lines: an order needs one"})


def test_without_a_voice_the_button_is_refused_with_a_sentence() -> None:
    """Easy mode never depends on it."""
    body = {"listening": ULID, "language": "ko", "expect": ["dish"], "dish": None}
    response = _client(FakeShop(voice=False)).post("/api/listen", json=body)

    assert (response.status_code, response.json()) == (409, {"error": "no engine listens here"})


@pytest.mark.parametrize(
    ("path", "content", "kind", "status"),
    [
        ("/api/eye", bytes(EYE_BYTES - 1), "application/octet-stream", 422),
        ("/api/eye", bytes(EYE_BYTES + 1), "application/octet-stream", 413),
        (f"/api/frames?visit={VISIT}", b"\x89PNG", "image/png", 422),
        (f"/api/frames?visit={VISIT}&at=soon", JPEG, "image/jpeg", 422),
        (f"/api/frames?visit={VISIT}", JPEG + bytes(MOST_JPEG), "image/jpeg", 413),
        (f"/api/listen/audio?listening={ULID}", bytes(MOST_SOUND + 1), "application/octet-stream", 413),
        ("/api/switch", b'{"screen":"large"}', "application/json", 422),
        ("/api/switch", b"screen=easy", "application/x-www-form-urlencoded", 415),
        ("/api/visit/end", b"{", "application/json", 422),
        ("/api/orders", b"{", "application/json", 422),
        ("/api/orders", b'"' + bytes(MOST_JSON) + b'"', "application/json", 413),
    ],
)
def test_what_has_another_form_or_is_too_large_is_refused(path: str, content: bytes, kind: str, status: int) -> None:
    """The agent never holds more than a request's limit, and nothing reaches the shop."""
    shop = FakeShop()

    response = _client(shop).post(path, content=content, headers={"content-type": kind})

    assert response.status_code == status
    assert list(response.json()) == ["error"]
    assert shop.asked == []


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", f"https://127.0.0.1:{PORT}", "http://127.0.0.1", None]
)
def test_another_page_can_post_nothing(origin: str | None) -> None:
    """Not from another site, another port, a file, nor without an origin."""
    shop = FakeShop()
    app = create_app(shop, hosts=hosts_of(PORT))
    client = TestClient(app, base_url=BASE, headers={"origin": origin} if origin else {})

    response = client.post("/api/camera", json={"on": False})

    assert (response.status_code, shop.asked) == (403, [])


@pytest.mark.parametrize("host", ["kiosk.example", f"kiosk.example:{PORT}", "127.0.0.1", ""])
def test_under_another_name_nothing_is_read(host: str) -> None:
    """DNS rebinding: a web page whose name suddenly means this machine."""
    response = _client(FakeShop()).get("/api/shop", headers={"host": host})

    assert response.status_code == 421


def test_the_page_is_served_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Its policy allows this origin only; what the agent says is never cached."""
    (tmp_path / "index.html").write_text("<title>kiosk</title>")
    (tmp_path / "shop.html").write_text("<title>staff</title>")
    (tmp_path / "app.js").write_text("export {}")
    client = _client(FakeShop(), page=tmp_path)

    index, staff, script = client.get("/"), client.get("/shop"), client.get("/page/app.js")

    assert (index.text, staff.text, script.text) == ("<title>kiosk</title>", "<title>staff</title>", "export {}")
    assert index.headers["content-security-policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in index.headers["content-security-policy"]
    assert client.get("/api/shop").headers["cache-control"] == "no-store"
    assert client.get("/page/../../errors.py").status_code == 404


def test_a_missing_page_says_what_is_missing() -> None:
    """The agent runs without one: a shop may bring its own."""
    response = _client(FakeShop()).get("/")

    assert response.status_code == 404
    assert response.text.startswith("The page is missing: there is no /nowhere/index.html.")


def test_samples_come_in_only_where_it_is_a_demonstration(tmp_path: Path) -> None:
    """In a shop nobody can pretend to be a customer."""
    picture = tmp_path / "a.jpg"
    picture.write_bytes(JPEG)
    shop = FakeShop(picture)
    client = _client(shop, demo=True)

    assert client.get("/api/samples/usg_A1.jpg").content == JPEG
    assert client.get("/api/samples/other.jpg").status_code == 404
    assert client.post("/api/demo/enter", json={"sample": "usg_A1"}).status_code == 202
    assert client.post("/api/demo/enter", json={"sample": None}).status_code == 202
    assert client.post("/api/demo/enter", json={"sample": "other"}).status_code == 404
    assert _client(shop).post("/api/demo/enter", json={"sample": "usg_A1"}).status_code == 404
    assert _client(shop).get("/api/samples/usg_A1.jpg").status_code == 404


def test_a_prompt_is_a_file_of_its_language_or_missing(tmp_path: Path) -> None:
    """The caption stands on the screen in any case."""
    (tmp_path / "ko").mkdir()
    (tmp_path / "ko" / "welcome.ogg").write_bytes(b"OggS")
    client = _client(FakeShop(), prompts=tmp_path)

    assert client.get("/api/prompts/ko/welcome.ogg").content == b"OggS"
    assert client.get("/api/prompts/en/welcome.ogg").status_code == 404
    assert client.get("/api/prompts/ko/..%2f..%2fsecret.ogg").status_code == 404
