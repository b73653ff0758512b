"""The forms of Label Studio's files."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given

from contracts.boxes import Box, LabelledBox
from contracts.names import Reference
from contracts.yolo import format_labels, parse_labels
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import Tree
from retrain.review.label_studio import (
    CANNOT_TELL,
    Annotation,
    InvalidTask,
    box_of,
    label_config,
    last_completed,
    parse_annotation,
    percent_of,
    task,
)
from tests.retrain.review.shop import HER, HIM, LEFT, annotation, regions
from tests.strategies import boxes

ONE = Reference("lobby", "01jd8v2k5e9m3x7q4r6t0w1y2z")


def value(**changed: Any) -> dict[str, Any]:
    return {"x": 10.0, "y": 20.0, "width": 20.0, "height": 40.0, "rotation": 0, **changed}


@given(boxes().filter(lambda box: box.x1 - box.x0 > 1e-6 and box.y1 - box.y0 > 1e-6))
def test_a_box_comes_back_from_percent_as_it_went(box: Box) -> None:
    back = box_of(percent_of(box))
    assert (back.x0, back.y0, back.x1, back.y1) == pytest.approx((box.x0, box.y0, box.x1, box.y1), abs=1e-12)


@given(boxes().filter(lambda box: box.x1 - box.x0 > 1e-4 and box.y1 - box.y0 > 1e-4))
def test_nobody_moves_in_a_label_file_by_being_looked_at(box: Box) -> None:
    """To the last decimal that a label file has, but for one by rounding."""
    [stored] = parse_labels(format_labels([LabelledBox(Label.ELDER_MALE, box)], LABELS), LABELS)
    [again] = parse_labels(
        format_labels([LabelledBox(Label.ELDER_MALE, box_of(percent_of(stored.box)))], LABELS), LABELS
    )
    assert again.box.corners == pytest.approx(stored.box.corners, abs=2e-6)


def test_a_task_shows_what_the_model_saw() -> None:
    """In the form that Label Studio imports: percent of the picture, from its upper left corner."""
    seen = [
        LabelledBox(Label.ELDER_FEMALE, Box(0.25, 0.5, 0.5, 1), 0.5),
        LabelledBox(Label.ADULT_MALE, Box(0, 0, 0.5, 0.5), 0.75),
    ]
    made = task(ONE, seen, source=Tree.REVIEW, sample=False, model="cascade day-0", size=(640, 480))
    common = {"type": "rectanglelabels", "from_name": "label", "to_name": "photo", "image_rotation": 0}
    size = {"original_width": 640, "original_height": 480}
    her = {"x": 25.0, "y": 50.0, "width": 25.0, "height": 50.0, "rotation": 0, "rectanglelabels": ["elder_female"]}
    him = {"x": 0.0, "y": 0.0, "width": 50.0, "height": 50.0, "rotation": 0, "rectanglelabels": ["adult_male"]}
    assert made == {
        "data": {
            "image": "/data/local-files/?d=images/lobby_01jd8v2k5e9m3x7q4r6t0w1y2z.jpg",
            "photo": "lobby/01jd8v2k5e9m3x7q4r6t0w1y2z",
            "tree": "review",
            "sample": False,
        },
        "predictions": [
            {
                "model_version": "cascade day-0",
                "score": 0.5,
                "result": [
                    {"id": "p0", **common, **size, "value": her, "score": 0.5},
                    {"id": "p1", **common, **size, "value": him, "score": 0.75},
                ],
            }
        ],
    }


def test_who_has_no_confidence_has_no_score() -> None:
    made = task(ONE, [HER], source=Tree.AUTO, sample=True, model="nunchi", size=None)
    assert "score" not in made["predictions"][0]
    assert "score" not in made["predictions"][0]["result"][0]


def test_the_interface_has_our_classes_by_our_numbers_and_a_way_to_say_that_nobody_can_tell() -> None:
    root = ET.fromstring(label_config(classes=LABELS))  # noqa: S314 - our own
    assert [(one.get("value"), one.get("category")) for one in root.iter("Label")] == [
        (label, str(label.yolo_class)) for label in LABELS
    ]
    assert [one.get("value") for one in root.iter("Choice")] == [CANNOT_TELL]
    assert len({one.get("background") for one in root.iter("Label")}) == len(LABELS)


def test_an_annotation_says_who_is_there() -> None:
    assert parse_annotation(annotation([]), classes=LABELS) == Annotation((), False)
    checked = parse_annotation(annotation(regions([HER, HIM])), classes=LABELS)
    assert [person.label for person in checked.people] == [Label.ELDER_FEMALE, Label.ADULT_MALE]
    choice = {"type": "choices", "value": {"choices": [CANNOT_TELL]}}
    assert parse_annotation(annotation([choice]), classes=LABELS) == Annotation((), True)


@pytest.mark.parametrize(
    ("drawn", "corners"),
    [
        (value(x=-0.3, width=20.3), (0, 0.2, 0.2, 0.6)),
        (value(x=90, width=10.4), (0.9, 0.2, 1, 0.6)),
        (value(rotation=360), (0.1, 0.2, 0.3, 0.6)),
    ],
)
def test_a_box_drawn_over_the_edge_ends_there(drawn: dict[str, Any], corners: tuple[float, ...]) -> None:
    box = box_of(drawn)
    assert (box.x0, box.y0, box.x1, box.y1) == pytest.approx(corners)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (value(rotation=12.5), "turned by 12.5 degrees"),
        (value(x=95), "leaves the picture"),
        (value(x=-1), "leaves the picture"),
        (value(x=82.0), "leaves the picture by 0.02 "),
        (value(width=float("nan")), "'nan' is not a finite number"),
        (value(height=float("inf")), "'inf' is not a finite number"),
        (value(x=True), "True is not a number"),
        (value(height=0), "no area"),
        (value(width=-5), "no area"),
        (value(x=None), "no x, y, width and height"),
        ({"points": [[1, 2]]}, "no x, y, width and height"),
    ],
)
def test_a_box_that_no_label_file_can_hold_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidTask, match=why):
        box_of(wrong)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ([{"type": "polygonlabels", "value": {"polygonlabels": ["elder_male"]}}], "type 'polygonlabels'"),
        ([{"type": "rectangle", "value": value()}], "type 'rectangle'"),
        ([{"type": "rectanglelabels"}], "type 'rectanglelabels'"),
        (["text"], "type None"),
        ([{"type": "rectanglelabels", "value": value(rectanglelabels=[])}], r"labelled \[\]"),
        ([{"type": "rectanglelabels", "value": value(rectanglelabels=["child"])}], "'child'"),
        ([{"type": "rectanglelabels", "value": value(rectanglelabels=["adult_male", "elder_male"])}], "labelled"),
        ([{"type": "rectanglelabels", "value": value(rectanglelabels=[["elder_male"]])}], "labelled"),
        ([{"type": "choices", "value": {"choices": ["blurred"]}}], "blurred"),
        (None, "no result"),
    ],
)
def test_what_our_interface_does_not_offer_is_refused(result: Any, why: str) -> None:
    with pytest.raises(InvalidTask, match=why):
        parse_annotation({"result": result}, classes=LABELS)


def test_of_several_annotators_the_last_completed_counts() -> None:
    """Skipped ones never; of equal times, the larger number."""
    early = annotation([], updated_at="2026-11-20T09:00:00Z", id=9)
    late = annotation([], updated_at="2026-11-20T10:00:00Z", id=3)
    tied = annotation([], updated_at="2026-11-20T10:00:00Z", id=10)
    skipped = annotation([], updated_at="2026-11-20T11:00:00Z", id=11, was_cancelled=True)
    assert last_completed([late, early, skipped]) is late
    assert last_completed([tied, late]) is tied
    assert last_completed([skipped]) is None
    assert last_completed([]) is None


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.5Z"),
        ("2026-11-20T10:00:00.123456Z", "2026-11-20T10:00:00.123457Z"),
        ("2026-11-20T18:30:00+09:00", "2026-11-20T10:00:00Z"),
        ("2026-11-20T10:00:00Z", "2026-11-20T05:00:01-05:00"),
        ("2026-11-20T10:00:00.900Z", "2026-11-20T10:00:01Z"),
        ("2026-11-20 10:00:00+00:00", "2026-11-20T10:00:00.1Z"),
    ],
)
def test_times_are_compared_as_times(earlier: str, later: str) -> None:
    """With and without a fraction, and of any zone: as text, several of these are in another order."""
    one, other = annotation([], updated_at=earlier, id=2), annotation([], updated_at=later, id=1)
    assert last_completed([one, other]) is other
    assert last_completed([other, one]) is other


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-20T10:00:00", "2026-13-20T10:00:00Z", 5, None])
def test_an_annotation_of_several_without_a_valid_time_is_refused(text: Any) -> None:
    """Which of them is later could not be told."""
    with pytest.raises(InvalidTask, match="not a time with its zone"):
        last_completed([annotation([]), annotation([], updated_at=text)])


def test_a_box_that_was_drawn_twice_counts_once() -> None:
    checked = parse_annotation(annotation(regions([HER, HIM, HER])), classes=LABELS)
    assert ([person.label for person in checked.people], checked.doubled) == ([HER.label, HIM.label], 1)


def test_the_same_box_with_two_labels_is_refused() -> None:
    with pytest.raises(InvalidTask, match="the same box is labelled elder_female and adult_male; delete the wrong one"):
        parse_annotation(annotation(regions([HER, LabelledBox(Label.ADULT_MALE, HER.box)])), classes=LABELS)


def test_boxes_on_a_picture_that_was_turned_are_refused() -> None:
    """They are fractions of the turned picture, which is not the one that is stored."""
    with pytest.raises(InvalidTask, match="turned by 90 degrees in Label Studio"):
        parse_annotation(annotation([{**regions([HER])[0], "image_rotation": 90}]), classes=LABELS)


def test_a_box_of_the_shop_is_what_it_says() -> None:
    assert percent_of(LEFT) == pytest.approx({"x": 10, "y": 20, "width": 20, "height": 40})
