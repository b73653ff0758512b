"""What the model says goes to Label Studio as predictions, and what a person says comes back by the recipe's rules."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.boxes import Box
from contracts.subject_labels import LabelledSubject, SubjectLabels
from recipes.recipe import Recipe
from retrain.bucket import Tree
from retrain.review.heads.tasks import parse_annotation, task
from retrain.review.label_studio import InvalidTask
from tests.retrain.review.heads.recipes import ROUTED, WHOLE, drawn_recipes, head, known, recipe
from tests.retrain.review.shop import photo

ONE = photo(1)
LEFT, RIGHT = Box(0.1, 0.2, 0.3, 0.6), Box(0.6, 0.2, 0.8, 0.6)
DOG = {"species": "dog"}


def made(asked: Recipe, labels: SubjectLabels) -> dict[str, Any]:
    return task(asked, ONE, labels, source=Tree.REVIEW, sample=False, size=(640, 480))


def predicted(asked: Recipe, labels: SubjectLabels) -> list[dict[str, Any]]:
    """As Label Studio reads it."""
    results: list[dict[str, Any]] = json.loads(json.dumps(made(asked, labels)))["predictions"][0]["result"]
    return results


def routed(*subjects: LabelledSubject, **inputs: str) -> SubjectLabels:
    return SubjectLabels("one", DOG | inputs, subjects)


def refusal(asked: Recipe, results: list[Any], data: dict[str, Any] | None = None) -> str:
    with pytest.raises(InvalidTask) as error:
        parse_annotation(asked, {"result": results}, {"inputs": DOG} if data is None else data)
    return str(error.value)


def test_a_subject_is_a_box_and_its_answers_are_results_of_the_same_id() -> None:
    box = {"x": 10.0, "y": 20.0, "width": pytest.approx(20.0), "height": pytest.approx(40.0), "rotation": 0}
    place = {"to_name": "photo", "image_rotation": 0, "original_width": 640, "original_height": 480}
    labels = routed(LabelledSubject(LEFT, {"gender": "male", "score": 4.0, "sign": "red"}))
    assert made(ROUTED, labels) == {
        "data": {
            "image": f"/data/local-files/?d=images/lobby_{ONE.image_id}.jpg",
            "photo": str(ONE),
            "tree": "review",
            "sample": False,
            "inputs": DOG,
            "shown": "species: dog",
        },
        "predictions": [
            {
                "model_version": "nunchi",
                "result": [
                    {
                        "id": "s0",
                        "type": "rectanglelabels",
                        "from_name": "subject",
                        **place,
                        "value": {**box, "rectanglelabels": ["face"]},
                    },
                    {
                        "id": "s0",
                        "type": "choices",
                        "from_name": "gender-0",
                        **place,
                        "value": {**box, "choices": ["male"]},
                    },
                    {"id": "s0", "type": "rating", "from_name": "score-1", **place, "value": {**box, "rating": 4}},
                    {
                        "id": "s0",
                        "type": "choices",
                        "from_name": "sign-3",
                        **place,
                        "value": {**box, "choices": ["red"]},
                    },
                ],
            }
        ],
    }


def test_answers_about_the_whole_photo_are_results_without_a_box() -> None:
    labels = SubjectLabels("one", {}, (LabelledSubject(Box(0, 0, 1, 1), {"digit": "n1"}),))
    assert predicted(WHOLE, labels) == [
        {"id": "s0-0", "type": "choices", "from_name": "digit-0", "to_name": "photo", "value": {"choices": ["n1"]}}
    ]
    assert "shown" not in made(WHOLE, labels)["data"]


def test_an_answer_that_the_recipe_does_not_know_any_more_is_not_proposed() -> None:
    labels = routed(LabelledSubject(LEFT, {"gender": "other", "sign": "mass", "score": 3.0}))
    assert [result["from_name"] for result in predicted(ROUTED, labels)] == ["subject"]


@given(st.data())
def test_proposals_that_are_accepted_unchanged_are_the_labels_that_went_out(data: st.DataObject) -> None:
    asked = data.draw(drawn_recipes() | st.just(ROUTED))
    labels = data.draw(known(asked))
    sent = made(asked, labels)
    back = parse_annotation(asked, {"result": sent["predictions"][0]["result"]}, sent["data"])
    assert back.labels == labels
    assert back.doubled == 0


@given(st.data())
def test_the_order_of_results_changes_no_label(data: st.DataObject) -> None:
    labels = data.draw(known(ROUTED))
    sent = made(ROUTED, labels)
    mixed = data.draw(st.permutations(sent["predictions"][0]["result"]))
    back = parse_annotation(ROUTED, {"result": mixed}, sent["data"]).labels
    assert {subject.box: subject.answers for subject in back.subjects} == {
        subject.box: subject.answers for subject in labels.subjects
    }


def test_a_question_without_an_answer_is_unknown_and_no_box_means_nothing_is_there() -> None:
    assert parse_annotation(ROUTED, {"result": []}, {"inputs": DOG}).labels == SubjectLabels("one", DOG, ())
    nothing = SubjectLabels("one", {}, (LabelledSubject(Box(0, 0, 1, 1), {}),))
    assert parse_annotation(WHOLE, {"result": []}, {"inputs": {}}).labels == nothing


def test_an_answer_that_was_taken_back_leaves_the_question_open() -> None:
    """Label Studio may leave no choice, or no star, behind."""
    results = predicted(ROUTED, routed(LabelledSubject(LEFT, {"gender": "male", "score": 4.0, "sign": "red"})))
    results[2]["value"]["rating"] = 0
    results[3]["value"]["choices"] = []
    labels = parse_annotation(ROUTED, {"result": results}, {"inputs": DOG}).labels
    assert [subject.answers for subject in labels.subjects] == [{"gender": "male"}]


SENT = predicted(ROUTED, routed(LabelledSubject(LEFT, {"gender": "male", "sign": "red"})))


def changed(index: int, **fields: Any) -> list[dict[str, Any]]:
    results = copy.deepcopy(SENT)
    value = fields.pop("value", {})
    results[index] |= fields
    results[index]["value"] |= value
    return results


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        (changed(1, from_name="hat-9"), "asks nothing that is called 'hat-9' (of type 'choices'); use the interface"),
        (changed(1, from_name=["x"]), "asks nothing that is called ['x']"),
        (changed(1, value={"choices": ["other"]}), "gender is ['other'], not male, female; answer it anew"),
        (changed(1, value={"choices": ["male", "female"]}), "gender is ['male', 'female'], not male, female"),
        (changed(1, type="rating", value={"rating": 2}), "gender is 2, not male, female"),
        (changed(1, id="lost"), "an answer about no box; draw the box"),
        (
            changed(1, from_name="score-2", type="rating", value={"rating": 3}),
            "score is 3.0, and is asked only if gender is female",
        ),
        (
            changed(2, from_name="sign-4", value={"choices": ["mass"]}),
            "sign is 'mass', and is asked only if species is cat",
        ),
        (changed(0, value={"x": 95.0}), "a box leaves the picture by 0.15 of its side"),
        (changed(0, value={"x": "here"}), "has no x, y, width and height"),
        (changed(0, value={"rotation": 30}), "turned by 30 degrees"),
        (changed(0, image_rotation=90), "its picture was turned by 90 degrees"),
        (changed(0, value={"rectanglelabels": ["cat"]}), "a box is labelled ['cat'], not face; label it anew"),
        ([*SENT, SENT[0]], "two of its boxes have one id"),
        ([*SENT, SENT[1]], "gender is answered twice about one subject"),
        ([*SENT, "text"], "a result of type None without a value"),
        ([*SENT, {"type": "relation"}], "a result of type 'relation' without a value"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_the_recipe_is_refused_by_name(results: list[Any], reason: str) -> None:
    assert reason in refusal(ROUTED, results)


def test_every_problem_of_a_photo_is_named_at_once() -> None:
    told = refusal(ROUTED, [*changed(1, value={"choices": ["other"]}), *changed(0, id="b", value={"rotation": 5})])
    assert "gender is ['other']" in told
    assert "turned by 5 degrees" in told


def test_an_answer_after_the_one_that_ends_the_questions_is_refused() -> None:
    labels = routed(LabelledSubject(LEFT, {"sign": "red", "side": "left"}))
    late = {"id": "s0", "type": "number", "from_name": "weight-7", "to_name": "photo", "value": {"number": 5}}
    assert refusal(ROUTED, [*predicted(ROUTED, labels), late]) == (
        "weight is 5.0, and an earlier answer ends the questions; correct the earlier answer, or clear this one"
    )


@pytest.mark.parametrize("value", [0.9, 41, True, "3", None])
def test_a_score_outside_of_its_range_is_refused(value: object) -> None:
    weight = {"id": "s0", "type": "number", "from_name": "weight-7", "to_name": "photo", "value": {"number": value}}
    assert f"weight is {value!r}, not a number from 2.5 to 40" in refusal(ROUTED, [SENT[0], weight])


def test_a_box_about_the_whole_photo_is_refused() -> None:
    assert "asks nothing that is called 'subject'" in refusal(WHOLE, SENT[:1], {"inputs": {}})


@pytest.mark.parametrize(
    "data", [{}, {"inputs": 3}, {"inputs": {"species": 1}}, {"inputs": {"species": "cow"}}], ids=str
)
def test_a_task_without_the_photos_inputs_is_refused(data: dict[str, Any]) -> None:
    assert "import the tasks.json of nunchi review export as it is" in refusal(ROUTED, SENT, data)


def test_a_box_that_stands_twice_counts_once_unless_the_answers_differ() -> None:
    again = [result | {"id": "other"} for result in copy.deepcopy(SENT)]
    twice = parse_annotation(ROUTED, {"result": [*SENT, *again]}, {"inputs": DOG})
    assert (len(twice.labels.subjects), twice.doubled) == (1, 1)
    again[1]["value"]["choices"] = ["female"]
    assert "the same box stands twice, with different answers; delete the wrong one" in refusal(ROUTED, [*SENT, *again])


def test_an_annotation_without_a_result_is_refused() -> None:
    with pytest.raises(InvalidTask, match="has no result; submit it again"):
        parse_annotation(ROUTED, {}, {"inputs": DOG})


def test_two_heads_of_one_name_answer_one_question() -> None:
    """Whichever was asked."""
    score = recipe(
        head("gender", "male", "female"),
        head("score", score=[1, 5], when={"gender": "male"}),
        head("score", score=[1, 5], when={"gender": "female"}),
    )
    labels = SubjectLabels("one", {}, (LabelledSubject(RIGHT, {"gender": "female", "score": 2.0}),))
    results = predicted(score, labels)
    assert [result["from_name"] for result in results] == ["subject", "gender-0", "score-2"]
    assert parse_annotation(score, {"result": results}, {"inputs": {}}).labels == labels
