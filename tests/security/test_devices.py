"""Who may say and hear what over MQTT, with certificates under the deployed IoT policies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.broker import self_signed
from tests.security.conftest import KIOSK, OTHER_INSTANCE, OTHER_KIOSK, WORKER_INSTANCE, People
from tests.security.device import CUT_OFF, OK, REFUSED, Device

NOT_HEARD = {REFUSED}
NOT_SAID = {REFUSED, CUT_OFF}


def device(shop: People, name: str, *, client_id: str | None = None) -> Device:
    """Who has the certificate of `name`, and says that it is `client_id`."""
    port = shop.place.server.mqtt
    return Device(port, ca=shop.ca, identity=shop.devices[name], client_id=client_id or name)


@pytest.fixture
def kiosk(shop: People) -> Iterator[Device]:
    with device(shop, KIOSK) as connected:
        assert connected.connect() == OK
        yield connected


@pytest.fixture
def worker(shop: People) -> Iterator[Device]:
    with device(shop, WORKER_INSTANCE) as connected:
        assert connected.connect() == OK
        yield connected


def test_a_label_reaches_the_kiosk_that_it_is_for(kiosk: Device, worker: Device) -> None:
    """What both must be able to do."""
    assert kiosk.subscribe(f"nunchi/{KIOSK}/label") == OK
    assert worker.publish(f"nunchi/{KIOSK}/label") == OK
    assert kiosk.heard.get(timeout=60) == b"{}"
    assert kiosk.publish(f"nunchi/{KIOSK}/status") == OK
    assert worker.publish(f"nunchi/worker/{WORKER_INSTANCE}/status", retain=True) == OK


@pytest.mark.parametrize(
    "topic",
    [
        f"nunchi/{OTHER_KIOSK}/label",
        "nunchi/+/label",
        f"nunchi/{KIOSK}/#",
        "nunchi/#",
        "#",
        f"nunchi/{KIOSK}/status",
        f"nunchi/worker/{WORKER_INSTANCE}/status",
        "nunchi/worker/+/status",
        f"$share/all/nunchi/{OTHER_KIOSK}/label",
        "$aws/things/+/shadow/#",
    ],
)
def test_a_kiosk_may_not_hear(kiosk: Device, topic: str) -> None:
    """Who stood before another kiosk is none of its business."""
    assert kiosk.subscribe(topic) in NOT_HEARD


@pytest.mark.parametrize(
    "topic",
    [
        f"nunchi/{KIOSK}/label",
        f"nunchi/{OTHER_KIOSK}/label",
        f"nunchi/{OTHER_KIOSK}/status",
        f"nunchi/worker/{WORKER_INSTANCE}/status",
        f"$aws/things/{KIOSK}/shadow/update",
    ],
)
def test_a_kiosk_may_not_say(kiosk: Device, topic: str) -> None:
    assert kiosk.publish(topic) in NOT_SAID


@pytest.mark.parametrize("topic", [f"nunchi/{KIOSK}/label", "nunchi/+/label", "nunchi/#", f"nunchi/{KIOSK}/status"])
def test_a_worker_may_not_hear(worker: Device, topic: str) -> None:
    assert worker.subscribe(topic) in NOT_HEARD


@pytest.mark.parametrize(
    ("topic", "retain"),
    [
        (f"nunchi/worker/{OTHER_INSTANCE}/status", True),
        (f"nunchi/{KIOSK}/status", False),
        # Retained, a label would greet the next customer.
        (f"nunchi/{KIOSK}/label", True),
        ("nunchi/worker/label/else", False),
    ],
)
def test_a_worker_may_not_say(worker: Device, topic: str, retain: bool) -> None:
    assert worker.publish(topic, retain=retain) in NOT_SAID


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (KIOSK, OTHER_KIOSK),
        (KIOSK, WORKER_INSTANCE),
        (KIOSK, "anybody"),
        (WORKER_INSTANCE, OTHER_INSTANCE),
        (WORKER_INSTANCE, KIOSK),
    ],
)
def test_nobody_may_connect_as_somebody_else(shop: People, certificate: str, name: str) -> None:
    """And so nobody pushes another off the broker either."""
    with device(shop, certificate, client_id=name) as liar:
        assert liar.connect() in NOT_SAID


def test_a_revoked_certificate_opens_nothing(shop: People) -> None:
    """From the moment in which `nunchi kiosk remove` says so."""
    shop.devices["stolen"] = shop.registry.add_kiosk("stolen", policy=shop.place["KioskPolicyName"])
    [principal] = shop.root.iot.list_thing_principals(thingName="stolen")["principals"]
    with device(shop, "stolen") as before:
        assert before.connect() == OK
    shop.root.iot.update_certificate(certificateId=principal.rpartition("/")[2], newStatus="REVOKED")
    with device(shop, "stolen") as after:
        assert after.connect() in NOT_SAID


def test_who_shows_no_certificate_is_not_let_in(shop: People) -> None:
    with Device(shop.place.server.mqtt, ca=shop.ca, identity=None, client_id=KIOSK) as unknown:
        assert unknown.connect() == CUT_OFF


def test_a_certificate_of_another_authority_is_not_let_in(shop: People) -> None:
    """Whatever it says of itself."""
    folder = shop.ca.parent / "forged"
    folder.mkdir()
    with Device(shop.place.server.mqtt, ca=shop.ca, identity=self_signed(folder), client_id=KIOSK) as forger:
        assert forger.connect() == CUT_OFF
