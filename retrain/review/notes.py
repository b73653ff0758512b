"""Notes: the result of a person's check of a photo, `<tree>/notes/<kiosk>/<image>.json`, beside the pair.

A note without a pair is of a photo whose labels a person could not tell: it is neither shown again nor trained on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from contracts.boxes import Box, LabelledBox
from contracts.classes import Classes
from contracts.errors import InvalidMessage, InvalidName
from contracts.instants import from_text, to_text
from contracts.names import RESULT_SUFFIX, Reference
from contracts.schema import reading
from retrain.bucket import DatasetBucket, Tree, in_threads
from retrain.review.matching import Change

SCHEMA: Final = 1
CHECKED: Final = (Tree.REVIEWED, Tree.GOLDEN)

log = logging.getLogger(__name__)
_Note = TypeVar("_Note")


@dataclass(frozen=True, slots=True)
class ReviewedPerson:
    """A person as the model predicted them, and the label that a person left: None when they removed the box."""

    predicted: LabelledBox
    label: str | None

    @property
    def right(self) -> bool:
        return self.label == self.predicted.label


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """`source`: the tree that the photo came from; `sample`: whether it belongs to the random sample of the sure."""

    source: Tree
    sample: bool
    shown: tuple[ReviewedPerson, ...]
    changed: tuple[Change, ...]
    checked_at: datetime
    cannot_tell: bool = False

    @property
    def agreed(self) -> bool:
        """Whether the person could tell the labels, and corrected nothing."""
        return not self.changed and not self.cannot_tell

    def to_json(self) -> str:
        fields = {
            "schema": SCHEMA,
            "from": self.source,
            "sample": self.sample,
            "shown": [
                {
                    "label": person.predicted.label,
                    "box": list(person.predicted.box.corners),
                    "confidence": person.predicted.confidence,
                    "now": person.label,
                }
                for person in self.shown
            ],
            "agreed": self.agreed,
            "changed": list(self.changed),
            "cannot_tell": self.cannot_tell,
            "checked_at": to_text(self.checked_at),
        }
        return json.dumps(fields, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes, classes: Classes) -> Note:
        """InvalidMessage when the text breaks the schema, or a label is none of the classes."""
        with reading("review note", text, schema=SCHEMA) as fields:
            return cls(
                source=Tree(fields["from"]),
                sample=fields["sample"] is True,
                shown=tuple(_shown(person, classes) for person in fields["shown"]),
                changed=tuple(map(Change, fields["changed"])),
                checked_at=from_text(fields["checked_at"]),
                cannot_tell=fields["cannot_tell"] is True,
            )


def read_notes(bucket: DatasetBucket) -> dict[Reference, Note]:
    """The notes of all checked photos, in the order of their references. An invalid note is logged and skipped."""
    keys = {reference: key for tree in CHECKED for reference, key in _keys(bucket, tree)}
    notes = {}
    with in_threads(bucket.get, list(keys.values())) as contents:
        for reference, content in zip(keys, contents, strict=True):
            try:
                if content is not None and not _is_of_import(content):
                    notes[reference] = Note.from_json(content, bucket.classes)
            except InvalidMessage as error:
                log.warning("s3://%s/%s: %s", bucket.name, keys[reference], error)
    return dict(sorted(notes.items()))


def noted(bucket: DatasetBucket) -> set[Reference]:
    """The photos that have a note, by the keys alone."""
    return {reference for tree in CHECKED for reference, _ in _keys(bucket, tree)}


def _is_of_import(content: bytes) -> bool:
    """Whether the note is of an imported picture, which no model has labelled."""
    try:
        fields = json.loads(content)
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("from") == "import"


def _keys(bucket: DatasetBucket, tree: Tree) -> Iterator[tuple[Reference, str]]:
    prefix = f"{tree}/notes/"
    for key in bucket.keys(prefix):
        try:
            yield Reference.parse(key.removeprefix(prefix).removesuffix(RESULT_SUFFIX)), key
        except InvalidName:
            continue


def _shown(fields: Mapping[str, Any], classes: Classes) -> ReviewedPerson:
    confidence, label = fields["confidence"], fields["now"]
    predicted = LabelledBox(
        _known(fields["label"], classes), Box(*fields["box"]), None if confidence is None else float(confidence)
    )
    return ReviewedPerson(predicted, None if label is None else _known(label, classes))


def _known(label: str, classes: Classes) -> str:
    if label not in classes:
        raise ValueError(f"{label!r} is not one of {', '.join(classes)}")
    return label


def last_note(reference: Reference, bucket: DatasetBucket, parse: Callable[[bytes], _Note]) -> _Note | None:
    """The note of a photo's last check; None without one, or when it is invalid: the next one replaces it.

    `parse` raises InvalidMessage.
    """
    for tree in reversed(CHECKED):
        content = bucket.get(reference.note_key(tree))
        if content is not None:
            try:
                return parse(content)
            except InvalidMessage:
                continue
    return None
