"""closed.sh: whether a machine that has just started is powered off. config/opening_hours.py says when."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from contracts.instants import from_text
from tests.shell.closed_clock import closed

SPANS = "2027-02-06T14:50Z/2027-02-07T03:05Z,2027-12-24T22:50Z/2027-12-27T11:05Z"


def at(text: str) -> datetime:
    return from_text(f"{text}:00Z")


@pytest.mark.parametrize("moment", ["2027-02-06T14:50", "2027-02-07T03:04", "2027-12-25T12:00"])
def test_within_a_span_the_machine_powers_off(moment: str, tmp_path: Path) -> None:
    off, said = closed(tmp_path, at=at(moment), NUNCHI_CLOSED=SPANS)
    assert (off, "the machine powers off" in said) == (True, True)


@pytest.mark.parametrize("moment", ["2027-02-06T14:49", "2027-02-07T03:05", "2028-02-06T14:50", "2027-12-24T22:49"])
def test_outside_of_every_span_nothing_happens(moment: str, tmp_path: Path) -> None:
    off, said = closed(tmp_path, at=at(moment), NUNCHI_CLOSED=SPANS)
    assert (off, said) == (False, f"closed: no holiday at {moment}Z\n")


@pytest.mark.parametrize("environ", [{}, {"NUNCHI_CLOSED": ""}])
def test_without_holidays_nothing_happens(tmp_path: Path, environ: dict[str, str]) -> None:
    assert closed(tmp_path, at=at("2027-02-06T14:50"), **environ)[0] is False


def test_the_zone_of_the_machine_does_not_matter(tmp_path: Path) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Niue", "no/zone"):
        assert closed(tmp_path, at=at("2027-02-06T14:50"), NUNCHI_CLOSED=SPANS, TZ=zone, LC_ALL="de_DE.UTF-8")[0]


def test_in_mode_queue_the_group_decides(tmp_path: Path) -> None:
    """It would only start another machine."""
    off, said = closed(
        tmp_path, at=at("2027-02-06T14:50"), NUNCHI_CLOSED=SPANS, NUNCHI_UPLOAD_QUEUE_URL="https://sqs.example/queue"
    )
    assert (off, "the Auto Scaling group decides" in said) == (False, True)


@pytest.mark.parametrize("wrong", ["2027-02-07", "x/y", "2027-02-06T14:50Z", "$(touch x)/*", "a/b/c", "/"])
def test_what_is_no_span_is_named_and_keeps_no_shop_from_opening(wrong: str, tmp_path: Path) -> None:
    """The others count all the same."""
    off, said = closed(tmp_path, at=at("2027-02-06T14:50"), NUNCHI_CLOSED=wrong)
    assert (off, f"{wrong} is not a span of time" in said) == (False, True)
    assert closed(tmp_path, at=at("2027-02-06T14:50"), NUNCHI_CLOSED=f"{wrong},{SPANS}")[0]
