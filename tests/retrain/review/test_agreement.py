"""How true the gate is, and whether that can be told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.boxes import LabelledBox
from contracts.names import Reference
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from retrain.bucket import Tree
from retrain.intervals import exact
from retrain.review.agreement import Agreement, PromiseShare, PromiseState, agreement, passes
from retrain.review.matching import Change
from retrain.review.notes import Note, ReviewedPerson
from tests.retrain.review.shop import CHECKED_AT, LEFT, RIGHT, photo
from worker.kiosk.decision import decide
from worker.photos.rules import Thresholds

HERS = ReviewedPerson(LabelledBox(Label.ELDER_FEMALE, LEFT, 0.97), Label.ELDER_FEMALE)
HIS = ReviewedPerson(LabelledBox(Label.ADULT_MALE, RIGHT, 0.96), Label.ADULT_MALE)
NOT_HERS = ReviewedPerson(HERS.predicted, Label.ELDER_MALE)


def note(*shown: ReviewedPerson, changed: tuple[Change, ...] = (), sample: bool = True, **fields: Any) -> Note:
    known: dict[str, Any] = {"source": Tree.AUTO, "cannot_tell": False, **fields}
    return Note(sample=sample, shown=shown, changed=changed, checked_at=CHECKED_AT, **known)


def test_people_and_photos_are_counted_by_label_kiosk_and_week() -> None:
    """Only those that chance picked among the sure; a person is right under the label that was shown."""
    notes: dict[Reference, Note] = {
        photo(1): note(HERS, HIS),
        photo(2, minutes=7 * 24 * 60): note(NOT_HERS, HIS, changed=(Change.LABEL,)),
        photo(3, kiosk="door"): note(HIS, changed=(Change.BOX,)),
        photo(4, kiosk="door"): note(HIS, changed=(Change.ADDED,)),
        photo(5): note(HERS, sample=False),
        photo(6): note(HERS, sample=True, source=Tree.REVIEW),
        photo(7): note(ReviewedPerson(HERS.predicted, None), cannot_tell=True),
    }
    assert agreement(notes, 0.95, classes=LABELS) == Agreement(
        promise=0.95,
        people=PromiseShare(5, 6),
        photos=PromiseShare(2, 4),
        by_label={"elder_female": PromiseShare(1, 2), "adult_male": PromiseShare(4, 4)},
        by_kiosk={"door": PromiseShare(2, 2), "lobby": PromiseShare(3, 4)},
        by_week={"2026-W47": PromiseShare(4, 4), "2026-W48": PromiseShare(1, 2)},
        cannot_tell=1,
    )


def test_without_a_checked_photo_nothing_is_told() -> None:
    nobody = agreement({}, 0.95, classes=LABELS)
    assert nobody == Agreement(0.95, PromiseShare(0, 0), PromiseShare(0, 0), {}, {}, {}, 0)
    assert (nobody.people.share, nobody.people.interval) == (None, (0.0, 1.0))
    assert nobody.people.against(0.95) is PromiseState.CANT_TELL


def test_the_interval_decides_and_is_the_exact_one() -> None:
    assert PromiseShare(81, 263).interval == exact(81, 263)


@pytest.mark.parametrize(
    ("right", "checked", "holds"),
    [
        (30, 30, PromiseState.CANT_TELL),
        (0, 1, PromiseState.CANT_TELL),
        (1, 1, PromiseState.CANT_TELL),
        (0, 2, PromiseState.BROKEN),
        (1, 2, PromiseState.CANT_TELL),
        (26, 30, PromiseState.CANT_TELL),
        (25, 30, PromiseState.BROKEN),
        (50, 50, PromiseState.CANT_TELL),
        (51, 51, PromiseState.HOLDS),
        (95, 100, PromiseState.CANT_TELL),
        (900, 1000, PromiseState.BROKEN),
        (950, 1000, PromiseState.HOLDS),
    ],
)
def test_the_promise_holds_is_broken_or_cannot_be_told(right: int, checked: int, holds: PromiseState) -> None:
    assert PromiseShare(right, checked).against(0.95) is holds


@pytest.mark.parametrize(
    ("gate", "right", "holds"),
    [
        (0.95, 910, PromiseState.BROKEN),
        (0.90, 910, PromiseState.HOLDS),
        (0.90, 895, PromiseState.CANT_TELL),
        (0.90, 875, PromiseState.BROKEN),
        (0.98, 950, PromiseState.BROKEN),
    ],
)
def test_the_promise_is_the_gate(gate: float, right: int, holds: PromiseState) -> None:
    assert PromiseShare(right, 1000).against(gate) is holds


def test_what_passed_an_earlier_lower_gate_says_nothing_of_the_present_one() -> None:
    """The whole photo, as in the worker; a confidence that is not known passed."""
    unknown = ReviewedPerson(LabelledBox(Label.ADULT_MALE, LEFT), Label.ADULT_MALE)
    notes = {photo(1): note(HERS, HIS), photo(2): note(unknown)}
    found = agreement(notes, 0.97, classes=LABELS)
    assert (found.people, found.below_gate) == (PromiseShare(1, 1), 1)
    assert (agreement(notes, 0.96, classes=LABELS).people, agreement(notes, 0.96, classes=LABELS).below_gate) == (
        PromiseShare(3, 3),
        0,
    )


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_stored_confidence_passes_the_gate_that_it_passed_in_the_worker(confidence: float, gate: float) -> None:
    """Stored are four decimals, rounded down."""
    [person] = decide(photo(1), [Person(Label.ADULT_MALE, confidence, LEFT)], Thresholds(0, 0, 0)).people
    assert passes(person.confidence, gate) or confidence < gate


@pytest.mark.parametrize(("promise", "least"), [(0.95, 2), (0.9, 2), (0.8, 3), (0.5, 6)])
def test_fewer_than_can_tell_are_too_few_whatever_the_answers(promise: float, least: int) -> None:
    for checked in range(least):
        verdicts = {PromiseShare(right, checked).against(promise) for right in range(checked + 1)}
        assert (verdicts, PromiseShare(0, checked).too_few(promise)) == ({PromiseState.CANT_TELL}, True)
    verdicts = {PromiseShare(right, least).against(promise) for right in range(least + 1)}
    assert (verdicts == {PromiseState.CANT_TELL}, PromiseShare(0, least).too_few(promise)) == (False, False)


@given(st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_so_many_more_people_would_tell_and_one_fewer_would_not(counts: tuple[int, int]) -> None:
    """If their share stays; of nobody yet, if it is as promised."""
    right, checked = counts
    share = right / checked if checked else 0.95
    more = PromiseShare(right, checked).more(0.95)
    then = PromiseShare(share * (checked + more), checked + more)
    assert then.against(0.95) is not PromiseState.CANT_TELL
    if more > 1:
        assert PromiseShare(share * (checked + more - 1), checked + more - 1).against(0.95) is PromiseState.CANT_TELL
    assert (more == 0) == (checked > 0 and PromiseShare(right, checked).against(0.95) is not PromiseState.CANT_TELL)
