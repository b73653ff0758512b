"""The way of a photo, on a deployed pipeline: what a stranger with S3 and MQTT tools may rely on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.instants import now
from contracts.messages import DatasetTree
from contracts.names import Reference, new_image_id
from recipes.kiosk.message import LabelMessage
from tests.end_to_end.conftest import Running
from tests.end_to_end.listener import Listener
from tests.end_to_end.photos import face_file, faces
from tests.pictures import bomb_png, encoded, gradient
from tests.waiting import until


def aws_s3_copies(cloud: Running, photo: Path, image_id: str) -> None:
    """`aws s3 cp`, with nothing but what `nunchi status --json` says."""
    keys = cloud.status["credentials"]
    copied = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("aws")), "--endpoint-url", cloud.status["endpoints"]["s3"]),
            *("s3", "cp", str(photo), f"s3://{cloud.status['buckets']['images']}/uploads/demo/{image_id}.jpg"),
        ],
        env={
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": keys["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
            "AWS_REGION": cloud.status["region"],
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert copied.returncode == 0, copied.stderr


def test_a_photo_that_the_aws_command_line_uploads_brings_its_label(
    cloud: Running, labels: Listener, tmp_path: Path
) -> None:
    """The message follows the contract, names the photo, and the result in S3 says the same."""
    image_id = new_image_id(now())
    aws_s3_copies(cloud, face_file(tmp_path), image_id)
    message = LabelMessage.from_json(json.dumps(labels.wait_for(image_id)[image_id]))
    assert message.reference == Reference("demo", image_id)
    assert message.people
    assert message.model.digest == cloud.status["worker"]["model"]["digest"]
    result = cloud.result(image_id)
    assert result is not None
    assert result.message == message


def test_mosquitto_hears_the_label(cloud: Running, tmp_path: Path) -> None:
    """A client written by others, in another language, with the files that `status` names."""
    if shutil.which("mosquitto_sub") is None:
        pytest.skip("mosquitto_sub is not installed (apt-get install mosquitto-clients); paho tests hear the same")
    mqtt = cloud.status["mqtt"]
    command = [
        *("stdbuf", "-oL"),  # into a pipe it would say everything at its end
        *("mosquitto_sub", "-V", "mqttv5", "-q", "1", "-h", mqtt["host"], "-p", str(mqtt["port"])),
        *("-t", mqtt["topic"], "--cafile", mqtt["ca"]),
        *("--cert", mqtt["cert"], "--key", mqtt["key"], "-d", "-W", "30"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as hearing:
        assert hearing.stdout is not None
        try:
            for line in hearing.stdout:
                if "Subscribed" in line:
                    break
            image_id = new_image_id(now())
            aws_s3_copies(cloud, face_file(tmp_path), image_id)
            message = next(json.loads(line) for line in hearing.stdout if line.startswith("{"))
        finally:
            hearing.kill()
    assert message["image_id"] == image_id


def test_the_same_key_twice_brings_no_second_different_label(cloud: Running, labels: Listener) -> None:
    """A result is written once: another face under the same key changes nothing, and is told nothing else."""
    first, *_, last = faces(40)
    image_id = cloud.put(first)
    labels.wait_for(image_id)
    cloud.put(last, image_id=image_id)
    cloud.put(first, image_id=image_id)
    labels.wait_for(cloud.put(encoded(gradient())))  # whatever the two bring has come before this one's
    told = {(message["label"], message["confidence"], message["status"]) for message in labels.about(image_id)}
    assert len(told) == 1


def test_ten_photos_at_once_bring_ten_results(cloud: Running, labels: Listener) -> None:
    """None is lost, none is taken for another."""
    image_ids = [cloud.put(photo) for photo in faces(10)]
    told = labels.wait_for(*image_ids)
    cloud.until_results(image_ids)
    assert {message["kiosk_id"] for message in told.values()} == {"demo"}
    assert all(message["people"] for message in told.values())


@pytest.mark.parametrize(
    ("file", "suffix", "reason"),
    [
        pytest.param(b"hello, kiosk", ".txt", "wrong_suffix", id="txt"),
        pytest.param(b"", ".jpg", "empty_file", id="empty"),
        pytest.param(encoded(gradient(640, 480))[:4000], ".jpg", "truncated", id="truncated"),
        pytest.param(bomb_png(20_000), ".jpg", "too_many_pixels", id="20000x20000"),
        pytest.param(b"%PDF-1.7 no picture at all" * 20, ".jpg", "not_an_image", id="not an image"),
    ],
)
def test_what_is_no_photo_is_rejected_with_the_reason_and_the_next_photo_works(
    cloud: Running, labels: Listener, file: bytes, suffix: str, reason: str
) -> None:
    """A kiosk that sends rubbish is told so; the one after it does not notice."""
    bad = cloud.put(file, suffix=suffix)
    good = cloud.put(faces(1)[0])
    told = labels.wait_for(bad, good)
    assert (told[bad]["status"], told[bad]["reason"], told[bad]["label"]) == ("rejected", reason, None)
    assert told[good]["people"]


def test_a_label_that_passes_the_gate_becomes_a_training_pair(cloud: Running, labels: Listener) -> None:
    """The image and its YOLO lines are in the dataset bucket, under names of the photo; unsure ones are not."""
    image_ids = [cloud.put(photo) for photo in faces(3)]
    labels.wait_for(*image_ids)
    s3, bucket = cloud.record.client("s3"), cloud.status["buckets"]["dataset"]
    for image_id in image_ids:
        cloud.until_results([image_id])
        result = cloud.result(image_id)
        assert result is not None
        there = s3.list_objects_v2(Bucket=bucket, Prefix=f"auto/images/demo/{image_id}")["KeyCount"]
        sure = all(person.confidence >= 0.95 for person in result.message.people)
        assert (result.training is DatasetTree.AUTO) == sure == bool(there)


def test_a_kiosk_can_not_hear_another_kiosk(cloud: Running) -> None:
    """The deployed IoT policy refuses the subscription."""
    with Listener(cloud.record.device, topic="nunchi/other/label") as listener:
        assert (listener.granted, listener.refused) == (None, "Not authorized")


def test_a_kiosk_can_not_call_itself_another_kiosk(cloud: Running) -> None:
    """The certificate is one thing's; under another name the broker refuses the connection."""
    with Listener(cloud.record.device, client_id="other", topic="nunchi/other/label") as listener:
        assert (listener.granted, listener.refused) == (None, "Not authorized")


def test_a_client_without_a_certificate_hears_nothing(cloud: Running) -> None:
    """Mutual TLS: the broker wants to know who listens."""
    context = ssl.create_default_context(cafile=cloud.status["mqtt"]["ca"])
    address = cloud.status["mqtt"]["host"], cloud.status["mqtt"]["port"]
    with (
        socket.create_connection(address, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        contextlib.suppress(ssl.SSLError, ConnectionResetError),
    ):
        assert client.recv(1) == b"", "a broker that takes us would wait for our CONNECT"


def test_a_command_says_how_its_script_went(cloud: Running) -> None:
    """Run Command on the local cloud runs the document's own lines, and refuses what its pattern does not allow."""
    ssm = cloud.record.client("ssm")
    sent = ssm.send_command(
        InstanceIds=[cloud.record.instance],
        DocumentName="Nunchi-Infer",
        Parameters={"Tickets": ["demo/$(reboot)"]},
    )["Command"]

    def told() -> dict[str, str]:
        answer = ssm.get_command_invocation(CommandId=sent["CommandId"], InstanceId=cloud.record.instance)
        return {name: answer[name] for name in ("Status", "StandardErrorContent")}

    until(lambda: told()["Status"] != "InProgress", within_s=60, what="the command's outcome")
    assert told()["Status"] == "Failed"
    assert "parameter Tickets does not match" in told()["StandardErrorContent"]
