"""Label Studio's files: tasks with the model's boxes as predictions, the labelling interface, and its JSON export.

A box there is `x y width height` in percent of the picture, from its upper left corner. The formats:
https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks and /guide/predictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from typing import Any, Final

from contracts import box_rules
from contracts.boxes import Box, LabelledBox
from contracts.classes import Classes
from contracts.errors import InvalidBox
from contracts.names import IMAGE_SUFFIX, Reference
from retrain.bucket import Tree, stem

CANNOT_TELL: Final = "cannot tell"
IMAGES: Final = "images"
_PHOTO, _LABEL, _DOUBT = "photo", "label", "doubt"  # names in the interface, which results refer to
# In the order of the classes, again from the first after the last.
_COLOURS: Final = ("#1f77b4", "#d62728", "#17becf", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#bcbd22")


class InvalidTask(Exception):
    """A task can't be imported; the message gives the reason and the remedy."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A person's answer about a photo: its people, or that they are unclear. `doubled`: boxes drawn again over one."""

    people: tuple[LabelledBox, ...]
    cannot_tell: bool
    doubled: int = 0


def label_config(classes: Classes) -> str:
    """The labelling interface. `category` keeps the class numbers in Label Studio's own exports to YOLO."""
    labels = "\n".join(
        f'    <Label value="{label}" category="{number}" background="{colour}" hotkey="{number + 1}"/>'
        for number, (label, colour) in enumerate(zip(classes, cycle(_COLOURS), strict=False))
    )
    return f"""<View>
  <Image name="{_PHOTO}" value="$image" zoom="true"/>
  <RectangleLabels name="{_LABEL}" toName="{_PHOTO}" canRotate="false">
{labels}
  </RectangleLabels>
  <Choices name="{_DOUBT}" toName="{_PHOTO}" choice="single" required="false">
    <Choice value="{CANNOT_TELL}" category="{len(classes)}"/>
  </Choices>
</View>
"""


def image_url(reference: Reference) -> str:
    """The picture's URL in Label Studio, if its document root is the folder of the export."""
    return f"/data/local-files/?d={IMAGES}/{stem(reference)}{IMAGE_SUFFIX}"


def task(
    reference: Reference,
    people: Sequence[LabelledBox],
    *,
    source: Tree,
    sample: bool,
    model: str,
    size: tuple[int, int] | None,
) -> dict[str, Any]:
    """A task with the model's boxes as its prediction. `size`: width and height in pixels; None if unknown."""
    prediction: dict[str, Any] = {
        "model_version": model,
        "result": [_result(person, index, size) for index, person in enumerate(people)],
    }
    scores = [person.confidence for person in people if person.confidence is not None]
    if scores:
        prediction["score"] = min(scores)  # a photo is as sure as its least sure person
    return {
        "data": {"image": image_url(reference), "photo": str(reference), "tree": source, "sample": sample},
        "predictions": [prediction],
    }


def _result(person: LabelledBox, index: int, size: tuple[int, int] | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "id": f"p{index}",
        "type": "rectanglelabels",
        "from_name": _LABEL,
        "to_name": _PHOTO,
        "image_rotation": 0,
        "value": {**percent_of(person.box), "rotation": 0, "rectanglelabels": [person.label]},
    }
    if size is not None:
        result["original_width"], result["original_height"] = size
    if person.confidence is not None:
        result["score"] = person.confidence
    return result


def percent_of(box: Box) -> dict[str, float]:
    """The rectangle in Label Studio's form."""
    return {
        "x": box.x0 * 100,
        "y": box.y0 * 100,
        "width": (box.x1 - box.x0) * 100,
        "height": (box.y1 - box.y0) * 100,
    }


def box_of(value: Mapping[str, Any]) -> Box:
    """The rectangle of a region's value, by the rules of `contracts/box_rules.py`. InvalidTask when it is rotated."""
    try:
        x, y, width, height = (box_rules.number(value[name]) for name in ("x", "y", "width", "height"))
        rotation = box_rules.number(value.get("rotation") or 0)
    except KeyError:
        raise InvalidTask("a region has no x, y, width and height; draw it anew") from None
    except InvalidBox as error:
        raise InvalidTask(f"a region has no x, y, width and height: {error}; draw it anew") from None
    if rotation % 360:
        raise InvalidTask(f"a box is turned by {rotation:g} degrees, which a YOLO label can't express; draw it upright")
    try:
        return box_rules.box_of(x / 100, y / 100, width / 100, height / 100)
    except InvalidBox as error:
        raise InvalidTask(f"{error}; draw it inside the picture, or remove it") from None


def parse_annotation(annotation: Mapping[str, Any], classes: Classes) -> Annotation:
    """The answer of an annotation; InvalidTask when it holds anything that the labelling interface doesn't offer."""
    people: list[LabelledBox] = []
    cannot_tell = False
    regions = annotation.get("result")
    if not isinstance(regions, list):
        raise InvalidTask("its annotation has no result; submit it again")
    for region in regions:
        kind = region.get("type") if isinstance(region, dict) else None
        value = region.get("value") if isinstance(region, dict) else None
        if not isinstance(value, dict) or kind not in ("rectanglelabels", "choices"):
            raise InvalidTask(f"it holds a region of type {kind!r}; use the labelling interface of the export")
        names = value.get(kind)
        if kind == "choices":
            if names != [CANNOT_TELL]:
                raise InvalidTask(
                    f"it holds the choice {names!r}, not {CANNOT_TELL!r}; use the labelling interface of the export"
                )
            cannot_tell = True
            continue
        if region.get("image_rotation"):
            raise InvalidTask(
                f"its picture was turned by {region['image_rotation']} degrees in Label Studio, and its boxes with it; "
                "turn it back, and draw them anew"
            )
        if not isinstance(names, list) or len(names) != 1 or names[0] not in classes:
            raise InvalidTask(f"a box is labelled {names!r}, which is not one of {', '.join(classes)}; label it anew")
        people.append(LabelledBox(names[0], box_of(value)))
    try:
        checked = box_rules.people_of(people)
    except InvalidBox as error:
        raise InvalidTask(f"{error}; delete the wrong one") from None
    return Annotation(checked.boxes, cannot_tell, checked.doubled)


def last_completed(annotations: Sequence[Any]) -> Mapping[str, Any] | None:
    """The annotation that was finished last; None when there is none, or all were skipped.

    InvalidTask when the time of one of several is missing or invalid.
    """
    completed = [annotation for annotation in annotations if isinstance(annotation, dict) and not _skipped(annotation)]
    return max(completed, key=_finished) if len(completed) > 1 else next(iter(completed), None)


def _finished(annotation: Mapping[str, Any]) -> tuple[datetime, int]:
    number = annotation.get("id")
    return finished_at(annotation), number if isinstance(number, int) else 0


def finished_at(annotation: Mapping[str, Any]) -> datetime:
    """The time of the last change, to the microsecond, in UTC. InvalidTask when it is missing, or has no time zone.

    Label Studio writes `2026-11-28T15:00:04.123456Z`, without a fraction when that is 0, and with the server's offset.
    """
    text = annotation.get("updated_at") or annotation.get("created_at") or ""
    try:
        instant = datetime.fromisoformat(str(text).strip())
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidTask(
        f"its annotation was changed at {str(text)[:40]!r}, which is not a time with its zone; export it from Label "
        "Studio as JSON again"
    )


def _skipped(annotation: Mapping[str, Any]) -> bool:
    return bool(annotation.get("was_cancelled") or annotation.get("skipped"))
