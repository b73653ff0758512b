"""Reads label facts from the dataset bucket: the model's own labels, before and after its training dataset."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from contracts.classes import Classes
from contracts.errors import InvalidLabelFile
from contracts.formulas.draws import stable_draw
from contracts.names import Reference
from contracts.yolo import parse_labels
from recipes.kiosk.message import Result
from retrain.bucket import DatasetBucket, Pair, Tree, in_threads
from retrain.bursts import iso_week
from retrain.drift.guard import LabelFact
from retrain.review.confidences import Results
from retrain.review.notes import Note, read_notes

MAX_PHOTOS: Final = 4000  # read of each side: shares are within a percent, and S3 answers within seconds


def gather_facts(
    bucket: DatasetBucket, results: Results | None, *, since: datetime | None, most: int = MAX_PHOTOS
) -> tuple[list[LabelFact], list[LabelFact]]:
    """The label facts of photos after `since`, the incumbent's dataset, and of those before; None: all are new.

    They come from auto/ and review/, not from a dataset, whose shares are balanced on purpose. Of more than `most`
    photos, a deterministic draw by name is read, and the checked photos of the random sample.
    """
    notes = read_notes(bucket)
    pairs = [pair for tree in (Tree.AUTO, Tree.REVIEW) for pair in bucket.pairs(tree)]
    new = [pair for pair in pairs if since is None or pair.added_at > since]
    earlier = [pair for pair in pairs if since is not None and pair.added_at <= since]
    return _facts(new, notes, bucket, results, most), _facts(earlier, notes, bucket, results, most)


def _facts(
    pairs: list[Pair], notes: Mapping[Reference, Note], bucket: DatasetBucket, results: Results | None, most: int
) -> list[LabelFact]:
    ordered = sorted(pairs, key=lambda pair: stable_draw("drift", str(pair.reference)))
    chosen, rest = ordered[:most], ordered[most:]
    checked = [pair for pair in rest if pair.reference in notes and notes[pair.reference].sample]
    decisions = results.of(pair.reference for pair in chosen) if results else {}
    with in_threads(bucket.labels, [*chosen, *checked]) as label_files:
        texts = list(label_files)
    facts = [
        fact(
            pair,
            text,
            notes.get(pair.reference),
            decisions.get(pair.reference),
            bucket.classes,
            drawn=place < len(chosen),
        )
        for place, (pair, text) in enumerate(zip([*chosen, *checked], texts, strict=True))
        if text is not None  # None: it expired after the listing
    ]
    return [label_fact for label_fact in facts if label_fact is not None]


def fact(
    pair: Pair, labels: str, note: Note | None, result: Result | None, classes: Classes, *, drawn: bool = True
) -> LabelFact | None:
    """The label fact of one photo of auto/ or review/; None when its label file is invalid."""
    try:
        people = tuple(person.label for person in parse_labels(labels, classes))
    except InvalidLabelFile:
        return None
    confidences = [person.confidence for person in result.message.people] if result else []
    if not confidences and note is not None:
        confidences = [confidence for person in note.shown if (confidence := person.predicted.confidence) is not None]
    checked = note.shown if note is not None and note.sample and not note.cannot_tell else ()
    return LabelFact(
        kiosk=pair.reference.kiosk_id,
        week=iso_week(pair.reference),
        labels=people,
        sure=pair.tree is Tree.AUTO,
        confidence=min(confidences, default=None),
        checked=len(checked),
        right=sum(person.right for person in checked),
        drawn=drawn,
    )
