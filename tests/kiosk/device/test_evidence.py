"""Answers about several photos add up to one decision."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.messages import Status
from kiosk.device.evidence import Evidence, EvidenceRules, log_odds
from recipes.kiosk.labels import Label
from tests.kiosk.device.messages import person, without_person

HEIGHT = 720
probability = st.floats(0.01, 0.99).map(lambda value: round(value, 4))


def joined(*elders: float, rules: EvidenceRules | None = None, sure: bool = True) -> Evidence:
    evidence = Evidence(rules or EvidenceRules())
    for elder in elders:
        evidence = evidence.add(person(elder, sure=sure), height=HEIGHT)
    return evidence


@given(probability)
def test_one_photo_says_what_its_answer_says(elder: float) -> None:
    """Where the shop's elders are as many as the calibration assumed, nothing is added to a single answer."""
    assert joined(elder).elder == pytest.approx(elder, abs=1e-9)


@given(st.lists(probability, min_size=2, max_size=6))
def test_photos_that_are_copies_say_what_one_says_and_independent_ones_add_up(elders: list[float]) -> None:
    """Correlation 1: the mean of the log-odds. Correlation 0: their sum above the prior."""
    above = [log_odds(elder) - log_odds(0.4) for elder in elders]

    copies = joined(*elders, rules=EvidenceRules(correlation=1)).elder
    independent = joined(*elders, rules=EvidenceRules(correlation=0)).elder

    assert copies is not None and independent is not None
    assert log_odds(copies) == pytest.approx(log_odds(0.4) + sum(above) / len(above), abs=1e-6)
    total = log_odds(0.4) + sum(above)
    assert independent == pytest.approx(1 / (1 + math.exp(-total)), abs=1e-9)


@given(st.lists(probability, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_answers_does_not_matter(elders: list[float], random: object) -> None:
    """The network shuffles them."""
    shuffled = list(elders)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # pyrefly: ignore

    assert joined(*shuffled).elder == pytest.approx(joined(*elders).elder)


@given(st.lists(probability, min_size=1, max_size=6), st.integers(0, 5), probability)
def test_a_surer_answer_never_makes_an_elder_less_likely(elders: list[float], place: int, surer: float) -> None:
    """Each answer counts in its own direction."""
    place %= len(elders)
    raised = [max(elder, surer) if index == place else elder for index, elder in enumerate(elders)]

    before, after = joined(*elders).elder, joined(*raised).elder

    assert before is not None and after is not None
    assert after >= before - 1e-12


@given(st.lists(probability, max_size=6))
def test_a_probability_stays_one(elders: list[float]) -> None:
    """Also of a hundred sure answers."""
    elder = joined(*elders * 20).elder

    assert (elder is None) == (not elders)
    assert elder is None or 0 < elder < 1


def test_in_a_shop_with_more_elders_an_answer_weighs_more() -> None:
    """Log-odds shift by the difference of the shares, once, not with every photo."""
    rules = EvidenceRules(elder_share=0.7)
    one, two = joined(0.4, rules=rules).elder, joined(0.4, 0.4, rules=rules).elder

    assert one == pytest.approx(0.7)
    assert two == pytest.approx(0.7)


@given(probability, st.floats(0.05, 0.95))
def test_an_unsure_photo_alone_never_changes_the_screen(elder: float, elder_from: float) -> None:
    """Whatever it says."""
    assert not joined(elder, sure=False).easy(elder_from)


@given(st.floats(0.0, 0.59).map(lambda value: round(value, 4)))
def test_a_weak_photo_alone_never_changes_the_screen(elder: float) -> None:
    """A label may be sure enough for a label, and its age not for a screen."""
    assert not joined(elder).easy(0.4)


def test_unsure_photos_together_may() -> None:
    """Their age answers count: two say more than one."""
    assert joined(0.55, 0.6, sure=False).easy(0.4)
    assert not joined(0.55, 0.1, sure=False).easy(0.4)


@pytest.mark.parametrize("elders", [(0.9,), (0.45, 0.42), (0.3, 0.6, 0.5)])
def test_an_elder_gets_the_easy_screen_from_the_operators_threshold_on(elders: tuple[float, ...]) -> None:
    """As `recipes.kiosk.screen` has it for one message."""
    assert joined(*elders).easy(0.4)


@pytest.mark.parametrize("elders", [(0.1,), (0.39, 0.39), (0.9, 0.02, 0.02)])
def test_an_adult_does_not(elders: tuple[float, ...]) -> None:
    """Nor one whom a single photo takes for an elder."""
    assert not joined(*elders).easy(0.4)


def test_a_head_that_is_too_small_says_nothing() -> None:
    """79 pixels of 720, and 80 pixels."""
    evidence = Evidence(EvidenceRules(least_head=80))

    assert evidence.add(person(0.9, head=79 / 720), height=720) == evidence
    assert evidence.add(person(0.9, head=81 / 720), height=720) != evidence


@pytest.mark.parametrize("status", [Status.NO_PERSON, Status.REJECTED])
def test_a_photo_without_a_person_says_nothing(status: Status) -> None:
    """Nobody is no adult."""
    evidence = joined(0.9)

    assert evidence.add(without_person(status), height=HEIGHT) == evidence


def test_a_worker_that_knows_only_labels_is_believed_as_far_as_its_label_goes() -> None:
    """An unsure message of it says nothing; a sure one has the label's confidence."""
    evidence = Evidence(EvidenceRules())

    assert evidence.add(person(0.9, sure=False, answers=False), height=HEIGHT) == evidence
    assert evidence.add(person(0.9, female=1.0, answers=False), height=HEIGHT).elder == pytest.approx(0.9)
    assert evidence.add(person(0.1, female=1.0, answers=False), height=HEIGHT).elder == pytest.approx(0.1)


def test_the_label_for_suggestions_joins_both_answers_and_needs_a_sure_photo() -> None:
    """Unsure photos make no suggestions by label (docs/kiosk-makers.md)."""
    evidence = joined(0.9, 0.8)
    assert evidence.label is not None
    label, confidence = evidence.label
    assert label is Label.ELDER_FEMALE
    assert 0.75 < confidence < 0.95
    assert joined(0.9, 0.8, sure=False).label is None
    assert joined().label is None
