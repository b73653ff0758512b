"""Measures candidate and incumbent on the same golden photos, in the same run, and applies the rules."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from contracts.weights import DAY_0
from recipes.detects import Detects
from retrain.errors import JudgementFailed
from retrain.judge.figures import Figures, figures
from retrain.judge.golden import GoldenPhoto, build_of, counts, golden_photos
from retrain.judge.metrics import bootstrap_weights
from retrain.judge.predictions import Predict, Prediction, predictor
from retrain.judge.rules import Ruling, apply_rules
from retrain.judge.settings import JudgeSettings
from retrain.progress import Say, silent

SCHEMA: Final = 1
REPEATS: Final = 2  # of each photo; the last is timed: the first of a shape also allocates memory
MAX_FAILED: Final = 0.05  # share of the photos; more are not the photos' fault

MakePredictor = Callable[[Path | None, bool], Predict]  # a manifest, None for day 0; whether raw


@dataclass(frozen=True, slots=True)
class Judgement:
    """The ruling and the figures that it is based on."""

    ruling: Ruling
    runs: tuple[str, str]  # the ids of candidate and incumbent
    candidate: Figures
    incumbent: Figures
    build: Mapping[str, str]  # of the dataset, and its digest
    photos: int
    people: Mapping[str, int]
    moments: int
    compared_raw: bool
    settings: JudgeSettings

    @property
    def promoted(self) -> bool:
        """Whether the candidate is to be promoted."""
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
                "build": self.build.get("build", ""),
                "digest": self.build.get("digest", ""),
                "photos": self.photos,
                "moments": self.moments,
                "people": dict(self.people),
            },
            "compared_on": "raw answers, as yolo val" if self.compared_raw else "answers as served",
            "candidate": self.candidate.fields(),
            "incumbent": self.incumbent.fields(),
            "settings": asdict(self.settings),
        }

    def to_json(self) -> str:
        return json.dumps(self.fields(), indent=2) + "\n"


def judge(
    candidate: Path | None,
    incumbent: Path | None,
    dataset: Path,
    *,
    detects: Detects,
    settings: JudgeSettings,
    say: Say = silent,
    make_predictor: MakePredictor | None = None,
) -> Judgement:
    """Judge the candidate's manifest against the incumbent's on a dataset's golden photos; None is that of day 0.

    JudgementFailed when one of them can't be measured. Takes a few passes over the golden photos, one process at a
    time.
    """
    make_predictor = make_predictor or (lambda manifest, raw: predictor(manifest, raw=raw, say=say))
    photos = golden_photos(dataset, classes=detects.classes)
    if not any(photo.people for photo in photos):
        raise JudgementFailed(
            f"the golden photos of {dataset} show no person; nothing was judged. Review photos with people: "
            "nunchi review export"
        )
    predictions = [_predictions(manifest, photos, make_predictor) for manifest in (candidate, incumbent)]
    times = _times([make_predictor(manifest, False) for manifest in (candidate, incumbent)], photos, settings)
    say(len(photos), len(photos), f"the rules are applied to {len(photos)} photos and {settings.draws} bootstrap draws")
    draws = bootstrap_weights(photos, draws=settings.draws, seed=settings.seed)
    # A model without raw boxes has far fewer boxes: then both are compared as served.
    compare_raw = all(raw[0].raw for raw, _ in predictions)
    measured = [
        figures(
            photos,
            draws,
            answers=as_served,
            raw=raw,
            detects=detects,
            compare_raw=compare_raw,
            gate=settings.gate,
            ms=ms,
        )
        for (raw, as_served), ms in zip(predictions, times, strict=True)
    ]
    people, moments = counts(photos, detects.classes), len({photo.moment for photo in photos})
    return Judgement(
        ruling=apply_rules(*measured, photos=len(photos), moments=moments, people=people, settings=settings),
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


def _predictions(
    manifest: Path | None, photos: Sequence[GoldenPhoto], make_predictor: MakePredictor
) -> tuple[list[Prediction], list[Prediction]]:
    """The raw predictions, if the model has them, and those as served."""
    paths = [photo.path for photo in photos]
    raw = _checked(make_predictor(manifest, True), paths)
    return raw, _checked(make_predictor(manifest, False), paths) if raw[0].raw else raw


def _checked(predict: Predict, paths: Sequence[Path]) -> list[Prediction]:
    predictions = predict(paths)
    if [prediction.path for prediction in predictions] != list(paths):
        raise JudgementFailed(
            f"{len(predictions)} predictions do not match the {len(paths)} golden photos; nothing was judged"
        )
    failed = [prediction for prediction in predictions if prediction.error is not None]
    if len(failed) > MAX_FAILED * len(predictions):
        raise JudgementFailed(
            f"{len(failed)} of {len(predictions)} golden photos could not be predicted, the first "
            f"{failed[0].path.name}: {failed[0].error}; nothing was judged"
        )
    return predictions


def _times(predictors: Sequence[Predict], photos: Sequence[GoldenPhoto], settings: JudgeSettings) -> list[float]:
    """Milliseconds a photo of each model, as served: the median of the fastest round.

    They alternate on the same photos, one process at a time, so that other load on the machine slows both. The
    engine is the one that serves on every machine: ONNX Runtime (worker/models/engine.py).
    """
    step = max(1, len(photos) // settings.speed_photos)
    timed = [photo.path for photo in photos[::step]][: settings.speed_photos]
    paths = [path for path in timed for _ in range(REPEATS)]
    medians: list[list[float]] = [[] for _ in predictors]
    for _ in range(settings.speed_rounds):
        for predict, of_model in zip(predictors, medians, strict=True):
            predictions = predict(paths)[REPEATS - 1 :: REPEATS]
            if times := [prediction.ms for prediction in predictions if prediction.error is None]:
                of_model.append(statistics.median(times))
    if not all(medians):
        raise JudgementFailed("no photo could be timed; nothing was judged")
    return [min(of_model) for of_model in medians]
