"""The import of reviewed photos: from Label Studio's JSON export into the dataset bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from contracts.classes import Classes
from contracts.instants import from_epoch_ms, to_epoch_ms
from contracts.yolo import format_labels
from imaging.decoding import PhotoRejected
from retrain.bucket import DatasetBucket, Tree, in_threads, label_text
from retrain.dataset.pictures import stored_form
from retrain.dataset.vetting.exposure import exposed
from retrain.review.answers import ParsedExport, ReviewAnswer, read_answers
from retrain.review.confidences import Results
from retrain.review.export import shown_people
from retrain.review.label_studio import Annotation, parse_annotation
from retrain.review.matching import changes, matched
from retrain.review.notes import Note, ReviewedPerson, last_note
from retrain.review.placing import picture_of, place


@dataclass(slots=True)
class ImportSummary:
    """The number of tasks by their result."""

    reviewed: int = 0
    golden: int = 0
    corrected: int = 0  # of reviewed and golden: the model's boxes or labels were changed
    doubled: int = 0  # boxes that were drawn again over the same box with the same label, and count once
    cannot_tell: int = 0
    unchanged: int = 0  # stored by an earlier import: the same answer, or one checked later
    waiting: int = 0
    missing: int = 0
    refused: list[str] = field(default_factory=list)


def read(file: Path, classes: Classes) -> ParsedExport[Annotation]:
    """The answers of Label Studio's JSON export. Of two tasks of the same photo, the one finished last counts.

    InvalidReview when the file is not such an export.
    """
    return read_answers(file, lambda annotation, _: parse_annotation(annotation, classes))


def store(
    export: ParsedExport[Annotation],
    bucket: DatasetBucket,
    results: Results,
    *,
    golden_share: float,
    missing_ok: bool = False,
) -> ImportSummary:
    """Store each answer that is new or differs from the stored one.

    InvalidReview, and nothing stored, when photos are in no tree any more, unless `missing_ok`.
    """
    learned = {reference for reference, _ in exposed(bucket)}
    placed = place(export, bucket, exposed=learned, golden_share=golden_share, missing_ok=missing_ok)
    summary = ImportSummary(waiting=export.waiting, missing=placed.missing, refused=list(export.refused))

    def keep(answer: ReviewAnswer[Annotation]) -> tuple[ReviewAnswer[Annotation], Tree, Note, bool | PhotoRejected]:
        earlier = last_note(answer.reference, bucket, lambda content: Note.from_json(content, bucket.classes))
        note = _note(answer, earlier, bucket, results)
        tree = placed.trees[answer.reference]
        if note.cannot_tell and answer.reference not in placed.golden:
            tree = Tree.REVIEWED  # the photo itself is not stored; a later note in golden/ takes precedence
        newer = earlier is not None and earlier.checked_at > answer.checked_at
        try:
            return answer, tree, note, not newer and _put(answer, tree, note, bucket)
        except PhotoRejected as rejection:
            return answer, tree, note, rejection

    with in_threads(keep, placed.answers) as kept:
        for answer, tree, note, written in kept:
            if isinstance(written, PhotoRejected):
                summary.refused.append(f"{answer.reference}: {written}; the photo was not stored")
            elif not written:
                summary.unchanged += 1
            elif answer.annotation.cannot_tell:
                summary.cannot_tell += 1
            else:
                summary.golden += tree is Tree.GOLDEN
                summary.reviewed += tree is Tree.REVIEWED
                summary.corrected += not note.agreed
                summary.doubled += answer.annotation.doubled
    return summary


def _note(answer: ReviewAnswer[Annotation], earlier: Note | None, bucket: DatasetBucket, results: Results) -> Note:
    """The answer compared with the model's labels. Those expire, so they are taken from the earlier note, if any."""
    if earlier is not None:
        predicted = [person.predicted for person in earlier.shown]
    else:
        labels = bucket.get(answer.reference.pair_keys(answer.source)[1]) or b""
        predicted = shown_people(label_text(labels), results.result(answer.reference), bucket.classes)
    people, cannot_tell = answer.annotation.people, answer.annotation.cannot_tell
    shown = tuple(
        ReviewedPerson(person, None if cannot_tell or match is None else people[match].label)
        for person, match in zip(predicted, matched(predicted, people), strict=True)
    )
    return Note(
        source=answer.source,
        sample=answer.sample,
        shown=shown,
        changed=() if cannot_tell else changes(predicted, people),
        checked_at=from_epoch_ms(to_epoch_ms(answer.checked_at)),
        cannot_tell=cannot_tell,
    )


def _put(answer: ReviewAnswer[Annotation], tree: Tree, note: Note, bucket: DatasetBucket) -> bool:
    """Store the answer; False when the same one is stored already. PhotoRejected when the picture is not whole."""
    reference = answer.reference
    labels_key = reference.pair_keys(tree)[1]
    text = note.to_json()
    noted_already = bucket.get(reference.note_key(tree)) == text.encode()
    if answer.annotation.cannot_tell:
        if not noted_already:
            bucket.put(reference.note_key(tree), text.encode(), "application/json")
        return not noted_already
    labels = format_labels(answer.annotation.people, bucket.classes)
    if noted_already and bucket.get(labels_key) == labels.encode():
        return False
    jpeg = stored_form(picture_of(answer, tree, bucket))
    bucket.put_pair(tree, reference, jpeg=jpeg, labels=labels, note=text)
    return True
