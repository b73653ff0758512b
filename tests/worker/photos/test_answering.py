"""A recipe's decisions: which heads are asked, what is sure, what teaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from contracts.answers_message import UNKNOWN, UNSEEN, AnswersMessage, AnswersStatus, Choice, Score, Subject
from contracts.boxes import Box
from contracts.formulas.calibration import BetaCalibration
from contracts.messages import DatasetTree, Model, Reason
from contracts.names import Reference
from contracts.subject_labels import LabelledSubject, SubjectLabels
from recipes.reading import parse
from recipes.recipe import Recipe, Region, Show
from worker.kiosk.decision import LabelTask
from worker.models.evidence import Evidence
from worker.models.heads import Seen, SeenAnswer, SeenChoice, SeenScore
from worker.models.regions import EVERYTHING, FoundSubject
from worker.photos.answering import AnswersDecision, AnswersTask
from worker.photos.rules import Thresholds
from worker.photos.task import SVG, Picture
from worker.photos.timing import PhotoTimes

PHOTO = Reference("door", "01jd8v2k5e9m3x7q4r6t0w1y2z")
RULES = Thresholds(gate=0.95, unsure_below=0.5, review_share=0.0)
PICTURE = np.zeros((48, 64, 3), np.uint8)
LEFT, RIGHT = Box(0.1, 0.1, 0.3, 0.4), Box(0.5, 0.1, 0.9, 0.9)
AT = datetime(2026, 11, 29, tzinfo=UTC)
HALF = BetaCalibration(0.0, 1.0, -1.0)  # a score is its own probability


def recipe(*heads: dict[str, Any], **fields: Any) -> Recipe:
    judge = fields.pop("judge", {"of": heads[0]["name"]})
    return parse({"recipe": 1, "name": "one", "find": {"kind": "whole"}, "head": list(heads), "judge": judge} | fields)


def head(name: str, *says: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "says": list(says), **fields}


def said(value: str, confidence: float, score: float | None = None) -> SeenChoice:
    return SeenChoice(value, confidence if score is None else score, confidence)


def seen(*answers: SeenAnswer, box: Box = LEFT, join: BetaCalibration | None = None) -> Seen:
    return Seen(box, answers, join)


def decide(
    asked: Recipe, *found: Seen, inputs: dict[str, str] | None = None, rules: Thresholds = RULES
) -> AnswersDecision:
    return AnswersTask(asked, rules).decide(PHOTO, found, inputs or {})


def message(decision: AnswersDecision) -> AnswersMessage:
    times = PhotoTimes(AT, AT, None, None)
    model = Model("one", "1", "0" * 64)
    return decision.to_message(PHOTO, model, times, step_seconds={"infer": 0.01}, expires_at=AT + timedelta(seconds=30))


EYE = recipe(head("eye", "open", "shut"), head("look", "left", "right"))
SPECIES = recipe(
    head("sign", "cloud", "none", when={"species": "dog"}),
    head("sign", "mass", "none", when={"species": "cat"}),
    inputs={"species": ["dog", "cat"]},
    judge={"of": "sign"},
)


def test_every_head_is_asked_in_the_order_of_the_file() -> None:
    [subject] = decide(EYE, seen(said("open", 0.9), said("left", 0.3))).subjects
    assert list(subject.answers.items()) == [("eye", Choice("open", 0.9, True)), ("look", Choice("left", 0.3, False))]


def test_one_sure_answer_makes_a_photo_labelled_and_none_makes_it_unsure() -> None:
    assert decide(EYE, seen(said("open", 0.9), said("left", 0.3))).status is AnswersStatus.LABELLED
    assert decide(EYE, seen(said("open", 0.4), said("left", 0.3))).status is AnswersStatus.UNSURE
    assert decide(EYE).status is AnswersStatus.NOTHING_FOUND


def test_a_head_may_say_from_when_on_it_is_sure() -> None:
    careful = recipe(head("eye", "open", "shut", sure_from=0.95))
    assert decide(careful, seen(said("open", 0.94))).status is AnswersStatus.UNSURE


@pytest.mark.parametrize(("species", "expected"), [("dog", "cloud"), ("cat", "mass")])
def test_an_input_routes_to_one_of_two_heads_of_a_name(species: str, expected: str) -> None:
    decision = decide(SPECIES, seen(said("cloud", 0.9), said("mass", 0.9)), inputs={"species": species})
    assert decision.subjects[0].answers == {"sign": Choice(expected, 0.9, True)}
    assert message(decision).inputs == {"species": species}


@pytest.mark.parametrize("inputs", [{}, {"species": "horse"}, {"species": "Dog"}], ids=str)
def test_a_photo_without_a_valid_input_is_declined(inputs: dict[str, str]) -> None:
    decision = decide(SPECIES, seen(said("cloud", 0.9), said("mass", 0.9)), inputs=inputs)
    assert (decision.status, decision.reason, decision.subjects) == (AnswersStatus.DECLINED, "missing_input", ())
    assert decision.training is DatasetTree.NONE


def test_metadata_that_no_recipe_asks_for_is_not_passed_on() -> None:
    assert message(decide(EYE, inputs={"name": "Anna"})).inputs == {}


def test_an_answer_routes_the_heads_after_it() -> None:
    routed = recipe(head("eye", "open", "shut"), head("look", "left", "right", when={"eye": "open"}))
    [subject] = decide(routed, seen(said("shut", 0.9), said("left", 0.9))).subjects
    assert list(subject.answers) == ["eye"]


def test_a_value_may_stop_the_questions() -> None:
    stopping = recipe(head("eye", "open", "shut", stop_at=["shut"]), head("look", "left", "right"))
    [subject] = decide(stopping, seen(said("shut", 0.9), said("left", 0.9))).subjects
    assert list(subject.answers) == ["eye"]


JOINED = recipe(
    head("eye", "open", "shut"), head("look", "left", "right"), join=["eye", "look"], judge={"of": "joined"}
)


def test_joined_answers_are_one_class_with_a_confidence_of_its_own() -> None:
    [subject] = decide(JOINED, seen(said("shut", 0.9, 0.8), said("left", 0.9, 0.5), join=HALF)).subjects
    assert subject.joined == Choice("shut_left", 0.4, False)


def test_there_is_no_joined_class_where_a_question_was_not_asked() -> None:
    stopping = recipe(
        head("eye", "open", "shut", stop_at=["shut"]),
        head("look", "left", "right"),
        join=["eye", "look"],
        judge={"of": "joined"},
    )
    [subject] = decide(stopping, seen(said("shut", 0.9), said("left", 0.9), join=HALF)).subjects
    assert subject.joined is None


def test_only_the_answers_that_reach_their_gate_teach() -> None:
    decision = decide(EYE, seen(said("open", 0.96), said("left", 0.94999)))
    assert decision.training is DatasetTree.AUTO
    assert labels_of(EYE, decision) == SubjectLabels("one", {}, (LabelledSubject(LEFT, {"eye": "open"}),))


def test_a_head_may_have_a_gate_of_its_own() -> None:
    gated = recipe(head("eye", "open", "shut", gate=0.6))
    decision = decide(gated, seen(said("open", 0.7)))
    assert labels_of(gated, decision).subjects[0].answers == {"eye": "open"}


EVERY = Thresholds(gate=0.95, unsure_below=0.5, review_share=1.0)
UNSURE = seen(said("open", 0.9), said("left", 0.2))


def test_a_photo_of_which_no_answer_teaches_waits_for_people_with_all_that_the_model_says() -> None:
    """In no other tree would an answer below its gate be written."""
    decision = decide(EYE, UNSURE, rules=EVERY)
    assert decision.training is DatasetTree.REVIEW
    proposals = LabelledSubject(LEFT, {"eye": "open", "look": "left"})
    assert labels_of(EYE, decision) == SubjectLabels("one", {}, (proposals,))
    assert labels_of(EYE, decision, DatasetTree.AUTO) == SubjectLabels("one", {}, (LabelledSubject(LEFT, {}),))


def test_a_photo_with_an_answer_that_teaches_is_never_drawn_for_review() -> None:
    sure = decide(EYE, seen(said("open", 0.96), said("left", 0.2)), rules=EVERY)
    assert sure.training is DatasetTree.AUTO
    assert labels_of(EYE, sure).subjects[0].answers == {"eye": "open"}


def test_the_share_for_review_is_drawn_by_the_photos_name() -> None:
    """As the kiosk's: a rerun draws the same."""
    task = AnswersTask(EYE, replace(EVERY, review_share=0.1))
    photos = [Reference("door", f"01jd8v2k5e9m3x7q4r6t0{number:05}") for number in range(2000)]
    drawn = [task.decide(one, [UNSURE], {}).training for one in photos]
    assert 0.08 < drawn.count(DatasetTree.REVIEW) / len(drawn) < 0.12
    assert set(drawn) == {DatasetTree.REVIEW, DatasetTree.NONE}
    assert drawn == [task.decide(one, [UNSURE], {}).training for one in photos]


@pytest.mark.parametrize("keep", [{"learn": False}, {"upload": False}], ids=str)
def test_a_recipe_that_keeps_no_photos_keeps_none_for_review(keep: dict[str, bool]) -> None:
    private = recipe(head("eye", "open", "shut"), keep=keep)
    assert decide(private, seen(said("open", 0.9)), rules=EVERY).training is DatasetTree.NONE


def test_nobody_reviews_a_photo_without_subjects_or_one_that_is_declined() -> None:
    assert decide(EYE, rules=EVERY).training is DatasetTree.NONE
    declined = decide(SPECIES, seen(said("cloud", 0.9), said("mass", 0.9)), rules=EVERY)
    assert (declined.status, declined.training) == (AnswersStatus.DECLINED, DatasetTree.NONE)


def test_a_score_is_told_with_its_interval_and_never_teaches() -> None:
    size = recipe({"name": "size", "score": [1, 5]}, judge={"of": "size", "metric": "mae"})
    decision = decide(size, seen(SeenScore(3.14159, 2.00001, 4.00001)))
    assert decision.subjects[0].answers == {"size": Score(3.1416, 2.0, 4.0001)}
    assert (decision.status, decision.training) == (AnswersStatus.LABELLED, DatasetTree.NONE)


ONE, NEAREST = ({"kind": "face", "many": many} for many in ("one", "nearest"))


def test_a_recipe_for_one_declines_several() -> None:
    alone = recipe(head("eye", "open", "shut"), find=ONE)
    two = seen(said("open", 0.9)), seen(said("shut", 0.9), box=RIGHT)
    assert (decide(alone, *two).status, decide(alone, *two).reason) == (AnswersStatus.DECLINED, "several_found")
    assert decide(alone, two[0]).status is AnswersStatus.LABELLED


def test_a_recipe_for_the_nearest_asks_about_the_large_one_in_the_middle() -> None:
    nearest = recipe(head("eye", "open", "shut"), find=NEAREST)
    [subject] = decide(nearest, seen(said("open", 0.9)), seen(said("shut", 0.9), box=RIGHT)).subjects
    assert subject.box == RIGHT


def evidence(at: int) -> Evidence:
    places = np.zeros((7, 7), np.float32)
    places[at, at] = 1
    return Evidence(FoundSubject(EVERYTHING), Region(), places)


def test_the_evidence_is_that_of_the_head_which_was_asked_and_stands_in_the_order_of_subjects() -> None:
    first, second = evidence(1), evidence(2)
    explained = replace(SPECIES, show=Show("sign"))
    both = {0: first, 1: second}
    for species, expected in (("dog", first), ("cat", second)):
        one = replace(seen(said("cloud", 0.9), said("mass", 0.9)), evidence=both)
        assert decide(explained, one, inputs={"species": species}).evidence == (expected,)
    routed = recipe(head("eye", "open", "shut"), head("look", "left", "right", when={"eye": "open"}))
    shut = replace(seen(said("shut", 0.9), said("left", 0.9)), evidence={1: first})
    opened = replace(seen(said("open", 0.9), said("left", 0.9), box=RIGHT), evidence={1: second})
    assert decide(routed, opened, shut).evidence == (None, second)
    assert list(decide(routed, shut).pictures(PICTURE)) == []


def test_a_decision_without_evidence_has_no_picture() -> None:
    assert list(decide(EYE, seen(said("open", 0.9), said("left", 0.9))).pictures(PICTURE)) == []
    assert list(AnswersTask(EYE, RULES).rejected(Reason.NOT_AN_IMAGE).pictures(PICTURE)) == []


def test_subjects_stand_from_left_to_right_whatever_the_model_found_first() -> None:
    two = seen(said("open", 0.9), said("left", 0.9)), seen(said("shut", 0.9), said("left", 0.9), box=RIGHT)
    assert decide(EYE, *two) == decide(EYE, *two[::-1])


def test_a_file_that_is_no_photo_is_rejected_with_its_reason() -> None:
    rejected = message(AnswersTask(EYE, RULES).rejected(Reason.NOT_AN_IMAGE))
    assert (rejected.status, rejected.reason, rejected.recipe) == (AnswersStatus.REJECTED, "not_an_image", "one")


def test_a_result_of_another_recipe_that_served_here_before_teaches_nothing() -> None:
    other = message(decide(recipe(head("eye", "open", "shut"), name="other"), seen(said("open", 0.99))))
    for tree in (DatasetTree.AUTO, DatasetTree.REVIEW):
        assert AnswersTask(EYE, RULES).label_file(other, tree) is None
    assert LabelTask(RULES).label_file(other, DatasetTree.AUTO) is None, (
        "an empty YOLO file would say that nobody is there"
    )


def labels_of(asked: Recipe, decision: AnswersDecision, tree: DatasetTree | None = None) -> SubjectLabels:
    written = AnswersTask(asked, RULES).label_file(message(decision), tree or decision.training)
    assert written is not None
    assert written.suffix == ".json"
    return SubjectLabels.from_json(written.text)


WORN = recipe(
    head("garment", "skirt", "shorts", later=True),
    {"name": "colour", "colour": "basic13"},
    head("length", "long", "short", when={"garment": "skirt"}),
)


@pytest.mark.parametrize("value", [UNKNOWN, UNSEEN])
def test_a_head_without_an_answer_is_never_sure_and_teaches_nothing(value: str) -> None:
    """Whatever the thresholds are; and what hangs on its answer is not asked."""
    none = Thresholds(gate=0.0, unsure_below=0.0, review_share=0.0)
    decision = decide(WORN, seen(said(value, 0.0), said(value, 0.0), said("long", 0.9)), rules=none)
    assert decision.status is AnswersStatus.UNSURE
    [subject] = decision.subjects
    assert subject.answers == {"garment": Choice(value, 0.0, False), "colour": Choice(value, 0.0, False)}
    assert decision.training is DatasetTree.NONE


def test_what_is_measured_or_has_no_answer_or_is_a_score_is_no_proposal() -> None:
    """A person answers these from nothing; and the box stays, for them to answer about."""
    asked = recipe(
        head("garment", "skirt", "shorts", later=True),
        {"name": "colour", "colour": "basic13"},
        {"name": "size", "score": [1, 5]},
    )
    decision = decide(asked, seen(said(UNKNOWN, 0.0), said("red", 0.99), SeenScore(3.0, 2.0, 4.0)), rules=EVERY)
    assert decision.training is DatasetTree.REVIEW
    assert labels_of(asked, decision).subjects == (LabelledSubject(LEFT, {}),)


def test_a_photo_is_not_kept_for_review_if_no_head_could_learn_from_it() -> None:
    measured = recipe({"name": "colour", "colour": "basic13"}, head("eye", "open", "shut"), judge={"of": "eye"})
    only = replace(measured, heads=measured.heads[:1])
    assert decide(only, seen(said("red", 0.3)), rules=EVERY).training is DatasetTree.NONE


def test_a_measured_colour_is_told_as_sure_and_keeps_no_photo() -> None:
    """Nothing learns from it."""
    decision = decide(WORN, seen(said(UNKNOWN, 0.0), said("red", 0.99), said("long", 0.9)))
    assert decision.subjects[0].answers["colour"] == Choice("red", 0.99, True)
    assert (decision.status, decision.training) == (AnswersStatus.LABELLED, DatasetTree.NONE)


def test_a_joined_answer_needs_all_of_its_parts() -> None:
    joined = recipe(head("eye", "open", "shut"), head("look", "left", "right"), join=["eye", "look"])
    [subject] = decide(joined, seen(said("open", 0.9), said(UNSEEN, 0.0), join=HALF)).subjects
    assert subject.joined is None


def test_the_recipes_own_picture_is_drawn_from_the_answers() -> None:
    """Without one subject there is none."""

    def listed(subjects: Sequence[Subject]) -> str:
        return f"<svg>{len(subjects)}</svg>"

    shown = recipe(head("eye", "open", "shut"), show={"picture": "figure"})
    task = AnswersTask(shown, RULES, listed)
    two = task.decide(PHOTO, [seen(said("open", 0.9)), seen(said("shut", 0.9), box=RIGHT)], {})
    assert list(two.pictures(PICTURE)) == [Picture("figure", b"<svg>2</svg>", SVG)]
    assert list(task.decide(PHOTO, [], {}).pictures(PICTURE)) == []
