"""Detections → customer, status, training. Pure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.boxes import Box
from contracts.messages import DatasetTree, Reason, Status
from contracts.names import Reference
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import Person
from recipes.kiosk.teaching import most_elder, quiet_elder
from tests.fakes import FACE
from tests.strategies import fractions, persons, references
from worker.kiosk.decision import Decision, decide, yolo_lines
from worker.photos.rules import Thresholds, customer_of

RULES = Thresholds(gate=0.95, unsure_below=0.5, review_share=0.0)
PHOTO = Reference("demo", "01m81j18kv000g40r40m30e209")
NEAR = Box(0.40, 0.2, 0.60, 0.6)  # tall, in the middle
FAR = Box(0.48, 0.3, 0.52, 0.38)  # small, in the middle
SIDE = Box(0.02, 0.2, 0.22, 0.58)  # nearly as tall, at the edge

people = st.lists(persons, max_size=5)
rules = st.builds(Thresholds, fractions, fractions, fractions)


def test_a_photo_without_people_has_status_no_person() -> None:
    assert decide(PHOTO, [], RULES) == Decision(Status.NO_PERSON, reason=Reason.NO_FACE_FOUND)


def test_a_confident_customer_gets_a_label_and_the_photo_enters_the_dataset() -> None:
    assert decide(PHOTO, [FACE], RULES) == Decision(
        Status.LABELLED,
        label=Label.ELDER_FEMALE,
        confidence=0.97,
        people=(Person(FACE.label, FACE.confidence, FACE.box),),
        customer=0,
        training=DatasetTree.AUTO,
    )


def test_the_answers_of_each_person_stay_with_them_whatever_the_status() -> None:
    """An unsure customer's age may be sure enough for the screen."""
    customer = Person(Label.ELDER_MALE, 0.4, NEAR, Answers.of(elder=0.8, female=0.45))
    others = Person(Label.ADULT_FEMALE, 0.9, SIDE, Answers.of(elder=0.05, female=0.97)), Person(FACE.label, 0.9, FAR)
    decision = decide(PHOTO, [customer, *others], RULES)
    assert decision.status is Status.UNSURE
    assert decision.people == (others[0], customer, others[1])


@pytest.mark.parametrize(
    ("confidence", "status", "training"),
    [
        (0.49, Status.UNSURE, DatasetTree.NONE),
        (0.5, Status.LABELLED, DatasetTree.NONE),
        (0.9499, Status.LABELLED, DatasetTree.NONE),
        (0.95, Status.LABELLED, DatasetTree.AUTO),
        (1.0, Status.LABELLED, DatasetTree.AUTO),
    ],
)
def test_thresholds_are_inclusive(confidence: float, status: Status, training: DatasetTree) -> None:
    decision = decide(PHOTO, [Person(Label.ADULT_MALE, confidence, NEAR)], RULES)
    assert (decision.status, decision.training) == (status, training)
    assert (decision.label is None) == (status is Status.UNSURE)


@pytest.mark.parametrize(
    ("label", "elder", "training"),
    [
        (Label.ADULT_FEMALE, 0.0333, DatasetTree.AUTO),
        (Label.ADULT_FEMALE, 0.0334, DatasetTree.REVIEW),
        (Label.ADULT_MALE, 0.04, DatasetTree.REVIEW),
        (Label.ELDER_FEMALE, 0.97, DatasetTree.AUTO),
    ],
)
def test_an_adult_label_that_may_hide_an_elder_waits_for_review_and_is_shown_all_the_same(
    label: Label, elder: float, training: DatasetTree
) -> None:
    """All such photos, not a share: an elder taught as an adult is the error that feeds itself."""
    woman = float(label in (Label.ADULT_FEMALE, Label.ELDER_FEMALE))
    person = Person(label, 0.96, NEAR, Answers.of(elder=elder, female=woman))
    some = replace(RULES, review_share=0.01)
    assert [decide(PHOTO, [FACE, person], rules).status for rules in (some, RULES)] == [Status.LABELLED] * 2
    assert decide(PHOTO, [FACE, person], some).training is training
    # A review share of 0 promises that no photo waits for people to look at it.
    nobody_looks = DatasetTree.NONE if training is DatasetTree.REVIEW else training
    assert decide(PHOTO, [FACE, person], RULES).training is nobody_looks


def test_a_possible_elder_under_the_gate_is_reviewed_by_the_review_share() -> None:
    person = Person(Label.ADULT_MALE, 0.94, NEAR, Answers.of(elder=0.04, female=0.0))
    assert decide(PHOTO, [person], RULES).training is DatasetTree.NONE


def test_rounding_never_lifts_a_confidence_over_the_gate() -> None:
    decision = decide(PHOTO, [Person(Label.ADULT_MALE, 0.94999, NEAR)], RULES)
    assert (decision.confidence, decision.training) == (0.9499, DatasetTree.NONE)


def test_an_unsure_message_still_lists_the_people() -> None:
    decision = decide(PHOTO, [Person(Label.ADULT_MALE, 0.4, NEAR)], RULES)
    assert decision.reason is Reason.LOW_CONFIDENCE
    assert decision.people == (Person(Label.ADULT_MALE, 0.4, NEAR),)


def test_one_unsure_bystander_keeps_the_image_out_of_training() -> None:
    """An unlabelled person would teach the model not to see them."""
    bystander = Person(Label.ADULT_MALE, 0.94, FAR)
    decision = decide(PHOTO, [Person(Label.ELDER_MALE, 0.99, NEAR), bystander], RULES)
    assert (decision.status, decision.label, decision.training) == (Status.LABELLED, Label.ELDER_MALE, DatasetTree.NONE)


@pytest.mark.parametrize(
    ("boxes", "customer"),
    [
        ([NEAR, FAR], 0),
        ([FAR, NEAR], 1),
        ([NEAR, SIDE], 0),
        ([SIDE, FAR], 0),  # near the camera at the edge, before somebody far behind
        ([Box(0.1, 0.2, 0.3, 0.6), Box(0.7, 0.2, 0.9, 0.6)], 0),  # as near and as central: the left one
    ],
)
def test_the_customer_is_near_and_in_the_middle(boxes: list[Box], customer: int) -> None:
    assert customer_of(boxes) == customer


@given(references, people, rules)
def test_the_order_in_which_a_model_names_people_changes_nothing(
    reference: Reference, found: list[Person], thresholds: Thresholds
) -> None:
    assert decide(reference, found, thresholds) == decide(reference, found[::-1], thresholds)


@given(references, people.filter(bool), rules)
def test_a_photo_enters_auto_if_and_only_if_every_person_passes_the_gate_and_none_may_be_an_elder_called_adult(
    reference: Reference, found: list[Person], thresholds: Thresholds
) -> None:
    decision = decide(reference, found, thresholds)
    sure = all(person.confidence >= thresholds.gate for person in decision.people)
    most = most_elder(thresholds.gate)
    quiet = any(quiet_elder(person.label, person.answers, most) for person in decision.people)
    assert (decision.training is DatasetTree.AUTO) == (sure and not quiet)


def test_the_review_share_is_drawn_by_name_and_close_to_its_size() -> None:
    photos = [Reference("demo", f"{number:026d}") for number in range(4000)]
    share = Thresholds(gate=0.95, unsure_below=0.5, review_share=0.1)
    drawn = [decide(photo, [Person(Label.ADULT_MALE, 0.7, NEAR)], share).training for photo in photos]
    assert drawn == [decide(photo, [], share).training for photo in photos]
    assert 0.08 < drawn.count(DatasetTree.REVIEW) / len(drawn) < 0.12
    assert DatasetTree.AUTO not in drawn


def test_labels_are_written_as_yolo_reads_them() -> None:
    lines = yolo_lines([Person(label, 0.99, Box(0.1, 0.2, 0.5, 0.8)) for label in LABELS])
    assert lines == "".join(f"{number} 0.300000 0.500000 0.400000 0.600000\n" for number in range(4))
