"""Kiosks come whole and go for good."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from fleet.errors import IncompleteChange, InvalidKiosk, KioskExists, KioskUnknown
from fleet.kiosks import KIOSK, ROLE, Kiosk, Kiosks
from fleet.things import SETTLE_PAUSE_S, Things
from tests.fleet.registry import POLICY, count_calls, fail, left_in, registry

if TYPE_CHECKING:
    from types_boto3_iot import IoTClient


@pytest.fixture
def iot() -> Iterator[IoTClient]:
    with registry() as iot:
        yield iot


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def kiosks(iot: IoTClient, pauses: list[float]) -> Kiosks:
    return Kiosks(iot, policy=POLICY, pause=pauses.append)


def test_a_kiosk_is_a_thing_with_an_active_certificate_under_the_kiosks_policy(iot: IoTClient, kiosks: Kiosks) -> None:
    made = kiosks.add("shop1")
    thing = iot.describe_thing(thingName="shop1")
    assert (made.thing, made.thing_arn) == ("shop1", thing["thingArn"])
    assert thing["attributes"] == {ROLE: KIOSK, "certificate": made.certificate_id}
    assert iot.list_thing_principals(thingName="shop1")["principals"] == [made.certificate_arn]
    assert [one["policyName"] for one in iot.list_attached_policies(target=made.certificate_arn)["policies"]] == [
        POLICY
    ]
    described = iot.describe_certificate(certificateId=made.certificate_id)["certificateDescription"]
    assert (described["status"], described["certificatePem"]) == ("ACTIVE", made.certificate_pem)


def test_a_key_is_never_shown_by_accident(kiosks: Kiosks) -> None:
    """Neither a log nor a traceback prints it."""
    made = kiosks.add("shop1")
    assert "PRIVATE KEY" in made.private_key
    assert "PRIVATE KEY" not in repr(made)


@pytest.mark.parametrize("name", ["", "Shop1", "shop_1", "a" * 33, "shop/1", "i-0123456789abcdef0", "i-0a", "worker"])
def test_a_name_that_is_no_kiosks_is_refused_before_anything_is_asked(
    iot: IoTClient, kiosks: Kiosks, name: str
) -> None:
    """Also one that an instance could have: its thing is a worker's."""
    calls = count_calls(iot)
    with pytest.raises(InvalidKiosk, match="nothing was created"):
        kiosks.add(name)
    assert calls == []


def test_a_kiosk_that_there_is_keeps_its_certificate(iot: IoTClient, kiosks: Kiosks) -> None:
    kiosks.add("shop1")
    with pytest.raises(KioskExists, match="--replace"):
        kiosks.add("shop1")
    assert left_in(iot) == (["shop1"], 1)


@pytest.mark.parametrize("attributes", [{}, {ROLE: "worker"}], ids=str)
def test_somebody_elses_thing_is_neither_taken_nor_removed(
    iot: IoTClient, kiosks: Kiosks, attributes: dict[str, str]
) -> None:
    """Not even to renew its certificate."""
    iot.create_thing(thingName="printer", attributePayload={"attributes": attributes})
    with pytest.raises(InvalidKiosk, match="not a kiosk"):
        kiosks.add("printer")
    for change in (kiosks.renew, kiosks.remove):
        with pytest.raises(KioskUnknown):
            change("printer")
    assert left_in(iot) == (["printer"], 0)


@pytest.mark.parametrize("broken", ["CreateKeysAndCertificate", "CreateThing", "AttachPolicy", "AttachThingPrincipal"])
def test_a_kiosk_is_made_whole_or_not_at_all(iot: IoTClient, kiosks: Kiosks, broken: str) -> None:
    fail(iot, broken)
    with pytest.raises(ClientError, match="out of order"):
        kiosks.add("shop1")
    assert left_in(iot) == ([], 0)


@pytest.mark.parametrize("broken", ["AttachPolicy", "AttachThingPrincipal", "UpdateThing"])
def test_a_renewal_that_fails_leaves_the_kiosk_as_it_was(iot: IoTClient, kiosks: Kiosks, broken: str) -> None:
    made = kiosks.add("shop1")
    before = kiosks.all()
    fail(iot, broken)
    with pytest.raises(ClientError, match="out of order"):
        kiosks.renew("shop1")
    assert kiosks.all() == before
    assert iot.list_thing_principals(thingName="shop1")["principals"] == [made.certificate_arn]
    assert left_in(iot) == (["shop1"], 1)


def test_what_could_not_be_taken_back_is_named(iot: IoTClient, kiosks: Kiosks) -> None:
    fail(iot, "AttachThingPrincipal")
    fail(iot, "DetachPolicy")
    with pytest.raises(IncompleteChange, match=r"arn:aws:iot:.*:cert/[0-9a-f]{64} is left"):
        kiosks.add("shop1")


def test_a_new_key_comes_before_the_old_one_goes(iot: IoTClient, kiosks: Kiosks) -> None:
    """Between `renew` and `revoke_older` both work; the list names the new one."""
    old, new = kiosks.add("shop1"), kiosks.renew("shop1")
    assert set(iot.list_thing_principals(thingName="shop1")["principals"]) == {old.certificate_arn, new.certificate_arn}
    assert [(one.name, one.certificate_id, one.active) for one in kiosks.all()] == [("shop1", new.certificate_id, True)]
    kiosks.revoke_older(new)
    assert iot.list_thing_principals(thingName="shop1")["principals"] == [new.certificate_arn]
    assert left_in(iot) == (["shop1"], 1)


def test_a_key_that_nobody_received_is_withdrawn(iot: IoTClient, kiosks: Kiosks) -> None:
    """A new kiosk with it; of a renewed one the key before it stays."""
    kiosks.undo(kiosks.add("shop1"))
    assert left_in(iot) == ([], 0)
    made = kiosks.add("shop1")
    kiosks.undo(kiosks.renew("shop1"))
    assert [one.certificate_id for one in kiosks.all()] == [made.certificate_id]


def test_a_removed_kiosk_leaves_nothing(iot: IoTClient, kiosks: Kiosks) -> None:
    """With every certificate that it ever got; and its neighbour is untouched."""
    kiosks.add("shop1")
    kiosks.renew("shop1")
    kiosks.add("shop2")
    kiosks.remove("shop1")
    assert left_in(iot) == (["shop2"], 1)
    with pytest.raises(KioskUnknown, match="nothing was changed"):
        kiosks.remove("shop1")


def test_a_certificate_is_worthless_before_the_rest_is_cleared_up(iot: IoTClient, kiosks: Kiosks) -> None:
    """Should the clearing up fail, the device is out all the same, and a second try ends it."""
    made = kiosks.add("shop1")
    fail(iot, "DetachPolicy", times=1)
    with pytest.raises(ClientError, match="out of order"):
        kiosks.remove("shop1")
    described = iot.describe_certificate(certificateId=made.certificate_id)["certificateDescription"]
    assert described["status"] == "REVOKED"
    assert [(one.name, one.active) for one in kiosks.all()] == [("shop1", False)]
    kiosks.remove("shop1")
    assert left_in(iot) == ([], 0)


@pytest.mark.parametrize(
    ("operation", "code"),
    [("DeleteCertificate", "DeleteConflictException"), ("DeleteThing", "InvalidRequestException")],
)
def test_aws_may_take_its_time_to_part_a_thing_from_its_certificate(
    iot: IoTClient, kiosks: Kiosks, pauses: list[float], operation: str, code: str
) -> None:
    kiosks.add("shop1")
    fail(iot, operation, code, times=3)
    kiosks.remove("shop1")
    assert left_in(iot) == ([], 0)
    assert pauses == [SETTLE_PAUSE_S] * 3


def test_a_refusal_that_time_does_not_heal_is_raised_at_once(
    iot: IoTClient, kiosks: Kiosks, pauses: list[float]
) -> None:
    kiosks.add("shop1")
    fail(iot, "DeleteCertificate", "UnauthorizedException")
    with pytest.raises(ClientError, match="UnauthorizedException"):
        kiosks.remove("shop1")
    assert pauses == []


def test_the_list_holds_every_kiosk_and_nothing_else_and_asks_for_none_of_them(iot: IoTClient, kiosks: Kiosks) -> None:
    """120 of them are three pages of things; the number of questions is that of pages."""
    Things(iot).create("i-0123", policy=POLICY, attributes={ROLE: "worker"})
    iot.create_thing(thingName="printer")
    made = kiosks.add("k000")
    names = [f"k{number:03}" for number in range(1, 120)]
    for name in reversed(names):
        iot.create_thing(thingName=name, attributePayload={"attributes": {ROLE: KIOSK, "certificate": "gone"}})
    calls = count_calls(iot)
    first, *others = kiosks.all()
    assert (first.name, first.certificate_id, first.active) == ("k000", made.certificate_id, True)
    assert others == [Kiosk(name, None, active=False, created=None) for name in names]
    assert calls == ["ListCertificates", "ListThings", "ListThings", "ListThings"]


def test_a_certificates_age_is_told_in_whole_days() -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    ages = [Kiosk("k", "c", active=True, created=at - timedelta(hours=hours)).age_days(at) for hours in (0, 23, 24, 49)]
    assert ages == [0, 0, 1, 2]
    assert Kiosk("k", None, active=False, created=None).age_days(at) is None
