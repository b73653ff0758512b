"""The files that go onto a device."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography import x509

from fleet.errors import InvalidFolder
from fleet.folder import Addresses, DeviceFolder, ShopRules, amazon_root, write_new
from fleet.things import Identity

IDENTITY = Identity("shop1", "arn:thing", "c0ffee", "arn:cert", "the certificate", "the key")
RULES = ShopRules(elder_from=0.3, upload_days=5, result_days=80, review_days=70)
ADDRESSES = Addresses(
    region="eu-west-1",
    mqtt_host="a-ats.iot.eu-west-1.amazonaws.com",
    mqtt_port=8883,
    credentials_url="https://c.credentials.iot.eu-west-1.amazonaws.com/role-aliases/nunchi-kiosk/credentials",
    s3_endpoint="https://s3.eu-west-1.amazonaws.com",
    bucket="photos",
    bucket_url="https://photos.s3.eu-west-1.amazonaws.com",
    dynamodb_endpoint="https://dynamodb.eu-west-1.amazonaws.com",
    orders_table="orders",
)


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Text and permissions of every file, by name."""
    return {path.name: (path.read_text(), path.stat().st_mode & 0o777) for path in folder.iterdir()}


def test_one_file_tells_a_device_everything_it_must_know(tmp_path: Path) -> None:
    """One flat object, a field a line: a shell script can read it."""
    DeviceFolder(tmp_path, "shop1").write(IDENTITY, ADDRESSES, "the authority", rules=RULES)
    text = (tmp_path / "shop1.json").read_text()
    assert json.loads(text) == {
        "kiosk_id": "shop1",
        "mqtt_host": "a-ats.iot.eu-west-1.amazonaws.com",
        "mqtt_port": 8883,
        "client_id": "shop1",
        "label_topic": "nunchi/shop1/label",
        "status_topic": "nunchi/shop1/status",
        "credentials_url": ADDRESSES.credentials_url,
        "thing_name_header": "x-amzn-iot-thingname: shop1",
        "region": "eu-west-1",
        "s3_endpoint": "https://s3.eu-west-1.amazonaws.com",
        "bucket": "photos",
        "upload_url": "https://photos.s3.eu-west-1.amazonaws.com/uploads/shop1/",
        "dynamodb_endpoint": "https://dynamodb.eu-west-1.amazonaws.com",
        "orders_table": "orders",
        "ca": "ca.pem",
        "cert": "shop1.cert.pem",
        "key": "shop1.key.pem",
        "elder_from": 0.3,
        "upload_days": 5,
        "result_days": 80,
        "review_days": 70,
    }
    assert len(text.splitlines()) == 21 + len("{}")


def test_a_key_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "shop1"
    before = os.umask(0)
    try:
        DeviceFolder(folder, "shop1").write(IDENTITY, ADDRESSES, "the authority", rules=RULES)
    finally:
        os.umask(before)
    assert {name: mode for name, (_, mode) in contents(folder).items()} == {
        "shop1.key.pem": 0o600,
        "shop1.cert.pem": 0o644,
        "shop1.json": 0o644,
        "ca.pem": 0o644,
        ".gitignore": 0o644,
    }
    assert contents(folder)["shop1.key.pem"][0] == "the key"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["shop1.cert.pem", "shop1.key.pem", "shop1.json", "ca.pem"])
def test_no_file_is_ever_written_over(tmp_path: Path, name: str) -> None:
    """Neither when it is looked for first, nor when it comes in between; and the others aren't written then."""
    (tmp_path / name).write_text("somebody's")
    folder = DeviceFolder(tmp_path, "shop1")
    with pytest.raises(InvalidFolder, match=rf"{name} would be overwritten; nothing was created"):
        folder.require_free("the authority")
    if name != "ca.pem":
        with pytest.raises(InvalidFolder, match="Use another folder"):
            folder.write(IDENTITY, ADDRESSES, "the authority", rules=RULES)
        assert {name: text for name, (text, _) in contents(tmp_path).items()} == {name: "somebody's"}


def test_kiosks_of_one_cloud_share_a_folder(tmp_path: Path) -> None:
    """Its authority is the same."""
    for name in ("shop1", "shop2"):
        folder = DeviceFolder(tmp_path, name)
        folder.require_free("the authority")
        folder.write(IDENTITY, ADDRESSES, "the authority", rules=RULES)
    assert len(contents(tmp_path)) == 8


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_new({tmp_path / "first": ("1", 0o600), tmp_path / "no" / "folder": ("2", 0o600)})
    assert contents(tmp_path) == {}


def test_a_device_is_given_the_one_authority_that_vouches_for_aws_iot() -> None:
    """Amazon Root CA 1, by the fingerprint of its key that Amazon Trust Services publishes."""
    (root,) = x509.load_pem_x509_certificates(amazon_root().encode())
    assert root.subject.rfc4514_string() == "CN=Amazon Root CA 1,O=Amazon,C=US"
    assert root.serial_number == 0x066C9FCF99BF8C0A39E2F0788A43E696365BCA
