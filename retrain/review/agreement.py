"""Agreement: the share of right labels among the people of the random sample, compared with the model's promise. Pure.

The promise is the gate: of the people who pass a gate of 0.9, nine in ten are labelled right.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.classes import Classes
from contracts.names import Reference
from retrain.bucket import Tree
from retrain.bursts import iso_week
from retrain.intervals import exact
from retrain.review.matching import Change
from retrain.review.notes import Note

SLACK: Final = 0.02  # the promise holds if the true share is at most this much below it


class PromiseState(StrEnum):
    """Whether a promise holds, by the people checked so far."""

    HOLDS = "holds"
    CANT_TELL = "can't tell yet"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class PromiseShare:
    """A share of people: `right` of `checked`."""

    right: float
    checked: int

    @property
    def share(self) -> float | None:
        return self.right / self.checked if self.checked else None

    @property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % confidence interval of the true share, since it decides. Nothing checked: 0 to 1."""
        return exact(self.right, self.checked)

    def against(self, promise: float) -> PromiseState:
        """Broken when the interval is below the promise; holds when it is above promise - SLACK."""
        low, high = self.interval
        if high < promise:
            return PromiseState.BROKEN
        return PromiseState.HOLDS if low >= promise - SLACK else PromiseState.CANT_TELL

    def too_few(self, promise: float) -> bool:
        """Whether `checked` people can't decide, whatever the answers: neither all wrong nor all right.

        For a promise of 0.95 that is one person: a promise that holds is wrong about 1 in 20, too.
        """
        return all(
            PromiseShare(right, self.checked).against(promise) is PromiseState.CANT_TELL for right in (0, self.checked)
        )

    def more(self, promise: float) -> int:
        """The number of further people that would decide if the share stays; without any yet, if it is as promised.

        0 once it is decided. Finite: the interval shrinks towards a share that one of the two rules decides.
        """
        share = promise if self.share is None else self.share

        def decides(number: int) -> bool:
            return PromiseShare(share * number, number).against(promise) is not PromiseState.CANT_TELL

        if self.checked and self.against(promise) is not PromiseState.CANT_TELL:
            return 0
        enough = max(1, self.checked)
        while not decides(enough):
            enough *= 2
        return bisect_left(range(enough), True, lo=self.checked, key=decides) - self.checked


@dataclass(frozen=True, slots=True)
class Agreement:
    """Shares of people, in all, by the model's label, by kiosk and by ISO week; and of whole photos."""

    promise: float  # the gate
    people: PromiseShare
    photos: PromiseShare
    by_label: Mapping[str, PromiseShare]
    by_kiosk: Mapping[str, PromiseShare]
    by_week: Mapping[str, PromiseShare]
    cannot_tell: int  # photos of the sample whose labels a person could not tell; in no share
    below_gate: int = 0  # photos of the sample that passed an earlier, lower gate; in no share


def passes(confidence: float, gate: float) -> bool:
    """Whether a stored confidence passes the gate. Workers store four decimals, rounded down; the gate is, too."""
    return confidence >= math.floor(gate * 10_000) / 10_000


def agreement(notes: Mapping[Reference, Note], gate: float, classes: Classes) -> Agreement:
    """The agreement of the random sample. Other photos were selected because the model was unsure, and don't count.

    `gate` is the deployment's. A photo with a confidence below it passed an earlier, lower gate, and is not evidence
    about this one; an unknown confidence counts as passed.

    A person is right if a person is there, under the label shown. A photo is right if all its people are, and none was
    missed; a corrected box doesn't matter.
    """
    people: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    photos, cannot_tell, below_gate = [0, 0], 0, 0
    for reference, note in notes.items():
        if note.source is not Tree.AUTO or not note.sample:
            continue
        if note.cannot_tell:
            cannot_tell += 1
            continue
        confidences = [person.predicted.confidence for person in note.shown]
        if not all(confidence is None or passes(confidence, gate) for confidence in confidences):
            below_gate += 1
            continue
        photos[0] += not set(note.changed) - {Change.BOX}
        photos[1] += 1
        for person in note.shown:
            for group in (
                ("", ""),
                ("label", person.predicted.label),
                ("kiosk", reference.kiosk_id),
                ("week", iso_week(reference)),
            ):
                people[group][0] += person.right
                people[group][1] += 1

    def by(kind: str, order: Mapping[str, int]) -> dict[str, PromiseShare]:
        names = sorted((name for group, name in people if group == kind), key=lambda name: (order.get(name, 0), name))
        return {name: PromiseShare(*people[kind, name]) for name in names}

    return Agreement(
        promise=gate,
        people=PromiseShare(*people["", ""]),
        photos=PromiseShare(*photos),
        by_label=by("label", {label: place for place, label in enumerate(classes)}),
        by_kiosk=by("kiosk", {}),
        by_week=by("week", {}),
        cannot_tell=cannot_tell,
        below_gate=below_gate,
    )
