"""How true 0.95 is, and whether that can be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.labels import Label
from contracts.names import Reference
from retrain.bucket import Tree
from retrain.intervals import exact
from retrain.review.agreement import Agreement, Holds, Share, agreement
from retrain.review.matching import Change
from retrain.review.notes import Note, Shown
from tests.retrain.review.shop import CHECKED_AT, LEFT, RIGHT, photo

HERS = Shown(Label.ELDER_FEMALE, LEFT, 0.97, Label.ELDER_FEMALE)
HIS = Shown(Label.ADULT_MALE, RIGHT, 0.96, Label.ADULT_MALE)
NOT_HERS = Shown(Label.ELDER_FEMALE, LEFT, 0.97, Label.ELDER_MALE)


def note(*shown: Shown, changed: tuple[Change, ...] = (), sample: bool = True, **fields: object) -> Note:
    known = {"source": Tree.AUTO, "cannot_tell": False, **fields}
    return Note(sample=sample, shown=shown, changed=changed, checked_at=CHECKED_AT, **known)  # type: ignore[arg-type]


def test_people_and_photos_are_counted_by_label_kiosk_and_week() -> None:
    """Only those that chance picked among the sure; a person is right under the label that was shown."""
    notes: dict[Reference, Note] = {
        photo(1): note(HERS, HIS),
        photo(2, minutes=7 * 24 * 60): note(NOT_HERS, HIS, changed=(Change.LABEL,)),
        photo(3, kiosk="door"): note(HIS, changed=(Change.BOX,)),
        photo(4, kiosk="door"): note(HIS, changed=(Change.ADDED,)),
        photo(5): note(HERS, sample=False),
        photo(6): note(HERS, sample=True, source=Tree.REVIEW),
        photo(7): note(Shown(Label.ELDER_FEMALE, LEFT, 0.97, None), cannot_tell=True),
    }
    assert agreement(notes) == Agreement(
        people=Share(5, 6),
        photos=Share(2, 4),
        by_label={"elder_female": Share(1, 2), "adult_male": Share(4, 4)},
        by_kiosk={"door": Share(2, 2), "lobby": Share(3, 4)},
        by_week={"2026-W47": Share(4, 4), "2026-W48": Share(1, 2)},
        cannot_tell=1,
    )


def test_without_a_checked_photo_nothing_is_told() -> None:
    nobody = agreement({})
    assert nobody == Agreement(Share(0, 0), Share(0, 0), {}, {}, {}, 0)
    assert (nobody.people.share, nobody.people.interval) == (None, (0.0, 1.0))
    assert nobody.people.against() is Holds.CANT_TELL


def test_the_interval_decides_and_is_the_exact_one() -> None:
    assert Share(81, 263).interval == exact(81, 263)


@pytest.mark.parametrize(
    ("right", "checked", "holds"),
    [
        (30, 30, Holds.CANT_TELL),
        (0, 1, Holds.CANT_TELL),
        (1, 1, Holds.CANT_TELL),
        (0, 2, Holds.BROKEN),
        (1, 2, Holds.CANT_TELL),
        (26, 30, Holds.CANT_TELL),
        (25, 30, Holds.BROKEN),
        (50, 50, Holds.CANT_TELL),
        (51, 51, Holds.HOLDS),
        (95, 100, Holds.CANT_TELL),
        (900, 1000, Holds.BROKEN),
        (950, 1000, Holds.HOLDS),
    ],
)
def test_the_promise_holds_is_broken_or_cannot_be_told(right: int, checked: int, holds: Holds) -> None:
    assert Share(right, checked).against() is holds


@pytest.mark.parametrize(("promise", "least"), [(0.95, 2), (0.9, 2), (0.8, 3), (0.5, 6)])
def test_fewer_than_can_tell_are_too_few_whatever_the_answers(promise: float, least: int) -> None:
    for checked in range(least):
        verdicts = {Share(right, checked).against(promise) for right in range(checked + 1)}
        assert (verdicts, Share(0, checked).too_few(promise)) == ({Holds.CANT_TELL}, True)
    verdicts = {Share(right, least).against(promise) for right in range(least + 1)}
    assert (verdicts == {Holds.CANT_TELL}, Share(0, least).too_few(promise)) == (False, False)


@given(st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_so_many_more_people_would_tell_and_one_fewer_would_not(counts: tuple[int, int]) -> None:
    """If their share stays; of nobody yet, if it is as promised."""
    right, checked = counts
    share = right / checked if checked else 0.95
    more = Share(right, checked).more()
    then = Share(share * (checked + more), checked + more)
    assert then.against() is not Holds.CANT_TELL
    if more > 1:
        assert Share(share * (checked + more - 1), checked + more - 1).against() is Holds.CANT_TELL
    assert (more == 0) == (checked > 0 and Share(right, checked).against() is not Holds.CANT_TELL)
