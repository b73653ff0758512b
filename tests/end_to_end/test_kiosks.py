"""A kiosk of its own key: from `nunchi kiosk add` to its first label, and to the day that it is removed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
import pytest
from botocore.exceptions import ClientError
from paho.mqtt.enums import CallbackAPIVersion

from contracts.instants import now
from contracts.names import Reference, new_image_id
from kiosk.cloud.credentials import Certificate, KioskClients, fetch, s3_client
from kiosk.cloud.upload import Uploader
from kiosk.errors import CredentialsRefused
from kiosk.menu.orders import OrderBook
from kiosk.menu.sync import OrdersTable, OrderSync
from local.environment import ROOT
from local.record import Mqtt
from recipes.kiosk.labels import Label
from tests.end_to_end.conftest import Running
from tests.end_to_end.listener import Listener
from tests.kiosk.menu.orders import NOON, order
from tests.waiting import until, until_async

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PERSON = (ROOT / "samples" / "usg_B001232.jpg").read_bytes()


@dataclass(frozen=True)
class Device:
    """What somebody has who was given a folder, and nothing else."""

    folder: Path
    told: dict[str, Any]

    @property
    def mqtt(self) -> Mqtt:
        ca, cert, key = (self.folder / self.told[name] for name in ("ca", "cert", "key"))
        told = self.told
        return Mqtt(told["mqtt_host"], told["mqtt_port"], ca, cert, key, told["label_topic"], told["client_id"])

    @property
    def certificate(self) -> Certificate:
        return Certificate(thing=self.told["kiosk_id"], ca=self.mqtt.ca, cert=self.mqtt.cert, key=self.mqtt.key)

    @property
    def s3(self) -> S3Client:
        told = self.told
        return s3_client(told["credentials_url"], self.certificate, region=told["region"], endpoint=told["s3_endpoint"])

    def connects(self) -> bool:
        """Whether the broker lets it in."""
        ended: list[bool] = []
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=self.told["client_id"], protocol=paho.MQTTv5)
        client.tls_set(str(self.mqtt.ca), str(self.mqtt.cert), str(self.mqtt.key))
        client.on_connect = lambda _c, _d, _f, reason, _p: ended.append(not reason.is_failure)
        client.on_disconnect = lambda *_: ended.append(False)
        client.connect(self.mqtt.host, self.mqtt.port)
        until(lambda: ended or (client.loop(0.05) and ended), within_s=60, what="the broker's word")
        client.disconnect()
        return ended[0]


def provisioned(cloud: Running, name: str, folder: Path, *options: str) -> Device:
    """A kiosk, as an operator makes it."""
    made = cloud.nunchi("kiosk", "add", name, "--local", "--out", str(folder), *options)
    assert made.returncode == 0, made.stderr
    return Device(folder, json.loads((folder / f"{name}.json").read_text()))


@pytest.fixture
def device(cloud: Running, tmp_path: Path) -> Iterator[Device]:
    yield provisioned(cloud, "shop1", tmp_path / "device")
    cloud.nunchi("kiosk", "remove", "shop1", "--local", "--yes")


def test_a_provisioned_kiosk_uploads_and_hears_with_its_own_key_alone(device: Device) -> None:
    uploader = Uploader(device.s3, bucket=device.told["bucket"], kiosk_id="shop1")
    photo = uploader.name()
    with Listener(device.mqtt) as listener:
        uploader.upload(photo, PERSON)
        message = listener.wait_for(photo.image_id)[photo.image_id]
    assert (message["kiosk_id"], message["status"]) == ("shop1", "labelled")


def test_a_kiosk_may_put_photos_under_its_own_name_and_do_nothing_else(cloud: Running, device: Device) -> None:
    """Not for another kiosk, nor beside the uploads; not read, list or delete what is its own."""
    s3, bucket = device.s3, device.told["bucket"]
    own = Reference("shop1", new_image_id(now())).upload_key
    s3.put_object(Bucket=bucket, Key=own, Body=PERSON)
    for key in (Reference("demo", new_image_id(now())).upload_key, "results/shop1/x.json", "uploads/shop12/x.jpg"):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=bucket, Key=key, Body=PERSON)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=cloud.status["buckets"]["weights"], Key=own, Body=PERSON)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket=bucket, Key=own)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket=bucket, Prefix="uploads/shop1/")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key=own)


@pytest.mark.anyio
async def test_orders_are_counted_for_the_report_under_the_kiosks_own_name_alone(
    cloud: Running, device: Device, tmp_path: Path
) -> None:
    """From the book on the device, with the device's own key; another kiosk's counts it can't touch."""
    told = device.told
    clients = KioskClients(told["credentials_url"], device.certificate, region=told["region"])
    dynamodb = clients.dynamodb(told["dynamodb_endpoint"])
    assert told["orders_table"] == cloud.status["tables"]["orders"]
    with closing(OrderBook(tmp_path / "orders.sqlite", lambda: NOON)) as book:
        for number in (1, 2):
            book.accept(order("gimbap", number=number), label=Label.ELDER_FEMALE, confidence=0.75)
        sync = OrderSync(book, OrdersTable(dynamodb, table=told["orders_table"], kiosk_id="shop1"))
        running = asyncio.create_task(sync.run())
        await until_async(lambda: not book.pending(1) or running.done())
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert book.pending(1) == []
    reported = cloud.nunchi("menu", "report", "--kiosk", "shop1", "--hours", "--local", "--json")
    assert reported.returncode == 0, reported.stderr
    [sold] = [json.loads(line) for line in reported.stdout.splitlines()]
    assert {name: sold[name] for name in ("label", "hour", "orders", "confidence", "too_few")} == {
        "label": "elder_female",
        "hour": 12,
        "orders": 2,
        "confidence": 0.75,
        "too_few": True,
    }
    assert [(dish["dish"], dish["orders"]) for dish in sold["dishes"]] == [("gimbap", 2)]
    elsewhere = OrdersTable(dynamodb, table=told["orders_table"], kiosk_id="demo")
    with closing(OrderBook(tmp_path / "other.sqlite", lambda: NOON)) as book:
        book.accept(order("gimbap", number=3), label=None, confidence=None)
        with pytest.raises(ClientError, match="AccessDenied"):
            elsewhere.count(book.pending(1)[0])


def test_a_kiosk_hears_no_other_kiosk_and_borrows_no_other_name(device: Device) -> None:
    with Listener(device.mqtt, topic="nunchi/demo/label") as listener:
        assert listener.refused is not None
    with pytest.raises(CredentialsRefused, match="Invalid thing name passed"):
        own = device.certificate
        fetch(device.told["credentials_url"], Certificate(thing="demo", ca=own.ca, cert=own.cert, key=own.key))


def test_a_worker_gets_no_kiosks_credentials(cloud: Running) -> None:
    """Its certificate is under another policy."""
    record = cloud.record
    certs = record.device.ca.parent
    worker = Certificate(
        thing=record.instance,
        ca=record.device.ca,
        cert=certs / f"{record.instance}.cert.pem",
        key=certs / f"{record.instance}.key.pem",
    )
    with pytest.raises(CredentialsRefused, match="Access Denied"):
        fetch(record.credentials_url, worker)


def test_a_removed_kiosk_is_refused_everywhere_at_once(cloud: Running, device: Device) -> None:
    """And one that is still connected hears nothing any more: no label of its own last photo."""
    reference = Reference("shop1", new_image_id(now()))
    assert device.connects()
    with Listener(cloud.record.mqtt, topic="nunchi/shop1/label") as observer, Listener(device.mqtt) as connected:
        removed = cloud.nunchi("kiosk", "remove", "shop1", "--local", "--yes")
        assert removed.returncode == 0, removed.stderr
        bucket = device.told["bucket"]
        cloud.record.client("s3").put_object(Bucket=bucket, Key=reference.upload_key, Body=PERSON)
        observer.wait_for(reference.image_id)
        assert connected.messages == []
    assert not device.connects()
    with pytest.raises(CredentialsRefused, match="Certificate is invalid on this endpoint"):
        device.s3.put_object(Bucket=bucket, Key=reference.upload_key, Body=PERSON)


def test_a_replaced_key_is_refused_and_the_new_one_works(cloud: Running, device: Device, tmp_path: Path) -> None:
    renewed = provisioned(cloud, "shop1", tmp_path / "renewed", "--replace")
    assert (device.connects(), renewed.connects()) == (False, True)
    assert sorted(fetch(renewed.told["credentials_url"], renewed.certificate)) == [
        "access_key",
        "expiry_time",
        "secret_key",
        "token",
    ]
    with pytest.raises(CredentialsRefused, match="Certificate is invalid on this endpoint"):
        fetch(device.told["credentials_url"], device.certificate)


def test_the_list_shows_the_cloud_s_own_kiosks_and_no_worker(cloud: Running, device: Device) -> None:
    listed = cloud.nunchi("kiosk", "list", "--local", "--json")
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    assert {row["kiosk"]: row["active"] for row in rows} == {
        "counter": True,
        "demo": True,
        device.told["kiosk_id"]: True,
    }
