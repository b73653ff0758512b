"""The gate of each label, by the checked random sample."""

from __future__ import annotations

from contracts.boxes import LabelledBox
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import Tree
from retrain.dataset.vetting.label_gates import LabelGates, label_gates
from retrain.review.notes import Note, ReviewedPerson
from tests.retrain.review.shop import CHECKED_AT, LEFT

ELDER, ADULT, MAN = Label.ELDER_FEMALE, Label.ADULT_FEMALE, Label.ADULT_MALE


def checked(
    said: Label, truth: Label | None, confidence: float | None, times: int = 1, *, sample: bool = True
) -> list[Note]:
    person = ReviewedPerson(LabelledBox(said, LEFT, confidence), truth)
    return times * [Note(source=Tree.AUTO, sample=sample, shown=(person,), changed=(), checked_at=CHECKED_AT)]


def test_labels_that_keep_the_promise_or_have_too_few_checks_keep_the_gate() -> None:
    """3 wrong of 20 are no proof against 95 in 100."""
    notes = [*checked(ADULT, ADULT, 0.96, 100), *checked(MAN, MAN, 0.96, 17), *checked(MAN, None, 0.96, 3)]
    assert label_gates(notes, 0.95, classes=LABELS) == LabelGates(0.95, {})
    assert label_gates([], 0.95, classes=LABELS) == LabelGates(0.95, {})


def test_a_label_that_is_too_often_wrong_teaches_from_the_lowest_gate_at_which_it_keeps_the_promise() -> None:
    notes = [*checked(MAN, None, 0.955, 10), *checked(MAN, None, 0.965, 10), *checked(MAN, MAN, 0.98, 30)]
    assert label_gates(notes, 0.95, classes=LABELS).raised == {MAN: 0.97}


def test_a_label_that_is_wrong_at_every_confidence_does_not_teach() -> None:
    notes = [*checked(MAN, None, 0.9999, 10), *checked(MAN, MAN, 0.9999, 30)]
    assert label_gates(notes, 0.95, classes=LABELS).raised == {MAN: None}
    assert label_gates([*checked(MAN, None, 0.96, 10)], 0.95, classes=LABELS).raised == {
        MAN: None
    }  # no check above it speaks for it


def test_a_label_that_takes_the_people_of_a_rare_one_is_raised_though_it_keeps_its_own_promise() -> None:
    """Of what it calls adult women 97 in 100 are; of the elder women, who are few, half are called so."""
    notes = [*checked(ADULT, ADULT, 0.97, 97), *checked(ADULT, ADULT, 0.995, 97), *checked(ADULT, ELDER, 0.97, 6)]
    notes += checked(ELDER, ELDER, 0.96, 6)
    assert label_gates(notes, 0.95, classes=LABELS).raised == {ADULT: 0.98}


def test_only_the_random_sample_above_the_gate_is_evidence() -> None:
    notes = [*checked(MAN, None, 0.96, 20, sample=False), *checked(MAN, None, 0.9, 20)]
    assert label_gates(notes, 0.95, classes=LABELS) == LabelGates(0.95, {})


def test_a_photo_is_refused_for_any_person_under_the_gate_of_their_label() -> None:
    gates = LabelGates(0.95, {MAN: 0.98, ADULT: None})

    def refusal(*people: tuple[Label, float | None]) -> str | None:
        return gates.refusal(LabelledBox(label, LEFT, confidence) for label, confidence in people)

    assert refusal((ELDER, 0.95), (MAN, 0.98)) is None
    assert refusal((ELDER, 0.95), (MAN, 0.9799)) == "adult_male teaches from 0.98, and has 0.9799"
    assert refusal((MAN, None)) == "adult_male teaches from 0.98, and has an unknown confidence"
    assert refusal((ADULT, 1.0)) == "adult_female teaches at no confidence, and has 1"
    assert all(LabelGates(0.95, {}).refusal([LabelledBox(label, LEFT, None)]) is None for label in LABELS)
