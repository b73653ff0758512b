"""Baseline, the first kiosk's stack: a new process for each photo imports torch, loads YOLOv5n, predicts.

Runs in a separate environment (ultralytics is AGPL-3.0 and no dependency of this project): `pip install ultralytics
boto3 paho-mqtt`. The weights are random: it finds no person, at the same cost.
"""

from __future__ import annotations

import os
import ssl
from datetime import timedelta
from pathlib import Path

import boto3
import cv2
import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from ultralytics import YOLO

from contracts.instants import now
from contracts.messages import Model, Reason, Status
from contracts.names import label_topic
from contracts.tickets import from_line
from recipes.kiosk.message import LabelMessage


def main() -> None:
    """Run inference on the photos of `SSM_Tickets`, publish `no_person` for each, end."""
    weights = Path(os.environ["NUNCHI_STATE_DIR"]) / "yolov5n.pt"
    if not weights.exists():
        YOLO("yolov5n.yaml").save(weights)
    model = YOLO(weights)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=os.environ["NUNCHI_INSTANCE"], protocol=mqtt.MQTTv5)
    context = ssl.create_default_context(cafile=os.environ["NUNCHI_MQTT_CA"])
    context.load_cert_chain(os.environ["NUNCHI_MQTT_CERT"], os.environ["NUNCHI_MQTT_KEY"])
    client.tls_set_context(context)
    client.connect(os.environ["NUNCHI_MQTT_HOST"], int(os.environ["NUNCHI_MQTT_PORT"]))
    client.loop_start()
    for ticket in from_line(os.environ["SSM_Tickets"]):  # noqa: SIM112 - the agent's own spelling
        bucket, key = os.environ["NUNCHI_IMAGES_BUCKET"], ticket.reference.upload_key
        data = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        model.predict(image, imgsz=640, verbose=False)
        message = LabelMessage(
            reference=ticket.reference,
            status=Status.NO_PERSON,
            label=None,
            confidence=None,
            reason=Reason.NO_FACE_FOUND,
            people=(),
            customer=None,
            model=Model("yolov5n", "random", ""),
            captured_at=now(),
            expires_at=now() + timedelta(seconds=60),
        )
        client.publish(label_topic(ticket.reference.kiosk_id), message.to_json(), qos=1).wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
