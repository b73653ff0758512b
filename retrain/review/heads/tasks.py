"""Tasks for Label Studio, what the model says as predictions; annotations → what is known of each subject. Pure.

A result with a box has an id; the answers about its subject are results with the same id. Of a recipe that asks about
the whole photo, results have no box.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from contracts import box_rules
from contracts.boxes import Box
from contracts.errors import InvalidMessage
from contracts.names import Reference
from contracts.subject_labels import LabelledSubject, SubjectLabels, Value
from recipes.recipe import Head, Recipe
from retrain.bucket import Tree
from retrain.review.heads.interface import (
    INPUTS,
    PHOTO,
    SUBJECT,
    Control,
    asked_when,
    control_of,
    controls,
    has_boxes,
)
from retrain.review.label_studio import InvalidTask, box_of, image_url, percent_of

GIVEN: Final = "inputs"  # the name in a task's data of its inputs
MODEL: Final = "nunchi"
WHOLE: Final = Box(0.0, 0.0, 1.0, 1.0)
_PHOTO_ID: Final = ""  # of answers about the whole photo
_RECTANGLE: Final = "rectanglelabels"
# What a control holds when its answer was taken back; then the question is open.
_CLEARED: Final[Mapping[Control, Sequence[object]]] = {Control.CHOICES: ([],), Control.RATING: (0,), Control.NUMBER: ()}
_AS_IT_IS: Final = "import the tasks.json of nunchi review export as it is"


@dataclass(frozen=True, slots=True)
class SubjectsAnnotation:
    """A person's answer about a photo. `doubled`: boxes drawn again over one with the same answers."""

    labels: SubjectLabels
    doubled: int = 0


def task(
    recipe: Recipe,
    reference: Reference,
    labels: SubjectLabels,
    *,
    source: Tree,
    sample: bool,
    size: tuple[int, int] | None,
) -> dict[str, Any]:
    """A task with the model's subjects and answers as its prediction. `size`: in pixels; None if unknown."""
    data: dict[str, Any] = {
        "image": image_url(reference),
        "photo": str(reference),
        "tree": source,
        "sample": sample,
        GIVEN: dict(labels.inputs),
    }
    if recipe.inputs:
        data[INPUTS] = ", ".join(f"{name}: {labels.inputs.get(name, '?')}" for name in recipe.inputs)
    results = [
        result
        for index, subject in enumerate(labels.subjects)
        for result in _results(recipe, subject, labels.inputs, f"s{index}", size)
    ]
    return {"data": data, "predictions": [{"model_version": MODEL, "result": results}]}


def _results(
    recipe: Recipe, subject: LabelledSubject, inputs: Mapping[str, str], name: str, size: tuple[int, int] | None
) -> Iterator[dict[str, Any]]:
    place: dict[str, Any] = {"to_name": PHOTO}
    box: dict[str, Any] = {}
    if has_boxes(recipe):
        place |= {"image_rotation": 0}
        place |= {} if size is None else {"original_width": size[0], "original_height": size[1]}
        box = {**percent_of(subject.box), "rotation": 0}
        label = {**box, _RECTANGLE: [recipe.find.kind]}
        yield {"id": name, "type": _RECTANGLE, "from_name": SUBJECT, **place, "value": label}
    said = [subject.answers.get(head.name) for head in recipe.heads]
    asked = recipe.route([value if isinstance(value, str) else None for value in said], inputs)
    for control, number in controls(recipe).items():
        value = _valid(recipe.heads[number], said[number])
        if number in asked and value is not None:
            kind = control_of(recipe.heads[number])
            answer = [value] if isinstance(value, str) else int(value) if kind is Control.RATING else value
            # Without boxes each answer is a result of its own.
            own = name if has_boxes(recipe) else f"{name}-{number}"
            yield {"id": own, "type": kind, "from_name": control, **place, "value": {**box, kind: answer}}


def parse_annotation(recipe: Recipe, annotation: Mapping[str, Any], data: Mapping[str, Any]) -> SubjectsAnnotation:
    """What is known of each subject, by the annotation of a task; a question without an answer is unknown.

    InvalidTask names everything that does not fit the recipe, each with its remedy.
    """
    inputs = _inputs(recipe, data)
    results = annotation.get("result")
    if not isinstance(results, list):
        raise InvalidTask("its annotation has no result; submit it again")
    reader = _Reader(recipe)
    for result in results:
        reader.read(result if isinstance(result, dict) else {})
    subjects = reader.subjects(inputs)
    if reader.problems:
        raise InvalidTask("; ".join(dict.fromkeys(reader.problems)))
    kept: list[LabelledSubject] = []
    for subject in subjects:
        same = next((other for other in kept if box_rules.is_same_box(subject.box, other.box)), None)
        if same is None:
            kept.append(subject)
        elif same.answers != subject.answers:
            raise InvalidTask("the same box stands twice, with different answers; delete the wrong one")
    return SubjectsAnnotation(SubjectLabels(recipe.name, inputs, tuple(kept)), len(subjects) - len(kept))


def _inputs(recipe: Recipe, data: Mapping[str, Any]) -> dict[str, str]:
    inputs = data.get(GIVEN)
    if not isinstance(inputs, dict) or not all(isinstance(value, str) for value in inputs.values()):
        raise InvalidTask(f"its data does not say what the device said; {_AS_IT_IS}")
    for name, values in recipe.inputs.items():
        if inputs.get(name) not in values:
            raise InvalidTask(f"its {name} is {inputs.get(name)!r}, not one of {', '.join(values)}; {_AS_IT_IS}")
    return inputs


class _Reader:
    """Collects the results of one annotation, and every problem with them."""

    def __init__(self, recipe: Recipe) -> None:
        self.problems: list[str] = []
        self._recipe = recipe
        self._controls = controls(recipe)
        self._boxes: dict[str, Box] = {} if has_boxes(recipe) else {_PHOTO_ID: WHOLE}
        self._drawn: set[str] = set()  # ids of boxes, invalid ones included
        self._answers: defaultdict[str, dict[int, Value]] = defaultdict(dict)

    def read(self, result: Mapping[str, Any]) -> None:
        kind, control, value = result.get("type"), result.get("from_name"), result.get("value")
        name = str(result.get("id")) if has_boxes(self._recipe) else _PHOTO_ID
        if not isinstance(value, dict):
            self._problem(f"it holds a result of type {kind!r} without a value; use the interface of the export")
        elif kind == _RECTANGLE and has_boxes(self._recipe):
            self._read_box(result, name, value)
        elif not isinstance(control, str) or control not in self._controls:
            self._problem(
                f"the recipe {self._recipe.name!r} asks nothing that is called {control!r} (of type {kind!r}); use "
                "the interface of the export"
            )
        else:
            self._read_answer(self._controls[control], kind, name, value)

    def subjects(self, inputs: Mapping[str, str]) -> list[LabelledSubject]:
        """The subjects in the order of their boxes; what is answered and not asked is a problem."""
        if self._answers.keys() - self._boxes.keys() - self._drawn:
            self._problem("it holds an answer about no box; draw the box, and answer about it")
        return [
            LabelledSubject(box, self._asked(self._answers.get(name, {}), inputs)) for name, box in self._boxes.items()
        ]

    def _read_box(self, result: Mapping[str, Any], name: str, value: Mapping[str, Any]) -> None:
        label = self._recipe.find.kind
        self._drawn.add(name)
        if rotation := result.get("image_rotation"):
            self._problem(
                f"its picture was turned by {rotation} degrees in Label Studio, and its boxes with it; turn it back, "
                "and draw them anew"
            )
        elif value.get(_RECTANGLE) != [label]:
            self._problem(f"a box is labelled {value.get(_RECTANGLE)!r}, not {label}; label it anew")
        elif name in self._boxes:
            self._problem("two of its boxes have one id; delete one, and draw it anew")
        else:
            try:
                self._boxes[name] = _rounded(box_of(value))
            except InvalidTask as problem:
                self._problem(str(problem))

    def _read_answer(self, number: int, kind: object, name: str, value: Mapping[str, Any]) -> None:
        head = self._recipe.heads[number]
        expected = control_of(head)
        answer = value.get(expected) if kind == expected else None
        if answer in _CLEARED[expected]:
            return
        if expected is Control.CHOICES:
            answer = answer[0] if isinstance(answer, list) and len(answer) == 1 else None
        valid = _valid(head, answer)
        if valid is None:
            self._problem(f"{head.name} is {value.get(str(kind))!r}, not {_range(head)}; answer it anew")
        elif number in self._answers[name]:
            self._problem(f"{head.name} is answered twice about one subject; clear one of the answers")
        else:
            self._answers[name][number] = valid

    def _asked(self, answers: Mapping[int, Value], inputs: Mapping[str, str]) -> dict[str, Value]:
        heads = self._recipe.heads
        said = [answers.get(number) for number in range(len(heads))]
        asked = self._recipe.route([value if isinstance(value, str) else None for value in said], inputs)
        known = {**inputs, **{heads[number].name: value for number in asked if isinstance(value := said[number], str)}}
        for number in sorted(answers.keys() - asked):
            head = heads[number]
            stopped = self._recipe.asked(head, known)
            why = "an earlier answer ends the questions" if stopped else f"is asked only if {asked_when(head)}"
            self._problem(
                f"{head.name} is {answers[number]!r}, and {why}; correct the earlier answer, or clear this one"
            )
        return {heads[number].name: answers[number] for number in asked if number in answers}

    def _problem(self, text: str) -> None:
        self.problems.append(text)


def _valid(head: Head, value: object) -> Value | None:
    """The value, if the head can say it."""
    if head.score is None:
        return value if isinstance(value, str) and value in head.says else None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and head.score.low <= value <= head.score.high else None


def _range(head: Head) -> str:
    return ", ".join(head.says) if head.score is None else f"a number from {head.score.low:g} to {head.score.high:g}"


def _rounded(box: Box) -> Box:
    """With six decimals, as label files of detectors: percents there and back are not the same floats."""
    try:
        return Box(*(round(corner, 6) for corner in box.corners))
    except InvalidMessage:
        return box
