"""The thresholds of the judge's rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contracts.errors import SettingsError
from contracts.gate import DEFAULT_GATE, gate_mistake
from retrain.settings import GOLDEN_LEAST, golden_photos_for


class Score(StrEnum):
    """The metric by which a candidate is better.

    mAP50 by default: it covers detection, label and ranking by confidence. mAP50-95 mostly measures how exactly a box
    fits a head, which no customer notices and on which two reviewers differ; it is in the report.
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
    golden_least: int = golden_photos_for(GOLDEN_LEAST)  # photos; with fewer, no candidate is promoted
    golden_least_moments: int = 30  # at most golden_least; a bootstrap over fewer moments is overconfident
    golden_least_per_label: int = GOLDEN_LEAST  # people
    group_margin: float = 0.02  # share of its people that a group may lose
    group_doubt: float = 0.75  # share of the draws in which a group beyond the margin loses, for it to be behind
    gate: float = DEFAULT_GATE  # confidence from which a label is training data, and the share of these that is right
    most_slowdown: float = 3.0  # times the incumbent's time; workers refuse a slower model
    draws: int = 1000  # of the bootstrap
    seed: int = 0
    speed_photos: int = 24
    speed_rounds: int = 3

    def __post_init__(self) -> None:
        if mistake := gate_mistake(self.gate):
            raise SettingsError(f"nothing was judged, these settings are invalid:\n  gate: {mistake}")
