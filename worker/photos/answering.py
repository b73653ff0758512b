"""Subjects that a recipe's heads saw → the answers that count, the message, and what of them teaches. Pure.

The heads answer about every subject; the recipe says which of them are asked: in the order of its file, as far as its
`when` and `stop_at` allow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from contracts.answers_message import (
    MISSING_INPUT,
    NOT_DECLARED,
    SEVERAL_FOUND,
    UNANSWERED,
    WHY,
    Answer,
    AnswersMessage,
    AnswersStatus,
    Choice,
    Score,
    Subject,
)
from contracts.formulas.calibration import BetaCalibration
from contracts.messages import DatasetTree, Model, Reason
from contracts.names import JSON_LABELS, Reference
from contracts.subject_labels import LabelledSubject, SubjectLabels
from recipes.pictures import Draw
from recipes.recipe import Head, Many, Recipe
from worker.messages import Message
from worker.models.detector import Image
from worker.models.evidence import Evidence
from worker.models.heads import Seen, SeenAnswer, SeenChoice
from worker.photos.rules import Thresholds, customer_of, review_or_none, rounded, rounded_down
from worker.photos.task import SVG, LabelFile, Picture, steps_in_ms
from worker.photos.timing import PhotoTimes
from worker.photos.why import draw


@dataclass(frozen=True, slots=True)
class AnswersDecision:
    """The decision about a photo: what the answers message says, and which dataset tree the photo enters.

    `evidence`: for the answer that the recipe explains, of each subject; None where it was not asked. `draw`: draws the
    picture of the name `picture`, if the recipe has one.
    """

    recipe: str
    status: AnswersStatus
    reason: str | None = None
    subjects: tuple[Subject, ...] = ()
    inputs: Mapping[str, str] | None = None
    notice: bool = False
    training: DatasetTree = DatasetTree.NONE
    evidence: tuple[Evidence | None, ...] = field(default=(), compare=False, repr=False)
    draw: Draw | None = field(default=None, compare=False, repr=False)
    picture: str = ""

    def to_message(
        self,
        reference: Reference,
        model: Model,
        times: PhotoTimes,
        *,
        step_seconds: Mapping[str, float],
        expires_at: datetime,
    ) -> AnswersMessage:
        """The answers message of this decision."""
        return AnswersMessage(
            recipe=self.recipe,
            status=self.status,
            reason=self.reason,
            subjects=self.subjects,
            inputs=self.inputs or {},
            notice=self.notice,
            reference=reference,
            model=model,
            captured_at=times.captured_at,
            expires_at=expires_at,
            steps_ms=steps_in_ms(times, step_seconds),
        )

    def pictures(self, image: Image) -> Iterator[Picture]:
        """What the heads saw, if one was asked what the recipe explains; and what the recipe draws of the subjects."""
        if any(self.evidence):
            yield Picture(WHY, draw(image, self.evidence))
        if self.draw is not None and self.subjects:
            yield Picture(self.picture, self.draw(self.subjects).encode(), SVG)


@dataclass(frozen=True, slots=True)
class AnswersTask:
    """The task of every recipe but the kiosk's. `thresholds`: the worker's, where a head states none of its own.

    `draw`: draws the picture of the recipe's answers, if it has one.
    """

    recipe: Recipe
    thresholds: Thresholds
    draw: Draw | None = None

    def declined_unseen(self, inputs: Mapping[str, str]) -> AnswersDecision | None:
        """The decision about a photo whose device did not declare what the recipe asks for; None if it did."""
        if self.recipe.declaration.items() <= inputs.items():
            return None
        return AnswersDecision(
            self.recipe.name, AnswersStatus.DECLINED, NOT_DECLARED, inputs={}, notice=self.recipe.notice
        )

    def decide(self, reference: Reference, found: Sequence[Seen], inputs: Mapping[str, str]) -> AnswersDecision:
        """The decision about what the heads saw."""
        recipe = self.recipe
        given = {name: value for name, value in inputs.items() if value in recipe.inputs.get(name, ())}
        known = given | recipe.declaration  # without which nobody would look: `declined_unseen`
        decision = AnswersDecision(recipe.name, AnswersStatus.NOTHING_FOUND, inputs=known, notice=recipe.notice)
        if given.keys() != recipe.inputs.keys():
            return self._declined(decision, MISSING_INPUT)
        if not found:
            return decision
        if recipe.find.many is Many.ONE and len(found) > 1:
            return self._declined(decision, SEVERAL_FOUND)
        if recipe.find.many is Many.NEAREST:
            found = [found[customer_of([seen.box for seen in found])]]
        # Left to right, so that the order says nothing about a model's internals and never changes between runs.
        ordered = sorted(found, key=lambda seen: (seen.box.corners, repr(seen.answers)))
        subjects = tuple(self._subject(seen, given) for seen in ordered)
        sure = any(is_sure(answer) for subject in subjects for answer in subject.answers.values())
        return replace(
            decision,
            status=AnswersStatus.LABELLED if sure else AnswersStatus.UNSURE,
            subjects=subjects,
            evidence=tuple(self._evidence(seen, given) for seen in ordered),
            draw=self.draw,
            picture=recipe.show.picture,
            training=self._training(reference, subjects),
        )

    def rejected(self, reason: Reason) -> AnswersDecision:
        """The decision about an upload that can't be read as a photo."""
        return AnswersDecision(self.recipe.name, AnswersStatus.REJECTED, str(reason), notice=self.recipe.notice)

    def label_file(self, message: Message, tree: DatasetTree) -> LabelFile | None:
        """What teaches of each subject, or, for review, all that the model says: proposals, which a person checks.

        None for a photo that another recipe answered, which served here before.
        """
        if not isinstance(message, AnswersMessage) or message.recipe != self.recipe.name:
            return None
        labelled = self._proposed if tree is DatasetTree.REVIEW else self._labelled
        labels = SubjectLabels(self.recipe.name, message.inputs, tuple(labelled(message.subjects)))
        return LabelFile(labels.to_json() + "\n", JSON_LABELS)

    def _subject(self, seen: Seen, inputs: Mapping[str, str]) -> Subject:
        counts = [(self.recipe.heads[number], seen.answers[number]) for number in self._asked(seen, inputs)]
        answers = {head.name: self._answer(head, answer) for head, answer in counts}
        choices = {
            head.name: answer
            for head, answer in counts
            if isinstance(answer, SeenChoice) and answer.value not in UNANSWERED
        }
        return Subject(rounded(seen.box), answers, self._joined(seen.join, choices))

    def _asked(self, seen: Seen, inputs: Mapping[str, str]) -> list[int]:
        values = [answer.value if isinstance(answer, SeenChoice) else None for answer in seen.answers]
        return self.recipe.route(values, inputs)

    def _evidence(self, seen: Seen, inputs: Mapping[str, str]) -> Evidence | None:
        return next((seen.evidence[number] for number in self._asked(seen, inputs) if number in seen.evidence), None)

    def _answer(self, head: Head, answer: SeenAnswer) -> Answer:
        if isinstance(answer, SeenChoice):
            return self._choice(answer.value, answer.confidence, head.sure_from)
        return Score(round(answer.value, 4), math.floor(answer.low * 1e4) / 1e4, math.ceil(answer.high * 1e4) / 1e4)

    def _joined(self, join: BetaCalibration | None, choices: Mapping[str, SeenChoice]) -> Choice | None:
        recipe = self.recipe
        number = recipe.class_of({name: choice.value for name, choice in choices.items()})
        if join is None or not recipe.join or number is None:
            return None
        return self._choice(recipe.classes[number], join(math.prod(choices[name].score for name in recipe.join)), None)

    def _choice(self, value: str, confidence: float, sure_from: float | None) -> Choice:
        written = rounded_down(confidence)
        sure = written >= (self.thresholds.unsure_below if sure_from is None else sure_from)
        return Choice(value, written, sure and value not in UNANSWERED)

    def _training(self, reference: Reference, subjects: Sequence[Subject]) -> DatasetTree:
        """A photo with an answer that teaches teaches; of the others a share waits for people, if heads can learn."""
        recipe = self.recipe
        if not recipe.keep.learn:
            return DatasetTree.NONE
        if any(labels.answers for labels in self._labelled(subjects)):
            return DatasetTree.AUTO
        # A recipe that deletes its uploads keeps no photo for people to look at.
        if not recipe.keep.upload or not any(map(recipe.learns, recipe.questions)):
            return DatasetTree.NONE
        return review_or_none(reference, self.thresholds)

    def _labelled(self, subjects: Sequence[Subject]) -> list[LabelledSubject]:
        """What of the answers teaches: the choices that reach the gate of their head."""
        return [
            LabelledSubject(
                subject.box,
                {
                    question: answer.value
                    for question, answer in self._choices(subject)
                    if answer.confidence >= self._gate(question, answer.value)
                },
            )
            for subject in subjects
        ]

    def _proposed(self, subjects: Sequence[Subject]) -> list[LabelledSubject]:
        return [
            LabelledSubject(subject.box, {question: answer.value for question, answer in self._choices(subject)})
            for subject in subjects
        ]

    def _choices(self, subject: Subject) -> Iterator[tuple[str, Choice]]:
        """The answers that a label file can hold: a value that a head says and can learn."""
        for question, answer in subject.answers.items():
            if isinstance(answer, Choice) and self.recipe.learns(question) and answer.value not in UNANSWERED:
                yield question, answer

    def _gate(self, question: str, value: str) -> float:
        gates = [head.gate for head in self.recipe.heads_of(question) if value in head.says and head.gate is not None]
        return max(gates, default=self.thresholds.gate)

    def _declined(self, decision: AnswersDecision, reason: str) -> AnswersDecision:
        return replace(decision, status=AnswersStatus.DECLINED, reason=reason)


def is_sure(answer: Answer) -> bool:
    """Whether an answer is told as sure; a score tells by its interval how sure it is."""
    return isinstance(answer, Score) or answer.sure
