"""The rule of the screen: the age of the customer alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.sections import ScreenSettings
from contracts.messages import Status
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import LabelMessage, Person
from recipes.kiosk.screen import (
    DEFAULT_ELDER_FROM,
    check_elder_from,
    customer_of,
    easy_screen,
    elder_probability,
    screen_of,
)
from tests.strategies import answers, boxes, fractions, labels, messages

thresholds = st.floats(0, 1, exclude_min=True, exclude_max=True)
seen = messages().filter(lambda message: message.customer is not None)


def with_customer(message: LabelMessage, answers: Answers | None) -> LabelMessage:
    """The message with other answers of the customer."""
    assert message.customer is not None
    people = list(message.people)
    people[message.customer] = replace(people[message.customer], answers=answers)
    return replace(message, people=tuple(people))


@given(seen, answers, thresholds)
def test_the_age_decides_whatever_the_label_and_whether_there_is_one(
    message: LabelMessage, some: Answers, elder_from: float
) -> None:
    assert easy_screen(with_customer(message, some), elder_from) is (some.elder >= elder_from)


@given(seen, answers, answers, thresholds)
def test_the_gender_changes_nothing(message: LabelMessage, some: Answers, other: Answers, elder_from: float) -> None:
    first, second = (with_customer(message, Answers(some.age, each.gender)) for each in (some, other))
    assert easy_screen(first, elder_from) is easy_screen(second, elder_from)


@given(seen, thresholds)
def test_without_answers_the_label_decides_and_an_unsure_photo_has_none(
    message: LabelMessage, elder_from: float
) -> None:
    expected = message.label in (Label.ELDER_MALE, Label.ELDER_FEMALE)
    assert easy_screen(with_customer(message, None), elder_from) is expected


@given(messages().filter(lambda message: message.customer is None), thresholds)
def test_without_a_customer_the_screen_is_the_standard_one(message: LabelMessage, elder_from: float) -> None:
    assert message.status in (Status.NO_PERSON, Status.REJECTED)
    assert (customer_of(message), elder_probability(message)) == (None, None)
    assert (easy_screen(message, elder_from), screen_of(message, elder_from)) == (False, "standard")


@given(seen, st.lists(st.builds(Person, labels, fractions, boxes(), answers), max_size=3), thresholds)
def test_the_people_beside_the_customer_change_nothing(
    message: LabelMessage, others: list[Person], elder_from: float
) -> None:
    customer = customer_of(message)
    assert customer is not None
    alone = replace(message, people=(customer,), customer=0)
    among = replace(message, people=(*others, customer), customer=len(others))
    assert easy_screen(among, elder_from) is easy_screen(alone, elder_from)


@given(messages(), thresholds, thresholds)
def test_a_lower_threshold_never_takes_the_easy_screen_away(message: LabelMessage, one: float, other: float) -> None:
    assert easy_screen(message, min(one, other)) >= easy_screen(message, max(one, other))


@pytest.mark.parametrize("hundredths", range(1, 100))
def test_a_probability_of_just_the_threshold_is_enough(hundredths: int) -> None:
    """Also where 1 - 0.9 is less than 0.1 to a computer."""
    assert Answers.of(elder=hundredths / 100, female=0.5).elder >= hundredths / 100


@pytest.mark.parametrize("label", LABELS)
def test_a_label_knows_its_age_and_gender(label: Label) -> None:
    assert Label.of(elder=label.elder, female=label.female) is label


@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.1, 1.5, math.nan, math.inf])
def test_a_threshold_that_would_decide_for_everybody_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match=f"^{wrong} is not a probability between 0 and 1: at 0 every customer"):
        check_elder_from(wrong)


def test_the_default_is_valid_and_that_of_the_settings() -> None:
    assert check_elder_from(DEFAULT_ELDER_FROM) == ScreenSettings().elder_from == DEFAULT_ELDER_FROM
