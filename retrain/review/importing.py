"""The import of reviewed photos: from Label Studio's JSON export into the dataset bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.classes import Classes
from contracts.errors import InvalidMessage
from contracts.instants import from_epoch_ms, to_epoch_ms
from contracts.names import Reference
from contracts.yolo import format_labels
from imaging.decoding import PhotoRejected
from retrain.bucket import DatasetBucket, Tree, in_threads, label_text
from retrain.dataset.pictures import stored_form
from retrain.dataset.vetting.exposure import exposed
from retrain.errors import InvalidReview
from retrain.review.confidences import Results
from retrain.review.export import shown_people
from retrain.review.label_studio import Annotation, InvalidTask, finished_at, last_completed, parse_annotation
from retrain.review.matching import changes, matched
from retrain.review.notes import CHECKED, Note, ReviewedPerson, noted
from retrain.review.split_assignment import assign_trees

_MAX_NAMED: Final = 3  # missing photos that an error names, to stay readable
_SOURCES: Final = (Tree.AUTO, Tree.REVIEW)


@dataclass(frozen=True, slots=True)
class ReviewAnswer:
    """A person's answer about a photo."""

    reference: Reference
    source: Tree
    sample: bool
    annotation: Annotation
    checked_at: datetime  # to the microsecond: of two answers the later counts


@dataclass(frozen=True, slots=True)
class ParsedExport:
    """A parsed export. `refused`: for each invalid task, the reason."""

    answers: tuple[ReviewAnswer, ...]
    waiting: int  # tasks that were not submitted, or were skipped
    refused: tuple[str, ...]


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


def read(file: Path, classes: Classes) -> ParsedExport:
    """The answers of Label Studio's JSON export. Of two tasks of the same photo, the one finished last counts.

    InvalidReview when the file is not such an export.
    """
    answers: dict[Reference, ReviewAnswer] = {}
    waiting = 0
    refused: list[str] = []
    for number, task in enumerate(_tasks(file), start=1):
        try:
            answer = _answer(task, classes)
        except InvalidTask as reason:
            refused.append(f"task {task.get('id', f'number {number}')}: {reason}")
            continue
        if answer is None:
            waiting += 1
        elif answer.reference not in answers or answers[answer.reference].checked_at <= answer.checked_at:
            answers[answer.reference] = answer
    return ParsedExport(tuple(answers.values()), waiting, tuple(refused))


def _tasks(file: Path) -> Sequence[Mapping[str, Any]]:
    """InvalidReview unless each task is one of `nunchi review export`, with annotations in Label Studio's JSON."""
    remedy = "nothing was stored. In Label Studio: Export, JSON (not JSON-MIN)"
    try:
        tasks = json.loads(file.read_bytes())
    except OSError as error:
        raise InvalidReview(f"{file} can't be read ({error.strerror}); nothing was stored") from None
    except (ValueError, RecursionError):
        raise InvalidReview(f"{file} is not JSON; {remedy}") from None
    if not isinstance(tasks, list):
        raise InvalidReview(f"{file} is not a list of tasks; {remedy}")
    for task in tasks:
        if not isinstance(task, dict) or not isinstance(task.get("annotations"), list):
            raise InvalidReview(f"{file} holds a task without annotations: not Label Studio's JSON export; {remedy}")
        if not isinstance(task.get("data"), dict) or "photo" not in task["data"]:
            raise InvalidReview(
                f"{file}: task {task.get('id')} names no photo, so it is not of nunchi review export; nothing was "
                "stored. Export the project into which you imported its tasks.json"
            )
    return tasks


def _answer(task: Mapping[str, Any], classes: Classes) -> ReviewAnswer | None:
    """The answer of a task; None while it has no submitted annotation. InvalidTask when it is invalid."""
    annotation = last_completed(task["annotations"])
    if annotation is None:
        return None
    data = task["data"]
    try:
        reference, source = Reference.parse(str(data["photo"])), Tree(data["tree"])
    except (KeyError, ValueError) as error:  # InvalidName and InvalidMessage are ValueErrors
        raise InvalidTask(f"{error}; import the tasks.json of nunchi review export as it is") from None
    if source not in _SOURCES:
        raise InvalidTask(
            f"its photo is of {source}/, from where nothing is exported; import the tasks.json of nunchi review export "
            "as it is"
        )
    # The random sample is of the sure only: an unsure photo in it would bias the agreement.
    sample = data.get("sample") is True and source is Tree.AUTO
    return ReviewAnswer(reference, source, sample, parse_annotation(annotation, classes), finished_at(annotation))


def store(
    export: ParsedExport,
    bucket: DatasetBucket,
    results: Results,
    *,
    golden_share: float,
    missing_ok: bool = False,
) -> ImportSummary:
    """Store each answer that is new or differs from the stored one.

    InvalidReview, and nothing stored, when photos are in no tree any more, unless `missing_ok`.
    """
    stored = {tree: {pair.reference for pair in bucket.pairs(tree)} for tree in Tree}
    listed = set[Reference]().union(*stored.values(), noted(bucket))
    missing = [answer.reference for answer in export.answers if answer.reference not in listed]
    if missing and not missing_ok:
        more = f" and {len(missing) - _MAX_NAMED} more" if len(missing) > _MAX_NAMED else ""
        raise InvalidReview(
            f"{', '.join(map(str, missing[:_MAX_NAMED]))}{more}: not in s3://{bucket.name}, or no more; nothing was "
            "stored. Is this the export of another cloud? If they have expired, --missing-ok leaves them out"
        )
    answers = [answer for answer in export.answers if answer.reference in listed]
    trees = assign_trees(
        (answer.reference for answer in answers),
        reviewed=stored[Tree.REVIEWED],
        golden=stored[Tree.GOLDEN],
        exposed={reference for reference, _ in exposed(bucket)},
        listed=listed,
        golden_share=golden_share,
    )
    summary = ImportSummary(waiting=export.waiting, missing=len(missing), refused=list(export.refused))

    def keep(answer: ReviewAnswer) -> tuple[ReviewAnswer, Tree, Note, bool | PhotoRejected]:
        earlier = _earlier(answer.reference, bucket)
        note = _note(answer, earlier, bucket, results)
        tree = trees[answer.reference]
        if note.cannot_tell and answer.reference not in stored[Tree.GOLDEN]:
            tree = Tree.REVIEWED  # the photo itself is not stored; a later note in golden/ takes precedence
        newer = earlier is not None and earlier.checked_at > answer.checked_at
        try:
            return answer, tree, note, not newer and _put(answer, tree, note, bucket)
        except PhotoRejected as rejection:
            return answer, tree, note, rejection

    with in_threads(keep, answers) as kept:
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


def _note(answer: ReviewAnswer, earlier: Note | None, bucket: DatasetBucket, results: Results) -> Note:
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


def _earlier(reference: Reference, bucket: DatasetBucket) -> Note | None:
    """The note of the last check; None without one, or when it is invalid."""
    for tree in reversed(CHECKED):
        content = bucket.get(reference.note_key(tree))
        if content is not None:
            try:
                return Note.from_json(content, bucket.classes)
            except InvalidMessage:
                continue  # the new note replaces it
    return None


def _put(answer: ReviewAnswer, tree: Tree, note: Note, bucket: DatasetBucket) -> bool:
    """Store the answer; False when the same one is stored already. PhotoRejected when the picture is not whole."""
    reference = answer.reference
    image_key, labels_key = reference.pair_keys(tree)
    text = note.to_json()
    noted_already = bucket.get(reference.note_key(tree)) == text.encode()
    if answer.annotation.cannot_tell:
        if not noted_already:
            bucket.put(reference.note_key(tree), text.encode(), "application/json")
        return not noted_already
    labels = format_labels(answer.annotation.people, bucket.classes)
    if noted_already and bucket.get(labels_key) == labels.encode():
        return False
    for tree_of_image in (answer.source, *CHECKED):
        jpeg = bucket.get(reference.pair_keys(tree_of_image)[0])
        if jpeg is not None:
            bucket.put_pair(tree, reference, jpeg=stored_form(jpeg), labels=labels, note=text)
            return True
    raise InvalidReview(
        f"s3://{bucket.name}/{image_key}: the photo of {reference} expired while it was imported; those before it are "
        "stored. Import the file again with --missing-ok"
    )
