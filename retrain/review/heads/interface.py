"""A recipe → Label Studio's labelling interface: the boxes of its subjects, and a control for each head. Pure.

The tags and their attributes: https://labelstud.io/tags/choices, /rating, /number, /view. A head's `when` hides its
control, as far as it names an answer. What the interface can't express, its heading says, and the import checks: an
input (an interface is one for all photos), and a question that several heads answer with the same value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final
from xml.etree import ElementTree as ET

from recipes.recipe import Finder, Head, Recipe

PHOTO: Final = "photo"  # names in the interface, which results refer to
SUBJECT: Final = "subject"
INPUTS: Final = "shown"  # the name in a task's data of its inputs as text
_MOST_STARS: Final = 10
_STEP: Final = "0.01"  # of a number's field


class Control(StrEnum):
    """What a question is answered with; the value is the type of its results in Label Studio's JSON."""

    CHOICES = "choices"
    RATING = "rating"  # stars
    NUMBER = "number"


def has_boxes(recipe: Recipe) -> bool:
    """Whether subjects have boxes; otherwise the whole photo is the one subject."""
    return recipe.find.kind is not Finder.WHOLE


def control_of(head: Head) -> Control:
    """Stars for a score from 1 to a small whole number, a number for any other."""
    if head.score is None:
        return Control.CHOICES
    low, high = head.score.low, head.score.high
    return Control.RATING if low == 1 and high == int(high) and high <= _MOST_STARS else Control.NUMBER


def controls(recipe: Recipe) -> dict[str, int]:
    """The heads that people answer for, by the names of their controls, which are unique.

    A colour is measured, so it is left out, and so is each head that is asked only after it: label files hold neither.
    """
    numbers: list[int] = []
    for number, head in enumerate(recipe.heads):
        asked = all(name in recipe.inputs or _saying(recipe, numbers, name, head.when[name]) for name in head.when)
        if head.colour is None and asked:
            numbers.append(number)
    return {_name(recipe, number): number for number in numbers}


def label_config(recipe: Recipe) -> str:
    """The labelling interface, as XML."""
    view = ET.Element("View")
    ET.SubElement(view, "Image", name=PHOTO, value="$image", zoom="true")
    if recipe.inputs:
        ET.SubElement(view, "Header", value=f"${INPUTS}")
    if has_boxes(recipe):
        boxes = ET.SubElement(view, "RectangleLabels", name=SUBJECT, toName=PHOTO, canRotate="false")
        ET.SubElement(boxes, "Label", value=recipe.find.kind)
    for name, number in controls(recipe).items():
        _ask(view, recipe, name, number)
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def asked_when(head: Head) -> str:
    """The condition of a head, as text; empty without one."""
    return " and ".join(f"{name} is {value}" for name, value in head.when.items())


def _ask(view: ET.Element, recipe: Recipe, name: str, number: int) -> None:
    head = recipe.heads[number]
    conditions = _conditions(recipe, number)
    for condition in conditions:
        view = ET.SubElement(view, "View", dict(condition))
    ET.SubElement(view, "Header", value=f"{head.name}, if {asked_when(head)}" if head.when else head.name)
    common = {"name": name, "toName": PHOTO} | ({"perRegion": "true"} if has_boxes(recipe) else {})
    if head.score is None:
        # Its own condition, too: a choice that was made before it was hidden is then not submitted.
        hidden = dict(conditions[-1]) if conditions else {}
        choices = ET.SubElement(view, "Choices", common | {"choice": "single", "showInline": "true"} | hidden)
        for value in head.says:
            ET.SubElement(choices, "Choice", value=value)
    elif control_of(head) is Control.RATING:
        ET.SubElement(view, "Rating", common | {"maxRating": f"{head.score.high:g}"})
    else:
        limits = {"min": f"{head.score.low:g}", "max": f"{head.score.high:g}", "step": _STEP}
        ET.SubElement(view, "Number", common | limits)


def _conditions(recipe: Recipe, number: int) -> list[Mapping[str, str]]:
    """The conditions of a control that the interface can express, as attributes."""
    known = controls(recipe)
    conditions = []
    for name, value in recipe.heads[number].when.items():
        saying = _saying(recipe, list(known.values()), name, value)  # of an input: none
        if len(saying) == 1:
            conditions.append(_condition("choice-selected", _name(recipe, saying[0]), value))
    for earlier in known.values():
        if earlier < number and recipe.heads[earlier].stop_at:
            stops = ",".join(recipe.heads[earlier].stop_at)
            conditions.append(_condition("choice-unselected", _name(recipe, earlier), stops))
    return conditions


def _condition(kind: str, control: str, values: str) -> Mapping[str, str]:
    return {"visibleWhen": kind, "whenTagName": control, "whenChoiceValue": values}


def _saying(recipe: Recipe, numbers: Sequence[int], question: str, value: str) -> list[int]:
    """Those of the heads that answer a question with a value."""
    heads = recipe.heads
    return [number for number in numbers if heads[number].name == question and value in heads[number].says]


def _name(recipe: Recipe, number: int) -> str:
    """With the head's number: several heads may share a name, and none is called as the photo or the boxes are."""
    return f"{recipe.heads[number].name}-{number}"
