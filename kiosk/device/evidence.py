"""Answers about several photos of one person, joined into one: log-odds are added, tempered for photos that are alike.

With n photos whose errors correlate by r, the evidence of all is worth n / (1 + (n - 1) r) independent ones (Kish's
design effect, "Survey Sampling", 1965). The model's confidence holds at the share of elders it was calibrated with; in
a shop with another share all log-odds shift by the difference, once (Saerens et al., Neural Computation 14, 2002).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from contracts.boxes import Box
from contracts.messages import Status
from recipes.kiosk.labels import Label
from recipes.kiosk.message import LabelMessage
from recipes.kiosk.screen import customer_of, elder_probability
from recipes.kiosk.teaching import ELDER_SHARE

_SUREST: Final = 0.995  # of one photo: no answer is certain, and an infinite log-odds would end the matter


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceRules:
    """`elder_share`: of the shop's customers; `correlation`: r between photos of one burst.

    `least_head`: height of a head in pixels, below which an answer is a guess. `alone_from`: P(elder) from which one
    photo may change the screen by itself, if its label is sure.
    """

    elder_share: float = ELDER_SHARE
    # Of simulated bursts 0.96 (bench/evidence.py): those differ in light, place and sharpness, but not in pose, so real
    # ones agree less. How much less is a guess, on the careful side: joined answers must not be surer than they are.
    correlation: float = 0.9
    least_head: float = 80.0
    alone_from: float = 0.6


@dataclass(frozen=True, slots=True)
class Answered:
    """What one photo says: P(elder), P(female) where the worker gives it, and whether its label was sure enough."""

    elder: float
    female: float | None
    sure: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the photos of one visit say together."""

    rules: EvidenceRules
    photos: tuple[Answered, ...] = ()

    def add(self, message: LabelMessage, *, height: int) -> Evidence:
        """With the answer about one more photo, so many pixels high. One that says nothing changes nothing."""
        answered = _answered(message, height, self.rules)
        return self if answered is None else replace(self, photos=(*self.photos, answered))

    @property
    def elder(self) -> float | None:
        """P(elder), 0-1, of all photos together; None without any that counts."""
        return self._joined([photo.elder for photo in self.photos], self.rules.elder_share, ELDER_SHARE)

    @property
    def female(self) -> float | None:
        """P(female), 0-1, likewise."""
        return self._joined([photo.female for photo in self.photos if photo.female is not None], 0.5, 0.5)

    def easy(self, elder_from: float) -> bool:
        """Whether the easy screen is suggested: from a P(elder) of `elder_from` on; one photo alone must be surer."""
        elder = self.elder
        if elder is None:
            return False
        if len(self.photos) == 1:
            return self.photos[0].sure and elder >= max(elder_from, self.rules.alone_from)
        return round(elder, 4) >= elder_from

    @property
    def label(self) -> tuple[Label, float] | None:
        """The label and its confidence, 0-1, for suggestions; None unless a photo was sure enough."""
        elder, female = self.elder, self.female
        if elder is None or female is None or not any(photo.sure for photo in self.photos):
            return None
        confidence = max(elder, 1 - elder) * max(female, 1 - female)
        if confidence < 0.5:
            return None
        return Label.of(elder=elder > 0.5, female=female > 0.5), confidence

    def _joined(self, probabilities: list[float], share: float, calibrated_on: float) -> float | None:
        count = len(probabilities)
        if not count:
            return None
        mean = sum(log_odds(each) - log_odds(calibrated_on) for each in probabilities) / count
        worth = count / (1 + (count - 1) * self.rules.correlation)
        return 1 / (1 + math.exp(-(log_odds(share) + worth * mean)))


def log_odds(probability: float) -> float:
    """ln(p / (1 - p)), of p kept within 0.005 and 0.995."""
    kept = min(_SUREST, max(1 - _SUREST, probability))
    return math.log(kept / (1 - kept))


def _answered(message: LabelMessage, height: int, rules: EvidenceRules) -> Answered | None:
    customer = customer_of(message)
    if customer is None or _head_pixels(customer.box, height) < rules.least_head:
        return None
    sure, elder = message.status is Status.LABELLED, elder_probability(message)
    if elder is not None and customer.answers is not None:
        return Answered(elder, customer.answers.female, sure)
    if not sure:  # of an older worker: only a sure label says something about the age
        return None
    # A label is only as sure as age and gender together, so this is less than the answer's own confidence.
    return Answered(customer.confidence if customer.label.elder else 1 - customer.confidence, None, sure)


def _head_pixels(box: Box, height: int) -> float:
    return (box.y1 - box.y0) * height
