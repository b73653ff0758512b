"""The settings of a device: defaults, what they become, and every mistake at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kiosk.errors import InvalidSettings
from kiosk.settings import Device
from tests.kiosk.folders import FIELDS, device_folder


def test_the_folder_of_kiosk_add_is_enough(tmp_path: Path) -> None:
    """Everything else has a default."""
    device = Device.load(device_folder(tmp_path))

    assert (device.cloud.kiosk_id, device.cloud.elder_from, device.toml.screen.port) == ("shop1", 0.4, 8080)
    assert (device.broker.client_id, device.broker.cert) == ("shop1", tmp_path / "shop1.cert.pem")
    assert device.certificate.thing == "shop1"
    assert device.s3_endpoint == "http://127.0.0.1:4566"
    assert device.dynamodb_endpoint is None


def test_an_endpoint_of_aws_is_left_to_the_sdk(tmp_path: Path) -> None:
    """It knows dual-stack, FIPS and virtual hosts better."""
    folder = device_folder(tmp_path, s3_endpoint="https://s3.ap-northeast-2.amazonaws.com")

    assert Device.load(folder).s3_endpoint is None


def test_what_the_shop_writes_is_what_the_agent_does(tmp_path: Path) -> None:
    """Bursts, visits, evidence."""
    folder = device_folder(tmp_path)
    (folder / "kiosk.toml").write_text(
        """
        [shop]
        name = { ko = "할머니 분식", en = "Halmoni Snacks" }
        [screen]
        diagonal_inches = 32
        [labels]
        labeller = "device_when_late"
        burst = 4
        keep = 2
        elder_share = 0.6
        [visit]
        leave_s = 3
        """
    )

    device = Device.load(folder)

    assert device.toml.shop.name.en == "Halmoni Snacks"
    assert (device.toml.burst_rules().count, device.toml.burst_rules().keep) == (4, 2)
    rules = device.toml.visit_rules(0.3)
    assert (rules.leave_s, rules.elder_from, rules.evidence.elder_share) == (3, 0.3, 0.6)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    """Of both files; nothing is started."""
    folder = device_folder(tmp_path, mqtt_port=0, bucket=None)
    (folder / "shop1.key.pem").unlink()
    (folder / "kiosk.toml").write_text(
        """
        colour = "red"
        [shop]
        language = "fr"
        [labels]
        gap_ms = 100
        keep = 9
        """
    )

    with pytest.raises(InvalidSettings) as raised:
        Device.load(folder)

    lines = str(raised.value).replace(str(folder), "DIR").splitlines()
    assert lines[0] == "the settings in DIR are invalid, nothing was started; correct these:"
    assert [line.strip().split(": ")[:2] for line in lines[1:]] == [
        ["DIR/shop1.json", "mqtt_port"],
        ["DIR/shop1.json", "bucket"],
        ["DIR/kiosk.toml", "shop.language"],
        ["DIR/kiosk.toml", "labels.gap_ms"],
        ["DIR/kiosk.toml", "colour"],
    ]


@pytest.mark.parametrize(
    ("toml", "mistake"),
    [
        ("[shop", "Expected"),
        ('[shop]\nmenu = "mine.toml"', "there is no file"),
        ('[screen]\npage = "page"', "index.html"),
        ("[labels]\nburst = 2", "keep is 3, of a burst of 2; keep fewer"),
    ],
)
def test_a_mistake_in_kiosk_toml_is_a_sentence(tmp_path: Path, toml: str, mistake: str) -> None:
    """It names the file."""
    folder = device_folder(tmp_path)
    (folder / "kiosk.toml").write_text(toml)

    with pytest.raises(InvalidSettings, match=mistake):
        Device.load(folder)


def test_a_missing_key_is_a_mistake(tmp_path: Path) -> None:
    """It was not copied, or is readable by another user only."""
    folder = device_folder(tmp_path)
    (folder / "shop1.key.pem").unlink()

    with pytest.raises(InvalidSettings, match=r"shop1.key.pem: No such file or directory"):
        Device.load(folder)


@pytest.mark.parametrize("names", [[], ["shop1", "shop2"]])
def test_a_folder_belongs_to_one_kiosk(tmp_path: Path, names: list[str]) -> None:
    """Of none or two, the message says which were found."""
    for name in names:
        (tmp_path / f"{name}.json").write_text(json.dumps(FIELDS))
        (tmp_path / f"{name}.cert.pem").touch()

    with pytest.raises(InvalidSettings, match="found: " + (", ".join(f"{name}.json" for name in names) or "none")):
        Device.load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({**FIELDS, "kiosk_id": "Shop 1"})])
def test_a_json_file_that_kiosk_add_did_not_write_is_a_mistake(tmp_path: Path, text: Any) -> None:
    """Whatever is in it."""
    folder = device_folder(tmp_path)
    (folder / "shop1.json").write_text(text)

    with pytest.raises(InvalidSettings, match=r"shop1\.json"):
        Device.load(folder)
