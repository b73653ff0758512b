"""What a person's check of a photo found out: `<tree>/notes/<kiosk>/<image>.json`, beside the pair.

A note without a pair is of a photo in which a person could not tell who is there: it is neither shown again nor
trained on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts.boxes import Box
from contracts.errors import InvalidMessage, InvalidName
from contracts.instants import from_text, to_text
from contracts.labels import Label
from contracts.names import RESULT_SUFFIX, Reference
from retrain.bucket import DatasetBucket, Tree
from retrain.review.matching import Change

SCHEMA: Final = 1
AT_ONCE: Final = 8  # objects read side by side; boto3 keeps ten connections
CHECKED: Final = (Tree.REVIEWED, Tree.GOLDEN)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReviewedPerson:
    """A person as the model had them, and what a person made of it: `now` is None when nobody is there."""

    label: Label
    box: Box
    confidence: float | None
    now: Label | None

    @property
    def right(self) -> bool:
        return self.now is self.label


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """`source`: the tree that the photo came from; `sample`: whether chance picked it among the sure."""

    source: Tree
    sample: bool
    shown: tuple[ReviewedPerson, ...]
    changed: tuple[Change, ...]
    checked_at: datetime
    cannot_tell: bool = False

    @property
    def agreed(self) -> bool:
        """Nothing was corrected, and the person could tell."""
        return not self.changed and not self.cannot_tell

    def to_json(self) -> str:
        fields = {
            "schema": SCHEMA,
            "from": self.source,
            "sample": self.sample,
            "shown": [
                {
                    "label": one.label,
                    "box": [one.box.x0, one.box.y0, one.box.x1, one.box.y1],
                    "confidence": one.confidence,
                    "now": one.now,
                }
                for one in self.shown
            ],
            "agreed": self.agreed,
            "changed": list(self.changed),
            "cannot_tell": self.cannot_tell,
            "checked_at": to_text(self.checked_at),
        }
        return json.dumps(fields, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Note:
        """InvalidMessage when it breaks the schema."""
        try:
            fields = json.loads(text)
            if fields["schema"] != SCHEMA:
                raise InvalidMessage(f"a note of schema {fields['schema']!r}, not {SCHEMA}; update this program")
            return cls(
                source=Tree(fields["from"]),
                sample=fields["sample"] is True,
                shown=tuple(map(_shown, fields["shown"])),
                changed=tuple(Change(one) for one in fields["changed"]),
                checked_at=from_text(fields["checked_at"]),
                cannot_tell=fields["cannot_tell"] is True,
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidMessage):
                raise
            raise InvalidMessage(f"a note does not follow schema {SCHEMA}: {error!r}; it is not counted") from error


def read_notes(bucket: DatasetBucket) -> dict[Reference, Note]:
    """Every photo that a person has checked, in the order of the references. A note that is none is logged."""
    keys = {reference: key for tree in CHECKED for reference, key in _keys(bucket, tree)}
    notes = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for reference, content in zip(keys, pool.map(bucket.get, keys.values()), strict=True):
            try:
                if content is not None and not _of_an_import(content):
                    notes[reference] = Note.from_json(content)
            except InvalidMessage as error:
                log.warning("s3://%s/%s: %s", bucket.name, keys[reference], error)
    return dict(sorted(notes.items()))


def noted(bucket: DatasetBucket) -> set[Reference]:
    """The photos that have a note, without reading any."""
    return {reference for tree in CHECKED for reference, _ in _keys(bucket, tree)}


def untellable(notes: Mapping[Reference, Note]) -> set[Reference]:
    """The photos that must teach nobody, wherever a pair of theirs lies."""
    return {reference for reference, note in notes.items() if note.cannot_tell}


def _of_an_import(content: bytes) -> bool:
    """Whether the note says where somebody's own picture came from: no model showed them anything."""
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


def _shown(fields: Mapping[str, Any]) -> ReviewedPerson:
    now, confidence = fields["now"], fields["confidence"]
    return ReviewedPerson(
        label=Label(fields["label"]),
        box=Box(*fields["box"]),
        confidence=None if confidence is None else float(confidence),
        now=None if now is None else Label(now),
    )
