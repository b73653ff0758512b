"""Which messages a kiosk acts upon. The connection itself is tried on a real broker, in tests/end_to_end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from contracts.names import Reference
from kiosk.cloud.subscribe import Subscriber
from mqtt.client import Broker
from recipes.kiosk.message import LabelMessage
from tests.kiosk.cloud.test_counter import nobody

NOBODY = Path("/nowhere")
MESSAGE = nobody(Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z"))


def read(payload: bytes, *, kiosk_id: str = "demo") -> LabelMessage | None:
    broker = Broker(host="h", port=1, ca=NOBODY, cert=NOBODY, key=NOBODY, client_id="c")
    message: Any = SimpleNamespace(payload=payload, topic=f"nunchi/{kiosk_id}/label")
    return Subscriber(broker, kiosk_id=kiosk_id, read=LabelMessage.from_json)._read(message)


def test_a_label_is_heard_as_it_was_sent() -> None:
    """Field by field."""
    assert read(MESSAGE.to_json().encode()) == MESSAGE


@pytest.mark.parametrize("off", [timedelta(minutes=-5), timedelta(days=-365), timedelta(days=365)])
def test_a_kiosk_whose_clock_is_wrong_hears_its_labels(off: timedelta) -> None:
    """`expires_at` is a time of S3's clock, and a kiosk's may differ: who waits for a label judges how late it is."""
    message = replace(MESSAGE, expires_at=MESSAGE.expires_at + off)
    assert read(message.to_json().encode()) == message


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff", b'{"schema": 99}', b"[]"])
def test_what_is_no_label_is_not_acted_upon(payload: bytes) -> None:
    """A broken message must not stop the kiosk."""
    assert read(payload) is None


def test_a_label_for_another_kiosk_is_not_acted_upon() -> None:
    """Whoever sent it there."""
    assert read(MESSAGE.to_json().encode(), kiosk_id="other") is None
