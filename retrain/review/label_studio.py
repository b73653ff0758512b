"""Label Studio's files: tasks with the model's boxes as predictions, the labelling interface, and its JSON export.

A box there is `x y width height` in percent of the picture, from its upper left corner. The form of each file:
https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks and /guide/predictions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from contracts.boxes import Box
from contracts.errors import InvalidMessage
from contracts.labels import LABELS, Label
from contracts.names import IMAGE_SUFFIX, Reference
from retrain.bucket import Tree, stem

CANNOT_TELL: Final = "cannot tell"
IMAGES: Final = "images"
_PHOTO, _LABEL, _DOUBT = "photo", "label", "doubt"  # names of the interface's parts, which results refer to
_COLOURS: Final = ("#1f77b4", "#d62728", "#17becf", "#ff7f0e")
_SLACK: Final = 0.5  # percent that a hand-drawn box may leave the picture by; it is cut off there


class InvalidTask(Exception):
    """One task says nothing that can be learnt; the message says why, and what to do."""


class ShownPerson(NamedTuple):
    """A person as the model saw them; how sure it was is not known for ever."""

    label: Label
    box: Box
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a person left of a photo: who is there, or that it cannot be told."""

    people: tuple[tuple[Label, Box], ...]
    cannot_tell: bool


def label_config() -> str:
    """The labelling interface. `category` keeps our class numbers in Label Studio's own exports to YOLO."""
    labels = "\n".join(
        f'    <Label value="{label}" category="{label.yolo_class}" background="{colour}" hotkey="{place}"/>'
        for place, (label, colour) in enumerate(zip(LABELS, _COLOURS, strict=True), start=1)
    )
    return f"""<View>
  <Image name="{_PHOTO}" value="$image" zoom="true"/>
  <RectangleLabels name="{_LABEL}" toName="{_PHOTO}" canRotate="false">
{labels}
  </RectangleLabels>
  <Choices name="{_DOUBT}" toName="{_PHOTO}" choice="single" required="false">
    <Choice value="{CANNOT_TELL}" category="{len(LABELS)}"/>
  </Choices>
</View>
"""


def image_url(reference: Reference) -> str:
    """Where Label Studio finds the picture, given that its document root is the export's folder."""
    return f"/data/local-files/?d={IMAGES}/{stem(reference)}{IMAGE_SUFFIX}"


def task(
    reference: Reference,
    people: Sequence[ShownPerson],
    *,
    source: Tree,
    sample: bool,
    model: str,
    size: tuple[int, int] | None,
) -> dict[str, Any]:
    """One task, with the people that the model saw. `size`: width and height in pixels."""
    prediction: dict[str, Any] = {
        "model_version": model,
        "result": [_result(one, place, size) for place, one in enumerate(people)],
    }
    scores = [one.confidence for one in people if one.confidence is not None]
    if scores:
        prediction["score"] = min(scores)  # as sure of the photo as of the one it is least sure of
    return {
        "data": {"image": image_url(reference), "photo": str(reference), "tree": source, "sample": sample},
        "predictions": [prediction],
    }


def _result(seen: ShownPerson, place: int, size: tuple[int, int] | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "id": f"p{place}",
        "type": "rectanglelabels",
        "from_name": _LABEL,
        "to_name": _PHOTO,
        "image_rotation": 0,
        "value": {**percent_of(seen.box), "rotation": 0, "rectanglelabels": [seen.label]},
    }
    if size is not None:
        result["original_width"], result["original_height"] = size
    if seen.confidence is not None:
        result["score"] = seen.confidence
    return result


def percent_of(box: Box) -> dict[str, float]:
    """The rectangle as Label Studio writes it."""
    return {
        "x": box.x0 * 100,
        "y": box.y0 * 100,
        "width": (box.x1 - box.x0) * 100,
        "height": (box.y1 - box.y0) * 100,
    }


def box_of(value: Mapping[str, Any]) -> Box:
    """The rectangle of a region's value; InvalidTask when it is turned, outside, or no rectangle."""
    try:
        x, y, width, height = (float(value[name]) for name in ("x", "y", "width", "height"))
        rotation = float(value.get("rotation") or 0)
    except (KeyError, TypeError, ValueError):
        raise InvalidTask("a region has no x, y, width and height; draw it anew") from None
    if rotation % 360:
        raise InvalidTask(f"a box is turned by {rotation:g} degrees, which no YOLO label can say; draw it upright")
    corners = (x, y, x + width, y + height)
    if not all(math.isfinite(one) and -_SLACK <= one <= 100 + _SLACK for one in corners):
        raise InvalidTask("a box leaves the picture; draw it inside")
    try:
        return Box(*(min(max(one / 100, 0.0), 1.0) for one in corners))
    except InvalidMessage:
        raise InvalidTask("a box has no area; remove it, or draw it anew") from None


def drawing_of(annotation: Mapping[str, Any]) -> Annotation:
    """What an annotation says; InvalidTask when that can't be learnt."""
    people: list[tuple[Label, Box]] = []
    cannot_tell = False
    regions = annotation.get("result")
    if not isinstance(regions, list):
        raise InvalidTask("its annotation has no result; submit it again")
    for region in regions:
        kind = region.get("type") if isinstance(region, dict) else None
        value = region.get("value") if isinstance(region, dict) else None
        if not isinstance(value, dict) or kind not in ("rectanglelabels", "choices"):
            raise InvalidTask(f"it holds a region of type {kind!r}; use the labelling interface of the export")
        named = value.get(kind)
        if kind == "choices":
            if named != [CANNOT_TELL]:
                raise InvalidTask(f"it chose {named!r}, which is not {CANNOT_TELL!r}")
            cannot_tell = True
            continue
        if not isinstance(named, list) or len(named) != 1 or named[0] not in LABELS:
            raise InvalidTask(f"a box is labelled {named!r}, which is not one of {', '.join(LABELS)}")
        people.append((Label(named[0]), box_of(value)))
    return Annotation(tuple(people), cannot_tell)


def last_completed(annotations: Sequence[Any]) -> Mapping[str, Any] | None:
    """Of several annotators' the one finished last; None when all were skipped, or there is none."""
    done = [one for one in annotations if isinstance(one, dict) and not _skipped(one)]
    return max(done, key=_finished, default=None)


def _finished(annotation: Mapping[str, Any]) -> tuple[str, int]:
    # RFC 3339 in UTC, as Label Studio writes it, sorts by time.
    number = annotation.get("id")
    return finished_at(annotation), number if isinstance(number, int) else 0


def finished_at(annotation: Mapping[str, Any]) -> str:
    """When a person last changed it, as the file says; empty when it does not."""
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _skipped(annotation: Mapping[str, Any]) -> bool:
    return bool(annotation.get("was_cancelled") or annotation.get("skipped"))
