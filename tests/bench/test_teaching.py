"""The study of what teaches: its arithmetic, on customers that are made up, and its table in the document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from bench.teaching import Customer, Seen, figures, shop, study
from bench.teaching_table import DOCUMENT, MARK, REPORT, table
from contracts.boxes import Box
from contracts.names import Reference, new_image_id
from day0.card import filled
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import Label
from recipes.kiosk.message import Person
from tests.retrain.review.shop import NOON

HEAD = Box(0.4, 0.2, 0.6, 0.6)
ELDER, ADULT = Label.ELDER_FEMALE, Label.ADULT_FEMALE


def photos(*kinds: tuple[int, Label, Label, float, float], second: Label | None = None) -> list[Seen]:
    """So many of each truth, said label, confidence and P(elder)."""
    numbers = count()
    return [
        Seen(
            Reference("counter", new_image_id(NOON, next(numbers).to_bytes(10))),
            truth,
            (Person(said, confidence, HEAD, Answers.of(elder=elder, female=1.0)),),
            None if second is None else (Person(second, 0.6, HEAD),),
        )
        for many, truth, said, confidence, elder in kinds
        for _ in range(many)
    ]


def wrong(step: dict[str, Any]) -> tuple[int, int, int]:
    """Auto-labels, wrong ones, and elders taught as adults."""
    return step["wrong"]["of"], step["wrong"]["count"], step["elders_as_adults"]["count"]


def test_the_document_holds_the_table_of_the_report() -> None:
    """After another run: python -m bench.teaching --data DATA."""
    assert filled(DOCUMENT.read_text(), {MARK: table(json.loads(REPORT.read_text()))}) == DOCUMENT.read_text()


def test_every_elder_comes_to_a_shop_and_as_many_adults_as_its_share_says() -> None:
    people = [Customer(str(number), "shard", ADULT if number % 10 else ELDER) for number in range(1000)]
    come: Sequence[Customer] = shop(people, 0.4)
    assert [sum(customer.truth.elder is elder for customer in come) for elder in (True, False)] == [100, 150]


def test_each_rule_is_counted_alone_and_with_the_others() -> None:
    there = photos(
        (400, ADULT, ADULT, 0.96, 0.001),
        (30, ELDER, ADULT, 0.96, 0.001),  # the model is sure, and wrong: people find out
        (10, ELDER, ADULT, 0.97, 0.04),  # the model suspects it
        (40, ELDER, ELDER, 0.99, 0.99),
        (50, ADULT, ADULT, 0.94, 0.03),  # below the gate
    )
    steps = study(there)["steps"]
    assert {name: wrong(step) if step else None for name, step in steps.items()} == {
        "gate alone": (480, 40, 40),
        "quiet elders": (470, 30, 30),
        "second network": None,
        "gates by label": (40, 0, 0),
        "all": (40, 0, 0),
    }


def test_a_second_network_that_sees_elders_takes_the_adults_it_contradicts() -> None:
    steps = study(photos((10, ELDER, ADULT, 0.96, 0.0), second=ELDER) + photos((10, ADULT, ADULT, 0.96, 0.0)))["steps"]
    assert wrong(steps["second network"]) == (10, 0, 0)


def test_figures_name_each_error_by_the_true_and_the_said_label() -> None:
    found = figures(photos((3, ELDER, ADULT, 0.96, 0.0), (7, ADULT, ADULT, 0.96, 0.0)))
    assert found["errors"] == {"elder_female as adult_female": 3}
    assert found["by_said_label"][ADULT] == {"count": 3, "of": 10, "low": 0.0667, "high": 0.6525}
    assert found["by_true_label"][ELDER]["of"] == 3
