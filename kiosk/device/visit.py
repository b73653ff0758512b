"""Visits: when a person's stay begins and ends, and what is known during it. No clock, no network: time is given.

    nobody ──present, or touched──► visit ──absent for leave_s while the page is idle──► nobody
                                     │ └───the page says so (receipt, time-out, start again)──►
                                     ├─ photos are taken, again if they said nothing, at most `bursts` times
                                     └─ answers add up; easy is suggested once, never after the person's own switch

With the end of a visit everything known of it is dropped. A message of an earlier visit, or a late one, is ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from contracts.messages import Status
from kiosk.device.evidence import Evidence, EvidenceRules
from recipes.kiosk.labels import Label
from recipes.kiosk.message import LabelMessage

# Steps of the page in which nothing is lost when the visit ends. A page of another maker may name others: busy.
IDLE_STEPS: Final = frozenset({"attract"})


@dataclass(frozen=True, kw_only=True, slots=True)
class VisitRules:
    """Seconds, and counts. `leave_s`: of absence until a visit ends. `again_s`: after an end by the page, until
    somebody who is still there counts as the next. `late_s`: age of a photo from which its answer is dropped.
    `page_s`: without a sign of the page, until it counts as idle. `bursts` a visit, `retry_s` apart."""

    leave_s: float = 4.0
    again_s: float = 6.0
    late_s: float = 8.0
    page_s: float = 15.0
    bursts: int = 3
    retry_s: float = 1.5
    elder_from: float = 0.4
    evidence: EvidenceRules = field(default_factory=EvidenceRules)


@dataclass(frozen=True, slots=True)
class Began:
    """Somebody came."""

    visit: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Nobody is there any more; whatever was known is forgotten."""

    visit: str


@dataclass(frozen=True, slots=True)
class TakePhotos:
    """A burst is wanted."""

    visit: str


@dataclass(frozen=True, slots=True)
class SuggestEasy:
    """The easy screen is suggested. `elder`: P(elder), 0-1."""

    visit: str
    elder: float


@dataclass(frozen=True, slots=True)
class LabelKnown:
    """The label for suggestions of dishes, and its confidence, 0-1."""

    visit: str
    label: Label
    confidence: float


@dataclass(frozen=True, slots=True)
class NobodyThere:
    """The picture changed without a person: the background is to be learnt anew."""


Effect = Began | Ended | TakePhotos | SuggestEasy | LabelKnown | NobodyThere


@dataclass(frozen=True, kw_only=True, slots=True)
class _Visit:
    id: str
    began_s: float
    evidence: Evidence
    touched: bool = False
    own_switch: bool = False
    suggested: float | None = None
    label: tuple[Label, float] | None = None
    bursts: int = 0
    burst_s: float = 0.0
    waiting: int = 0  # photos without an answer yet
    empty: int = 0  # answers that saw no person


class Visits:
    """The visits of one kiosk, one at a time. Deterministic; `new_id` names each."""

    def __init__(self, rules: VisitRules, new_id: Callable[[], str]) -> None:
        self._rules = rules
        self._new_id = new_id
        self._visit: _Visit | None = None
        self._present = False
        self._seen_s = float("-inf")  # when somebody was last there
        self._not_before_s = float("-inf")  # no visit begins by presence before
        self._step = "attract"
        self._page_s = float("-inf")

    @property
    def id(self) -> str | None:
        """The visit that runs."""
        return None if self._visit is None else self._visit.id

    @property
    def suggested(self) -> float | None:
        """P(elder) with which easy was suggested in this visit; None when it was not, or the person switched."""
        return None if self._visit is None or self._visit.own_switch else self._visit.suggested

    @property
    def label(self) -> tuple[Label, float] | None:
        """The label of this visit and its confidence, as it was last given out."""
        return None if self._visit is None else self._visit.label

    def looked(self, present: bool, at_s: float) -> list[Effect]:
        """The camera's picture: somebody is there, or not."""
        self._present = present
        if present:
            self._seen_s = at_s
            if self._visit is None and at_s >= self._not_before_s:
                return self._begin(at_s)
        elif self._visit is None:
            self._not_before_s = float("-inf")  # whoever comes now is the next
        return self.passed(at_s)

    def passed(self, at_s: float) -> list[Effect]:
        """Time passed: a visit may end, or photos be wanted again."""
        visit = self._visit
        if visit is None:
            return []
        # A camera that is off or covered shows nobody: then the begin of the visit counts.
        if not self._present and at_s - max(self._seen_s, visit.began_s) >= self._rules.leave_s and self._idle(at_s):
            return self._end()
        again = visit.waiting == 0 and 0 < visit.bursts < self._rules.bursts and not visit.evidence.photos
        if again and self._present and at_s - visit.burst_s >= self._rules.retry_s:
            return self._take_photos(visit, at_s)
        return []

    def touched(self, at_s: float) -> list[Effect]:
        """The page was touched by a person: a visit begins unless one runs."""
        self._step, self._page_s = "touched", at_s
        effects = [] if self._visit is not None else self._begin(at_s)
        assert self._visit is not None  # noqa: S101 - it runs or has just begun
        self._visit = replace(self._visit, touched=True)
        return effects

    def page(self, step: str, at_s: float) -> None:
        """The page is alive and shows this step."""
        self._step, self._page_s = step, at_s
        if self._visit is not None and step not in IDLE_STEPS:
            self._visit = replace(self._visit, touched=True)

    def switched(self, visit: str | None) -> None:
        """The person chose a screen: nothing is suggested any more in this visit."""
        if self._visit is not None and visit in (None, self._visit.id):
            self._visit = replace(self._visit, own_switch=True, touched=True)

    def ended(self, visit: str | None, at_s: float) -> list[Effect]:
        """The page is done. Somebody who still stands there counts as the next after `again_s`, or at a touch."""
        if self._visit is None or visit not in (None, self._visit.id):
            return []
        self._step, self._page_s = "attract", at_s
        self._not_before_s = at_s + self._rules.again_s
        return self._end()

    def left(self, at_s: float) -> list[Effect]:
        """The person has left for sure, as in a demonstration: the visit ends now, and the next may begin at once."""
        self._present, self._not_before_s = False, float("-inf")
        return self._end() if self._visit is not None and self._idle(at_s) else []

    def asked(self, visit: str, photos: int) -> None:
        """So many photos of a burst are asked about; 0 when it had none."""
        if self._visit is not None and self._visit.id == visit:
            self._visit = replace(self._visit, waiting=photos)

    def unanswered(self, visit: str) -> None:
        """A photo gets no answer: too late, or no cloud."""
        if self._visit is not None and self._visit.id == visit:
            self._visit = replace(self._visit, waiting=max(0, self._visit.waiting - 1))

    def answered(self, visit: str, message: LabelMessage, *, height: int, taken_s: float, at_s: float) -> list[Effect]:
        """The answer about a photo of that visit, so many pixels high, taken at `taken_s`."""
        if self._visit is None or self._visit.id != visit:
            return []
        now = self._visit = replace(self._visit, waiting=max(0, self._visit.waiting - 1))
        if at_s - taken_s > self._rules.late_s:
            return []
        nobody = message.status is Status.NO_PERSON
        now = self._visit = replace(
            now, evidence=now.evidence.add(message, height=height), empty=now.empty + int(nobody)
        )
        if nobody and self._mistaken(now):
            return [NobodyThere(), *self._end()]
        return [*self._label_known(now), *self._suggest()]

    def _mistaken(self, visit: _Visit) -> bool:
        """Whether two bursts saw nobody and nobody touched the page: it is not a person that changed the picture."""
        return not (visit.touched or visit.waiting or visit.evidence.photos) and visit.bursts >= 2 and visit.empty >= 2

    def _label_known(self, visit: _Visit) -> list[Effect]:
        label = visit.evidence.label
        # Once the person uses the page, suggested dishes stay where they are: none moves under a finger.
        if label is None or (visit.label is not None and (visit.touched or label[0] == visit.label[0])):
            return []
        self._visit = replace(visit, label=label)
        return [LabelKnown(visit.id, *label)]

    def _suggest(self) -> list[Effect]:
        visit = self._visit
        assert visit is not None  # noqa: S101 - its answer was just added
        if visit.own_switch or visit.suggested is not None or not visit.evidence.easy(self._rules.elder_from):
            return []
        elder = visit.evidence.elder or 0.0
        self._visit = replace(visit, suggested=elder)
        return [SuggestEasy(visit.id, elder)]

    def _idle(self, at_s: float) -> bool:
        return self._step in IDLE_STEPS or at_s - self._page_s >= self._rules.page_s

    def _begin(self, at_s: float) -> list[Effect]:
        visit = self._visit = _Visit(id=self._new_id(), began_s=at_s, evidence=Evidence(self._rules.evidence))
        return [Began(visit.id), *self._take_photos(visit, at_s)]

    def _take_photos(self, visit: _Visit, at_s: float) -> list[Effect]:
        # `waiting` until `asked` says how many there are: no second burst begins meanwhile.
        self._visit = replace(visit, bursts=visit.bursts + 1, burst_s=at_s, waiting=1)
        return [TakePhotos(visit.id)]

    def _end(self) -> list[Effect]:
        assert self._visit is not None  # noqa: S101 - callers have looked
        ended, self._visit = Ended(self._visit.id), None
        return [ended]
