"""Label Studio's JSON export → the answer of each photo. What an answer says about a photo, the caller parses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from contracts.names import Reference
from retrain.bucket import Tree
from retrain.errors import InvalidReview
from retrain.review.label_studio import InvalidTask, finished_at, last_completed

_SOURCES: Final = (Tree.AUTO, Tree.REVIEW)
_Annotation = TypeVar("_Annotation")

# An annotation and the data of its task → what a person said; InvalidTask when it is invalid.
Parse = Callable[[Mapping[str, Any], Mapping[str, Any]], _Annotation]


@dataclass(frozen=True, slots=True)
class ReviewAnswer(Generic[_Annotation]):
    """A person's answer about a photo."""

    reference: Reference
    source: Tree
    sample: bool
    annotation: _Annotation
    checked_at: datetime  # to the microsecond: of two answers the later counts


@dataclass(frozen=True, slots=True)
class ParsedExport(Generic[_Annotation]):
    """A parsed export. `refused`: for each invalid task, the reason."""

    answers: tuple[ReviewAnswer[_Annotation], ...]
    waiting: int  # tasks that were not submitted, or were skipped
    refused: tuple[str, ...]


def read_answers(file: Path, parse: Parse[_Annotation]) -> ParsedExport[_Annotation]:
    """The answers of Label Studio's JSON export. Of two tasks of the same photo, the one finished last counts.

    InvalidReview when the file is not such an export.
    """
    answers: dict[Reference, ReviewAnswer[_Annotation]] = {}
    waiting = 0
    refused: list[str] = []
    for number, task in enumerate(_tasks(file), start=1):
        try:
            answer = _answer(task, parse)
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


def _answer(task: Mapping[str, Any], parse: Parse[_Annotation]) -> ReviewAnswer[_Annotation] | None:
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
    return ReviewAnswer(reference, source, sample, parse(annotation, data), finished_at(annotation))
