"""What the dataset bucket tells about drift: the model's own labels, before and after the incumbent learnt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from contracts.draws import stable_draw
from contracts.errors import InvalidLabelFile
from contracts.messages import Result
from contracts.names import Reference
from contracts.yolo import parse_labels
from retrain.bucket import DatasetBucket, Pair, Tree, in_threads
from retrain.bursts import iso_week
from retrain.drift.guard import LabelFact
from retrain.review.confidences import Results
from retrain.review.notes import Note, read_notes

MOST: Final = 4000  # photos read of each side: shares are then within a percent, and S3 is asked for some seconds


def gather_facts(
    bucket: DatasetBucket, results: Results, *, since: datetime | None, most: int = MOST
) -> tuple[list[LabelFact], list[LabelFact]]:
    """The photos that came after `since`, when the incumbent's dataset was built, and those before; None: all are new.

    They are read from auto/ and review/, not from a dataset, whose shares were balanced on purpose. Of more than `most`
    a draw by name is read, and whatever of the random sample a person has looked at.
    """
    notes = read_notes(bucket)
    pairs = [pair for tree in (Tree.AUTO, Tree.REVIEW) for pair in bucket.pairs(tree)]
    new = [pair for pair in pairs if since is None or pair.added_at > since]
    earlier = [pair for pair in pairs if since is not None and pair.added_at <= since]
    return _facts(new, notes, bucket, results, most), _facts(earlier, notes, bucket, results, most)


def _facts(
    pairs: list[Pair], notes: Mapping[Reference, Note], bucket: DatasetBucket, results: Results, most: int
) -> list[LabelFact]:
    by_draw = sorted(pairs, key=lambda pair: stable_draw("drift", str(pair.reference)))
    chosen, rest = by_draw[:most], by_draw[most:]
    checked = [pair for pair in rest if pair.reference in notes and notes[pair.reference].sample]
    known = results.of(pair.reference for pair in chosen)
    with in_threads(bucket.labels, [*chosen, *checked]) as label_files:
        texts = list(label_files)
    facts = []
    for place, (pair, text) in enumerate(zip([*chosen, *checked], texts, strict=True)):
        if text is not None:  # otherwise it has expired since
            found = fact(pair, text, notes.get(pair.reference), known.get(pair.reference), drawn_=place < len(chosen))
            if found is not None:
                facts.append(found)
    return facts


def fact(pair: Pair, labels: str, note: Note | None, result: Result | None, *, drawn_: bool = True) -> LabelFact | None:
    """What is known of one photo of auto/ or review/; None when its label file is broken."""
    try:
        people = tuple(person.label for person in parse_labels(labels))
    except InvalidLabelFile:
        return None
    told = [person.confidence for person in result.message.people] if result else []
    if not told and note is not None:
        told = [confidence for person in note.shown if (confidence := person.predicted.confidence) is not None]
    looked_at = note is not None and note.sample and not note.cannot_tell
    return LabelFact(
        kiosk=pair.reference.kiosk_id,
        week=iso_week(pair.reference),
        labels=people,
        sure=pair.tree is Tree.AUTO,
        confidence=min(told, default=None),
        checked=len(note.shown) if note is not None and looked_at else 0,
        right=sum(one.right for one in note.shown) if note is not None and looked_at else 0,
        drawn=drawn_,
    )
