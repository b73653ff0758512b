"""What a candidate must be, to serve."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from contracts.errors import SettingsError
from contracts.gate import DEFAULT_GATE, gate_mistake


class Score(StrEnum):
    """What "better" means.

    mAP at an overlap of 0.5 by default: whether people are found, with whose label, and whether the sure answers are
    the right ones, in one number. The mean up to 0.95 mostly tells how exactly a box fits a head, which no customer
    notices and where two people who check photos differ; it is in the report.
    """

    MAP50 = "map50"
    MAP50_95 = "map50_95"
    ACCURACY = "accuracy"

    @property
    def words(self) -> str:
        """For people."""
        return {"map50": "mAP50", "map50_95": "mAP50-95", "accuracy": "four-class accuracy"}[self]


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeSettings:
    """The numbers of the rules."""

    score: Score = Score.MAP50
    golden_least: int = 100  # photos; fewer judge nothing
    golden_least_moments: int = 30  # or as many as photos, if those may be fewer: a bootstrap over less is too sure
    golden_least_per_label: int = 10  # people
    group_margin: float = 0.02  # of its people that a group may lose before it is looked at
    group_doubt: float = 0.75  # of the draws in which it loses, from which on such a group is behind
    gate: float = (
        DEFAULT_GATE  # from this confidence on, an answer becomes training data: of them, so many must be right
    )
    most_slowdown: float = 3.0  # times the incumbent; workers refuse what is slower
    draws: int = 1000  # of the bootstrap
    seed: int = 0
    speed_photos: int = 24
    speed_rounds: int = 3

    def __post_init__(self) -> None:
        gate = gate_mistake(self.gate)
        wrong = [
            sentence
            for holds, sentence in (
                (self.golden_least >= 1, f"golden_least is {self.golden_least}, not 1 or more"),
                (self.golden_least_moments >= 1, f"golden_least_moments is {self.golden_least_moments}, not 1 or more"),
                (self.golden_least_per_label >= 0, f"golden_least_per_label is {self.golden_least_per_label}, below 0"),
                (0 <= self.group_margin < 1, f"group_margin is {self.group_margin}, not from 0 to 1"),
                (0.5 <= self.group_doubt < 1, f"group_doubt is {self.group_doubt}, not from 0.5 to 1"),
                (gate is None, f"gate: {gate}"),
                (self.most_slowdown >= 1, f"most_slowdown is {self.most_slowdown}, not 1 or more"),
                (self.draws >= 100, f"draws are {self.draws}, not 100 or more"),
                (self.speed_photos >= 1 and self.speed_rounds >= 1, "speed needs a photo and a round at least"),
            )
            if not holds
        ]
        if wrong:
            raise SettingsError("nothing was judged, these settings need a look:\n  " + "\n  ".join(wrong))

    def fields(self) -> dict[str, Any]:
        return asdict(self)


RULES: Final = ("golden_too_small", "not_better", "group_behind", "promise_broken", "too_slow", "better")
