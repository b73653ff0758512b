"""A stranger's MQTT client: paho, MQTT 5, mutual TLS, nothing of ours but the topic."""

from __future__ import annotations

import json
import threading
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from local.record import Mqtt


class Listener:
    """Collects every message on a topic."""

    def __init__(self, mqtt: Mqtt, *, topic: str | None = None, client_id: str | None = None) -> None:
        self._mqtt, self._topic = mqtt, topic or mqtt.topic
        self._changed = threading.Condition()
        self.messages: list[dict[str, Any]] = []
        self.granted: str | None = None
        self.refused: str | None = None
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or mqtt.client_id or "", protocol=paho.MQTTv5
        )
        self._client.tls_set(str(mqtt.ca), str(mqtt.cert), str(mqtt.key))
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._came

    def __enter__(self) -> Listener:
        self._client.connect(self._mqtt.host, self._mqtt.port)
        self._client.loop_start()
        assert self._wait(lambda: self.granted or self.refused, 60), "the broker did not answer"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def about(self, image_id: str) -> list[dict[str, Any]]:
        """The messages about one photo so far."""
        return [message for message in list(self.messages) if message["image_id"] == image_id]

    def wait_for(self, *image_ids: str, within_s: float = 60) -> dict[str, dict[str, Any]]:
        """The first message about each photo, once there is one about all of them."""
        missing = set(image_ids)
        assert self._wait(lambda: missing <= {message["image_id"] for message in self.messages}, within_s), (
            f"{len(missing - {message['image_id'] for message in self.messages})} of {len(missing)} got no message"
        )
        return {image_id: self.about(image_id)[0] for image_id in image_ids}

    def _wait(self, condition: Any, within_s: float) -> bool:
        with self._changed:
            return bool(self._changed.wait_for(condition, within_s))

    def _connected(self, client: paho.Client, _data: object, _flags: object, reason: Any, _props: object) -> None:
        if reason.is_failure:
            self._note(refused=str(reason))
        else:
            client.subscribe(self._topic, qos=1)

    def _subscribed(self, _client: object, _data: object, _mid: int, reasons: list[Any], _props: object) -> None:
        if reasons[0].is_failure:
            self._note(refused=str(reasons[0]))
        else:
            self._note(granted=str(reasons[0]))

    def _note(self, *, granted: str | None = None, refused: str | None = None) -> None:
        with self._changed:
            self.granted, self.refused = granted or self.granted, refused or self.refused
            self._changed.notify_all()

    def _came(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.messages.append(json.loads(message.payload))
            self._changed.notify_all()
