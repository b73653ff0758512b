"""A device as MQTT's own rules have it, that tells what the broker made of each of its tries."""

from __future__ import annotations

import queue
import ssl
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from local.ports import LOOPBACK

ANSWER_S = 60
OK = "ok"
REFUSED = "refused"
CUT_OFF = "cut off"  # what AWS does, too, to who publishes what it may not


class Device:
    """One connection over mutual TLS, or without a certificate. Every method answers OK, REFUSED or CUT_OFF."""

    def __init__(self, port: int, *, ca: Path, identity: tuple[Path, Path] | None, client_id: str) -> None:
        self._port = port
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
        cert, key = map(str, identity) if identity else (None, None)
        self._client.tls_set(str(ca), cert, key)
        self._client.on_connect = lambda _c, _d, _f, reason, _p: self._answer(reason)
        self._client.on_subscribe = lambda _c, _d, _m, reasons, _p: self._answer(reasons[0])
        self._client.on_publish = lambda _c, _d, _m, reason, _p: self._answer(reason)
        self._client.on_disconnect = lambda *_: self._answers.put(CUT_OFF)
        self._client.on_message = lambda _c, _d, message: self.heard.put(bytes(message.payload))

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def connect(self) -> str:
        try:
            self._client.connect(LOOPBACK, self._port)
        except (ssl.SSLError, ConnectionError):
            return CUT_OFF
        self._client.loop_start()
        told = self._told()
        if told != OK:
            self._client.loop_stop()
        return told

    def subscribe(self, topic: str) -> str:
        self._client.subscribe(topic, qos=1)
        return self._told()

    def publish(self, topic: str, *, retain: bool = False) -> str:
        self._client.publish(topic, b"{}", qos=1, retain=retain)
        return self._told()

    def _answer(self, reason: Any) -> None:
        self._answers.put(REFUSED if reason.is_failure else OK)

    def _told(self) -> str:
        return self._answers.get(timeout=ANSWER_S)
