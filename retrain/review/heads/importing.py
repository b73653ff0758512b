"""The import of a recipe's reviewed photos: from Label Studio's JSON export into the dataset bucket."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from contracts.boxes import LabelledBox
from contracts.errors import InvalidMessage
from contracts.instants import from_epoch_ms, to_epoch_ms
from contracts.names import JSON_LABELS
from contracts.subject_labels import LabelledSubject, SubjectLabels
from imaging.decoding import PhotoRejected
from recipes.recipe import Recipe
from retrain.bucket import DatasetBucket, Tree, in_threads
from retrain.dataset.pictures import stored_form
from retrain.review.answers import ParsedExport, ReviewAnswer, read_answers
from retrain.review.heads.notes import SubjectsNote
from retrain.review.heads.tasks import SubjectsAnnotation, parse_annotation
from retrain.review.importing import ImportSummary
from retrain.review.matching import changes, matched
from retrain.review.notes import last_note
from retrain.review.placing import picture_of, place

Answer = ReviewAnswer[SubjectsAnnotation]


def read(file: Path, recipe: Recipe) -> ParsedExport[SubjectsAnnotation]:
    """The answers of Label Studio's JSON export. Of two tasks of the same photo, the one finished last counts.

    InvalidReview when the file is not such an export.
    """
    return read_answers(file, partial(parse_annotation, recipe))


def store(
    export: ParsedExport[SubjectsAnnotation],
    bucket: DatasetBucket,
    *,
    golden_share: float,
    missing_ok: bool = False,
) -> ImportSummary:
    """Store each answer that is new or differs from the stored one. `bucket` lists label files in JSON.

    A training may have learned from every photo of auto/, so none of them becomes golden. InvalidReview, and nothing
    stored, when photos are in no tree any more, unless `missing_ok`.
    """
    learned = {pair.reference for pair in bucket.pairs(Tree.AUTO)}
    placed = place(export, bucket, exposed=learned, golden_share=golden_share, missing_ok=missing_ok)
    summary = ImportSummary(waiting=export.waiting, missing=placed.missing, refused=list(export.refused))

    def keep(answer: Answer) -> tuple[Answer, Tree, SubjectsNote, bool | PhotoRejected]:
        tree = placed.trees[answer.reference]
        earlier = last_note(answer.reference, bucket, SubjectsNote.from_json)
        note = _note(answer, earlier, bucket)
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
            else:
                summary.golden += tree is Tree.GOLDEN
                summary.reviewed += tree is Tree.REVIEWED
                summary.corrected += note.corrected
                summary.doubled += answer.annotation.doubled
    return summary


def is_corrected(shown: Sequence[LabelledSubject], checked: Sequence[LabelledSubject]) -> bool:
    """Whether a person changed a box or an answer of the model's. An answer to a question that it left open is none."""
    before, after = ([LabelledBox("", subject.box) for subject in subjects] for subjects in (shown, checked))
    if changes(before, after):
        return True
    return any(
        match is not None and not subject.answers.items() <= checked[match].answers.items()
        for subject, match in zip(shown, matched(before, after), strict=True)
    )


def _note(answer: Answer, earlier: SubjectsNote | None, bucket: DatasetBucket) -> SubjectsNote:
    """The answer compared with what the model said. That expires; then the earlier note says whether it was right."""
    corrected = earlier is not None and earlier.corrected
    text = bucket.get(answer.reference.pair_keys(answer.source, JSON_LABELS)[1])
    if text is not None:
        try:
            shown = SubjectLabels.from_json(text).subjects
        except InvalidMessage:
            shown = ()
        corrected = is_corrected(shown, answer.annotation.labels.subjects)
    return SubjectsNote(
        source=answer.source,
        sample=answer.sample,
        corrected=corrected,
        checked_at=from_epoch_ms(to_epoch_ms(answer.checked_at)),
    )


def _put(answer: Answer, tree: Tree, note: SubjectsNote, bucket: DatasetBucket) -> bool:
    """Store the answer; False when the same one is stored already. PhotoRejected when the picture is not whole."""
    reference = answer.reference
    labels_key = reference.pair_keys(tree, JSON_LABELS)[1]
    text, labels = note.to_json(), answer.annotation.labels.to_json() + "\n"
    if bucket.get(reference.note_key(tree)) == text.encode() and bucket.get(labels_key) == labels.encode():
        return False
    jpeg = stored_form(picture_of(answer, tree, bucket))
    bucket.put_pair(tree, reference, jpeg=jpeg, labels=labels, note=text)
    return True
