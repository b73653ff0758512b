"""A person's answers, out of Label Studio's JSON export and into the dataset bucket."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.errors import InvalidMessage
from contracts.instants import from_text
from contracts.names import Reference
from contracts.yolo import format_labels
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset.vetting.exposure import exposed
from retrain.errors import InvalidReview
from retrain.review.confidences import Results
from retrain.review.export import shown
from retrain.review.homes import Homes
from retrain.review.label_studio import Annotation, InvalidTask, ShownPerson, drawing_of, finished_at, last_completed
from retrain.review.matching import changes, matched
from retrain.review.notes import AT_ONCE, CHECKED, Note, ReviewedPerson, noted

_NAMED: Final = 3  # of what is missing, so that a message stays one that people read
_SOURCES: Final = (Tree.AUTO, Tree.REVIEW)


@dataclass(frozen=True, slots=True)
class ReviewAnswer:
    """What a person said of a photo."""

    reference: Reference
    source: Tree
    sample: bool
    drawing: Annotation
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class ParsedExport:
    """An export as it was read. `refused`: the tasks that can't be learnt from, each with its reason."""

    answers: tuple[ReviewAnswer, ...]
    waiting: int  # tasks that nobody has submitted, or that were skipped
    refused: tuple[str, ...]


@dataclass(slots=True)
class ImportSummary:
    """What became of the tasks of an export."""

    reviewed: int = 0
    golden: int = 0
    corrected: int = 0  # of those: what the model showed was changed
    cannot_tell: int = 0
    unchanged: int = 0  # stored by an earlier import, just like this or checked later
    waiting: int = 0
    missing: int = 0
    refused: list[str] = field(default_factory=list)


def read(file: Path) -> ParsedExport:
    """The answers of Label Studio's JSON export. Of two tasks of one photo the one finished last counts.

    InvalidReview when the file is none.
    """
    answers: dict[Reference, ReviewAnswer] = {}
    waiting = 0
    refused: list[str] = []
    for number, task in enumerate(_tasks(file), start=1):
        try:
            answer = _answer(task)
        except InvalidTask as reason:
            refused.append(f"task {task.get('id', f'number {number}')}: {reason}")
            continue
        if answer is None:
            waiting += 1
        elif answer.reference not in answers or answers[answer.reference].checked_at <= answer.checked_at:
            answers[answer.reference] = answer
    return ParsedExport(tuple(answers.values()), waiting, tuple(refused))


def _tasks(file: Path) -> Sequence[Mapping[str, Any]]:
    """InvalidReview unless every task is one of our export with annotations in Label Studio's JSON."""
    remedy = "nothing was stored. In Label Studio: Export, JSON (not JSON-MIN)"
    try:
        tasks = json.loads(file.read_bytes())
    except OSError as error:
        raise InvalidReview(f"{file} can't be read ({error.strerror}); nothing was stored") from None
    except ValueError:
        raise InvalidReview(f"{file} is not JSON; {remedy}") from None
    if not isinstance(tasks, list):
        raise InvalidReview(f"{file} is no list of tasks; {remedy}")
    for task in tasks:
        if not isinstance(task, dict) or not isinstance(task.get("annotations"), list):
            raise InvalidReview(f"{file} holds a task without annotations: not Label Studio's JSON export; {remedy}")
        if not isinstance(task.get("data"), dict) or "photo" not in task["data"]:
            raise InvalidReview(
                f"{file}: task {task.get('id')} names no photo, so it was not made by nunchi review export; nothing "
                "was stored. Export the project into which you imported its tasks.json"
            )
    return tasks


def _answer(task: Mapping[str, Any]) -> ReviewAnswer | None:
    """None while nobody has submitted one; InvalidTask when it can't be learnt."""
    annotation = last_completed(task["annotations"])
    if annotation is None:
        return None
    data = task["data"]
    try:
        reference, source = Reference.parse(str(data["photo"])), Tree(data["tree"])
        checked_at = from_text(finished_at(annotation))
    except (KeyError, ValueError) as error:  # InvalidName and InvalidMessage are ValueErrors
        raise InvalidTask(f"{error}; import the tasks.json of nunchi review export as it is") from None
    if source not in _SOURCES:
        raise InvalidTask(f"its photo lies in {source}/, from where nothing is exported")
    # Only of the sure there is a sample: whatever else says so would spoil the agreement.
    sample = data.get("sample") is True and source is Tree.AUTO
    return ReviewAnswer(reference, source, sample, drawing_of(annotation), checked_at)


def store(
    read_: ParsedExport,
    bucket: DatasetBucket,
    results: Results,
    *,
    golden_share: float,
    missing_ok: bool = False,
    say: Callable[[int, int], None] = lambda _done, _of: None,
) -> ImportSummary:
    """Store every answer that is new or other than stored. `say` hears how many photos of how many are done.

    InvalidReview, and nothing stored, when photos are in no tree any more, unless `missing_ok`.
    """
    there = {tree: {pair.reference for pair in bucket.pairs(tree)} for tree in Tree}
    known = set[Reference]().union(*there.values(), noted(bucket))
    missing = [one.reference for one in read_.answers if one.reference not in known]
    if missing and not missing_ok:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise InvalidReview(
            f"{', '.join(map(str, missing[:_NAMED]))}{more}: not in s3://{bucket.name}, or no more; nothing was "
            "stored. Is this the export of another cloud? If they have expired, --missing-ok leaves them out"
        )
    homes = Homes(
        reviewed=there[Tree.REVIEWED],
        golden=there[Tree.GOLDEN],
        taught=exposed(bucket),
        others=known,
        golden_share=golden_share,
    )
    imported = ImportSummary(waiting=read_.waiting, missing=len(missing), refused=list(read_.refused))
    answers = [one for one in read_.answers if one.reference in known]

    def keep(answer: ReviewAnswer) -> tuple[ReviewAnswer, Tree, Note, bool]:
        earlier = _earlier(answer.reference, bucket)
        note = _note(answer, earlier, bucket, results)
        tree = homes.of(answer.reference)
        if note.cannot_tell and answer.reference not in there[Tree.GOLDEN]:
            tree = Tree.REVIEWED  # no photo will lie there: should it get one in golden/, the note there is the later
        newer = earlier is not None and earlier.checked_at > answer.checked_at
        return answer, tree, note, not newer and _put(answer, tree, note, bucket)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done, (answer, tree, note, written) in enumerate(pool.map(keep, answers), start=1):
            if not written:
                imported.unchanged += 1
            elif answer.drawing.cannot_tell:
                imported.cannot_tell += 1
            else:
                imported.golden += tree is Tree.GOLDEN
                imported.reviewed += tree is Tree.REVIEWED
                imported.corrected += not note.agreed
            say(done, len(answers))
    return imported


def _note(answer: ReviewAnswer, earlier: Note | None, bucket: DatasetBucket, results: Results) -> Note:
    """What the check found out, held against what the model had stored: which expires, so the first note keeps it."""
    if earlier is not None:
        seen = [ShownPerson(one.label, one.box, one.confidence) for one in earlier.shown]
    else:
        labels = bucket.get(answer.reference.pair_keys(answer.source)[1]) or b""
        seen = shown(labels.decode(errors="replace"), results.result(answer.reference))
    was = [(one.label, one.box) for one in seen]
    people = answer.drawing.people
    now = [None if other is None else people[other][0] for other in matched(was, people)]
    told = not answer.drawing.cannot_tell
    return Note(
        source=answer.source,
        sample=answer.sample,
        shown=tuple(ReviewedPerson(*one, label if told else None) for one, label in zip(seen, now, strict=True)),
        changed=changes(was, people) if told else (),
        checked_at=answer.checked_at,
        cannot_tell=not told,
    )


def _earlier(reference: Reference, bucket: DatasetBucket) -> Note | None:
    """The last check's note, if there was one."""
    for tree in reversed(CHECKED):
        content = bucket.get(reference.note_key(tree))
        if content is not None:
            try:
                return Note.from_json(content)
            except InvalidMessage:
                continue  # this one will replace it
    return None


def _put(answer: ReviewAnswer, tree: Tree, note: Note, bucket: DatasetBucket) -> bool:
    """Store it; False when just that is stored already."""
    reference = answer.reference
    image_key, labels_key = reference.pair_keys(tree)
    text = note.to_json()
    noted_already = bucket.get(reference.note_key(tree)) == text.encode()
    if answer.drawing.cannot_tell:
        if not noted_already:
            bucket.put(reference.note_key(tree), text.encode(), "application/json")
        return not noted_already
    labels = format_labels(answer.drawing.people)
    if noted_already and bucket.get(labels_key) == labels.encode():
        return False
    for tree_of_image in (answer.source, *CHECKED):
        jpeg = bucket.get(reference.pair_keys(tree_of_image)[0])
        if jpeg is not None:
            bucket.put_pair(tree, reference, jpeg=jpeg, labels=labels, note=text)
            return True
    raise InvalidReview(
        f"s3://{bucket.name}/{image_key}: the photo of {reference} has expired while it was imported; those before it "
        "are stored. Import the file once more with --missing-ok"
    )
