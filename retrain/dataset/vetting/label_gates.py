"""The gate of each label: the confidence from which a model's label teaches, by the checked random sample. Pure.

One promise, kept for every label in both directions: of the people whom the model calls by it, and of the people whom a
person calls by it. The first alone does not protect a rare label: 5 in 100 wrong adult women may be half of all elder
women. A label that breaks the promise teaches from the lowest higher gate at which the checked people keep it, or not
at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from contracts.boxes import LabelledBox
from contracts.classes import Classes
from retrain.bucket import Tree
from retrain.review.agreement import PromiseShare, PromiseState, passes
from retrain.review.notes import Note, ReviewedPerson

STEPS: Final = (0.96, 0.97, 0.98, 0.99, 0.995, 0.998)  # the higher gates that are tried, in this order

Gates = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class LabelGates:
    """The `promise`, and the labels that broke it, each with its higher gate; None: the label does not teach."""

    promise: float
    raised: Gates

    def refusal(self, people: Iterable[LabelledBox]) -> str | None:
        """Why these auto-labels don't teach, in words; None if they do. An unknown confidence passes no raised gate."""
        for person in people:
            if person.label in self.raised and not _teaches(person, self.raised):
                gate = self.raised[person.label]
                from_gate = "at no confidence" if gate is None else f"from {gate:g}"
                at = "an unknown confidence" if person.confidence is None else f"{person.confidence:.4g}"
                return f"{person.label} teaches {from_gate}, and has {at}"
        return None


def label_gates(notes: Iterable[Note], promise: float, classes: Classes) -> LabelGates:
    """The gates by the notes of the random sample. `promise` is the deployment's confidence gate.

    A promise is broken when the whole exact interval is below it, as in `review agreement`. From then on the evidence
    must be for the label: a higher gate needs checked people, and a share of right ones that meets the promise.
    """
    people = _checked(notes, promise)
    raised: dict[str, float | None] = {}
    while (label := _breaking(people, raised, promise, classes)) is not None:
        gate = raised.get(label, promise)
        raised[label] = next((step for step in STEPS if gate is not None and step > gate), None)
        people = [person for person in people if _teaches(person.predicted, raised)]
    return LabelGates(promise, raised)


def _breaking(people: Sequence[ReviewedPerson], raised: Gates, promise: float, classes: Classes) -> str | None:
    """A label whose gate must rise; None when every label keeps the promise."""
    said = {label: [person for person in people if person.predicted.label == label] for label in classes}
    for label in classes:
        if label in raised and raised[label] is not None and not _kept(said[label], promise):
            return label
        if _share(said[label]).against(promise) is PromiseState.BROKEN:
            return label
    for label in classes:
        there = [person for person in people if person.label == label]
        mistaken = Counter(person.predicted.label for person in there if not person.right)
        # The label that most of them are mistaken for teaches it; a raised one until their share meets the promise.
        for taker, _ in sorted(mistaken.items(), key=lambda item: (-item[1], item[0])):
            if _share(there).against(promise) is PromiseState.BROKEN or (taker in raised and not _kept(there, promise)):
                return taker
    return None


def _kept(people: Sequence[ReviewedPerson], promise: float) -> bool:
    share = _share(people).share
    return share is not None and share >= promise


def _share(people: Sequence[ReviewedPerson]) -> PromiseShare:
    return PromiseShare(sum(person.right for person in people), len(people))


def _checked(notes: Iterable[Note], promise: float) -> list[ReviewedPerson]:
    """The people of the random sample who pass the gate; an unknown confidence counts as passed, as in `agreement`."""
    return [
        person
        for note in notes
        if note.source is Tree.AUTO and note.sample and not note.cannot_tell
        for person in note.shown
        if person.predicted.confidence is None or passes(person.predicted.confidence, promise)
    ]


def _teaches(person: LabelledBox, raised: Gates) -> bool:
    if person.label not in raised:
        return True
    gate = raised[person.label]
    return gate is not None and person.confidence is not None and passes(person.confidence, gate)
