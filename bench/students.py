"""Baseline, as the first kiosk did: a new process for each photo imports, loads the model, infers and publishes.

It does less than the original: the photo of the event instead of the newest file, no disk in between, this project's
model (which loads faster than torch and YOLOv5), one MQTT message and no training data.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import boto3

from contracts.instants import now
from contracts.settings import load
from contracts.tickets import from_line
from imaging.decoding import decode
from mqtt.client import Broker
from recipes.kiosk.message import LabelMessage
from worker.kiosk.decision import decide
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.photos.publisher import MqttPublisher
from worker.photos.rules import Thresholds
from worker.photos.store import S3Store, Upload
from worker.settings import WorkerSettings


async def main() -> None:
    """Label the photos of `SSM_Tickets`, then end."""
    settings = load(WorkerSettings, os.environ)
    store = S3Store(
        boto3.client("s3"),
        images_bucket=settings.images_bucket,
        dataset_bucket=settings.dataset_bucket,
        max_bytes=settings.max_bytes,
    )
    detector = load_detector(settings.model or DEFAULT_MANIFEST)
    broker = Broker(
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        ca=settings.mqtt_ca,
        cert=settings.mqtt_cert,
        key=settings.mqtt_key,
        client_id=settings.instance_id,
    )
    publisher = MqttPublisher(broker, lambda: detector.model)
    connection = asyncio.create_task(publisher.run())
    for ticket in from_line(os.environ["SSM_Tickets"]):  # noqa: SIM112 - the agent's own spelling
        upload = store.fetch(ticket.reference)
        assert isinstance(upload, Upload)
        [people] = detector.detect([decode(upload.data, max_pixels=settings.max_pixels).image])
        decision = decide(ticket.reference, people, Thresholds(settings.gate, settings.unsure_below, 0.0))
        message = LabelMessage(
            reference=ticket.reference,
            status=decision.status,
            label=decision.label,
            confidence=decision.confidence,
            reason=decision.reason,
            people=decision.people,
            customer=decision.customer,
            model=detector.model,
            captured_at=upload.uploaded_at,
            expires_at=now() + timedelta(seconds=60),
        )
        await publisher.publish(message)
    connection.cancel()
    await asyncio.gather(connection, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
