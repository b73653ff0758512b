"""The simulation of shops that calibrate: its arithmetic, on made-up customers, and its table in the document."""

from __future__ import annotations

import json

import numpy as np

from bench.calibrate_shop import CAMERAS, Customer, shop, study, summary
from bench.calibrate_shop_table import DOCUMENT, MARK, REPORT, table
from day0.card import filled
from tests.retrain.recalibration.shops import SHIPPED, people


def customers(count: int, *, shift: float = 0.0, missed: int = 0) -> list[Customer]:
    """People before a camera whose true log-odds of the age are higher by `shift`; the first are not found."""
    return [
        Customer(each.moment, each.truth, None if number < missed else (each.elder, each.female))
        for number, each in enumerate(people(count, shift=shift))
        if each.truth is not None
    ]


def test_the_document_holds_the_table_of_the_report() -> None:
    """After another run: python -m bench.calibrate_shop --data DATA --work FOLDER."""
    assert filled(DOCUMENT.read_text(), {MARK: table(json.loads(REPORT.read_text()))}) == DOCUMENT.read_text()


def test_the_document_says_how_many_fits_pass_and_how_many_help() -> None:
    """A table of means alone would look better than what a shop meets."""
    cameras = json.loads(REPORT.read_text())["cameras"].values()
    shops = sum(each["shops"] for each in cameras)
    passed = sum(each["rules"].get("better", 0) for each in cameras)
    text = " ".join(DOCUMENT.read_text().split())
    assert f"{passed} of {shops} fits pass the rules" in text
    assert f"{sum(each['better_for_customers'] for each in cameras)} of {shops} shops gain some" in text
    assert {rule for each in cameras for rule in each["rules"]} == {"better", "not_better", "no_gain"}


def test_nobody_who_is_reviewed_or_golden_is_a_customer_to_come() -> None:
    """On the others before and after are measured."""
    some = customers(300)
    elders = sum(customer.truth.elder for customer in some)
    come = elders - round(0.38 * elders) - round(0.35 * elders)
    assert shop(some, 0, SHIPPED)["before"]["easy_elders"][1] == come


def test_a_camera_that_is_off_is_served_better_and_one_that_is_not_is_left_alone() -> None:
    off = summary([shop(customers(400, shift=2.0), seed, SHIPPED) for seed in range(4)])
    like = summary([shop(customers(400), seed, SHIPPED) for seed in range(4)])
    assert off["serves"]["log_loss"] < off["before"]["log_loss"]
    assert off["rules"].get("better", 0) >= 3
    assert like["rules"].get("better", 0) <= 1
    assert np.isclose(like["serves"]["log_loss"], like["before"]["log_loss"], atol=0.02)


def test_shops_are_drawn_by_their_number() -> None:
    of = customers(200)
    assert shop(of, 3, SHIPPED) == shop(of, 3, SHIPPED)
    assert shop(of, 3, SHIPPED) != shop(of, 4, SHIPPED)


def test_people_who_are_not_found_are_counted() -> None:
    report = study({camera: customers(200, missed=20) for camera in CAMERAS}, 1, SHIPPED)
    assert [each["found"] for each in report["cameras"].values()] == [[180, 200]] * len(CAMERAS)
    assert sum(report["people"].values()) == 200
