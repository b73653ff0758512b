"""Candidate and incumbent on the same golden photos, in the same run: measured, and judged by the rules."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from contracts.labels import Label
from contracts.weights import DAY_0
from retrain.errors import JudgementFailed
from retrain.judge.figures import Figures, figures
from retrain.judge.golden import DatasetBuild, GoldenPhoto, build_of, counts, golden_photos
from retrain.judge.metrics import weights
from retrain.judge.predictions import Predict, Prediction, Say, predictor, silent
from retrain.judge.rules import Ruling, rule_on
from retrain.judge.settings import JudgeSettings

SCHEMA: Final = 1
LOOKS: Final = 2  # at each photo, of which the last is timed: the first of a shape may wait for its network's making
MOST_FAILED: Final = 0.05  # of the photos; more than a few bad ones mean that something else is wrong

Ask = Callable[[Path | None, bool], Predict]  # a manifest, None for day 0; whether raw


@dataclass(frozen=True, slots=True)
class Judgement:
    """The ruling and all that it rests on."""

    ruling: Ruling
    runs: tuple[str, str]  # what commands call candidate and incumbent
    candidate: Figures
    incumbent: Figures
    build: DatasetBuild
    photos: int
    people: Mapping[Label, int]
    moments: int
    compared_raw: bool
    settings: JudgeSettings

    @property
    def promoted(self) -> bool:
        """Whether the candidate serves from now on, if whoever asked follows."""
        return self.ruling.promoted

    @property
    def rule(self) -> str:
        """The name of the rule that decided."""
        return self.ruling.rule

    @property
    def reason(self) -> str:
        """A sentence for people."""
        return self.ruling.reason

    def fields(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "promoted": self.promoted,
            "rule": self.rule,
            "reason": self.reason,
            "runs": {"candidate": self.runs[0], "incumbent": self.runs[1]},
            "checks": [check.fields() for check in self.ruling.checks],
            "golden": {
                "build": self.build.build,
                "digest": self.build.digest,
                "photos": self.photos,
                "moments": self.moments,
                "people": {str(label): count for label, count in self.people.items()},
            },
            "compared_on": "raw answers, as yolo val" if self.compared_raw else "answers as served",
            "candidate": self.candidate.fields(),
            "incumbent": self.incumbent.fields(),
            "settings": self.settings.fields(),
        }

    def to_json(self) -> str:
        return json.dumps(self.fields(), indent=2) + "\n"


def judge(
    candidate: Path | None,
    incumbent: Path | None,
    dataset: Path,
    *,
    settings: JudgeSettings | None = None,
    say: Say = silent,
    ask: Ask | None = None,
) -> Judgement:
    """Judge the model of one manifest against that of another, by a dataset's golden photos; None is that of day 0.

    JudgementFailed when one of them could not be measured. Takes a few passes over the golden photos, in processes of
    their own (`ask` makes them), one at a time.
    """
    settings = settings or JudgeSettings()
    ask = ask or (lambda manifest, raw: predictor(manifest, raw=raw, say=say))
    photos = golden_photos(dataset)
    if not any(photo.people for photo in photos):
        raise JudgementFailed(
            f"nobody is in the golden photos of {dataset}; nothing was judged. Check some with people"
        )
    ours_raw, ours = _answers(candidate, photos, ask)
    theirs_raw, theirs = _answers(incumbent, photos, ask)
    our_ms, their_ms = _speeds(ask(candidate, False), ask(incumbent, False), photos, settings)
    say(len(photos), len(photos), f"the rules look at {len(photos)} photos, drawn anew {settings.draws} times")
    draws = weights(photos, draws=settings.draws, seed=settings.seed)
    # Like with like: a model without raw answers must not be measured by its few, against all of the other's.
    compare_raw = ours_raw[0].raw and theirs_raw[0].raw
    measured = [
        figures(photos, draws, answers=answers, raw=raw, compare_raw=compare_raw, gate=settings.gate, ms=ms)
        for answers, raw, ms in ((ours, ours_raw, our_ms), (theirs, theirs_raw, their_ms))
    ]
    people, moments = counts(photos), len({photo.moment for photo in photos})
    return Judgement(
        ruling=rule_on(*measured, photos=len(photos), moments=moments, people=people, settings=settings),
        runs=(_run(candidate, measured[0]), _run(incumbent, measured[1])),
        candidate=measured[0],
        incumbent=measured[1],
        build=build_of(dataset),
        photos=len(photos),
        people=people,
        moments=moments,
        compared_raw=compare_raw,
        settings=settings,
    )


def _run(manifest: Path | None, figures: Figures) -> str:
    return DAY_0 if manifest is None else figures.model.version


def _answers(
    manifest: Path | None, photos: Sequence[GoldenPhoto], ask: Ask
) -> tuple[list[Prediction], list[Prediction]]:
    """What the model says: raw where it can, and as it serves."""
    paths = [photo.path for photo in photos]
    raw = _asked(ask(manifest, True), paths)
    return raw, _asked(ask(manifest, False), paths) if raw[0].raw else raw


def _asked(predict: Predict, paths: Sequence[Path]) -> list[Prediction]:
    found = predict(paths)
    if [one.path for one in found] != list(paths):
        raise JudgementFailed(f"{len(found)} answers about {len(paths)} photos, or about others; nothing was judged")
    failed = [one for one in found if one.error is not None]
    if len(failed) > MOST_FAILED * len(found):
        raise JudgementFailed(
            f"{len(failed)} of {len(found)} golden photos could not be looked at, the first {failed[0].path.name}: "
            f"{failed[0].error}; nothing was judged"
        )
    return found


def _speeds(
    candidate: Predict, incumbent: Predict, photos: Sequence[GoldenPhoto], settings: JudgeSettings
) -> tuple[float, float]:
    """Milliseconds for a photo of each, as served: the median of the round that was disturbed least.

    They take turns, a process at a time and the same photos each, so that whatever else the machine does slows both.
    Photos of many shapes must not count against a network that OpenVINO compiles for each: instances need no such time.
    """
    step = max(1, len(photos) // settings.speed_photos)
    timed = [photo.path for photo in photos[::step]][: settings.speed_photos]
    paths = [path for path in timed for _ in range(LOOKS)]
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(settings.speed_rounds):
        for predict, medians in ((incumbent, theirs), (candidate, ours)):
            if times := [one.ms for one in predict(paths)[LOOKS - 1 :: LOOKS] if one.error is None]:
                medians.append(statistics.median(times))
    if not ours or not theirs:
        raise JudgementFailed("no photo could be timed; nothing was judged")
    return min(ours), min(theirs)
