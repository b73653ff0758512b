"""One recalibration, from the model in service to an outcome. Read `recalibrate` from top to bottom."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from contracts.gate import DEFAULT_GATE, check_gate
from contracts.screen import DEFAULT_ELDER_FROM, check_elder_from
from retrain.bucket import DatasetBucket
from retrain.errors import RecalibrationFailed
from retrain.judge.golden import GoldenPhoto
from retrain.judge.metrics import Estimate, bootstrap_weights
from retrain.judge.predictions import Predict, Prediction, predictor
from retrain.judge.rules import Ruling
from retrain.progress import Say, silent
from retrain.recalibration.cascade import digest_of, shipped_cascade
from retrain.recalibration.evidence import examples_of, gain_out_of_fold
from retrain.recalibration.figures import Answered, LayerFigures, figures
from retrain.recalibration.fit import Example, fit, weight_of_elders
from retrain.recalibration.last_layer import LastLayer
from retrain.recalibration.photos import fetch
from retrain.recalibration.rules import apply_rules, golden_too_small

# The prior weighs as 40 people (fit.py): with fewer than 50 found ones it would outweigh them, and a question of which
# one side has fewer than ten people has no line.
LEAST_PEOPLE: Final = 50
LEAST_OF_AGE: Final = 10
LEAST_MOMENTS: Final = 20  # for folds that each hold some
MAX_FAILED: Final = 0.05  # share of the photos; more are not the photos' fault
REPORT: Final = "report.json"
_REMEDY: Final = "nunchi review export, then nunchi review import"

MakePredictor = Callable[[Path, bool], Predict]  # a manifest; whether with log-odds


@dataclass(frozen=True, kw_only=True, slots=True)
class RecalibrationSettings:
    """`elder_from` is the screen's threshold, `elder_share` that of the customers: None for what the model assumes."""

    gate: float = DEFAULT_GATE
    elder_from: float = DEFAULT_ELDER_FROM
    elder_share: float | None = None
    most: int = 1000  # reviewed photos, the newest: two thousand would hardly say more about nine numbers
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        check_gate(self.gate)
        check_elder_from(self.elder_from)
        if self.elder_share is not None and not 0.01 <= self.elder_share <= 0.99:
            raise ValueError(f"{self.elder_share} is not a share of elders: use a number from 0.01 to 0.99")


class Verdict(StrEnum):
    """What came of it."""

    BETTER = "better"  # the fitted layer may serve
    KEPT = "kept"  # the calibration in service stays
    UNCHANGED = "unchanged"  # the photos give a calibration that the registry has already


@dataclass(frozen=True, kw_only=True, slots=True)
class Recalibration:
    """The outcome. `gain` is what the fit takes from the log loss of reviewed people left out, nats a person.

    `manifest` is the fitted cascade's, and `run` the id of the stored run that equals it. Without a judgement `before`
    and `after` are None.
    """

    verdict: Verdict
    ruling: Ruling
    layer: LastLayer
    reviewed: Mapping[str, Any]
    golden: Mapping[str, Any]
    gain: Estimate
    manifest: Path
    version: str
    run: str | None = None
    before: LayerFigures | None = None
    after: LayerFigures | None = None

    def fields(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "verdict": self.verdict,
            "rule": self.ruling.rule,
            "reason": self.ruling.reason,
            "run": self.run,
            "version": self.version,
            "layer": self.layer.fields(),
            "reviewed": dict(self.reviewed),
            "golden": dict(self.golden),
            "gain_out_of_fold": self.gain.fields(),
            "before": self.before.fields() if self.before else None,
            "after": self.after.fields() if self.after else None,
            "checks": [check.fields() for check in self.ruling.checks],
        }


def recalibrate(
    bucket: DatasetBucket,
    in_service: Path,
    folder: Path,
    *,
    run: str,
    known: Mapping[str, str],
    settings: RecalibrationSettings,
    say: Say = silent,
    make_predictor: MakePredictor | None = None,
) -> Recalibration:
    """Fit and judge the last layer of the cascade whose manifest is `in_service`; nothing is stored or promoted.

    `run` names it in errors, `folder` is empty, `known` maps the digests of stored manifests to their runs.
    RecalibrationFailed if it is no cascade, or there are too few checked photos; JudgementFailed if they can't be
    predicted.
    """
    make_predictor = make_predictor or (lambda manifest, odds: predictor(manifest, log_odds=odds, say=say))
    shipped = shipped_cascade(in_service, folder / "shipped", run=run)
    photos = fetch(bucket, folder / "photos", most=settings.most, say=say)
    _check_golden(photos.golden)
    elder_share = settings.elder_share or shipped.elder_share
    elder_weight = weight_of_elders(elder_share, shipped.elder_share)

    examples = examples_of(photos.reviewed, _predicted(make_predictor(shipped.manifest, True), photos.reviewed))
    reviewed = _counts(photos.reviewed, examples) | {"digest": photos.digest}
    _check_reviewed(reviewed)
    layer = fit(examples, shipped.calibration, elder_weight=elder_weight)
    manifest = shipped.refitted(folder / "candidate", layer, reviewed, elder_share)
    outcome = Recalibration(
        verdict=Verdict.KEPT,
        ruling=Ruling(False, "no_gain", ""),
        layer=layer,
        reviewed=reviewed,
        golden=golden_too_small(photos.golden).numbers,
        gain=gain_out_of_fold(
            photos.reviewed,
            examples,
            shipped.calibration,
            draws=bootstrap_weights(photos.reviewed, draws=settings.draws, seed=settings.seed),
            elder_weight=elder_weight,
        ),
        manifest=manifest,
        version=f"{shipped.fields['name']} {json.loads(manifest.read_bytes())['version']}",
    )
    if (same := known.get(digest_of(manifest))) is not None:
        text = f"the reviewed photos give the calibration of run {same} again, to the byte"
        return replace(outcome, verdict=Verdict.UNCHANGED, ruling=Ruling(False, "unchanged", text), run=same)
    if not outcome.gain.value > 0:
        # Golden photos are not asked: each look at them by a fit that is noise may promote it by chance.
        return replace(outcome, ruling=Ruling(False, "no_gain", _no_gain(outcome.gain)))

    before, after = (
        Answered.of(photos.golden, _predicted(make_predictor(each, False), photos.golden))
        for each in (in_service, manifest)
    )
    judged = judge(photos.golden, after, before, settings=settings, elder_weight=elder_weight)
    verdict = Verdict.BETTER if judged.ruling.promoted else Verdict.KEPT
    outcome = replace(outcome, verdict=verdict, ruling=judged.ruling, before=judged.before, after=judged.after)
    (manifest.parent / REPORT).write_text(json.dumps(outcome.fields(), indent=1) + "\n")
    return outcome


@dataclass(frozen=True, slots=True)
class Judged:
    """The ruling on golden photos, and the figures that it is based on."""

    ruling: Ruling
    before: LayerFigures
    after: LayerFigures


def judge(
    golden: Sequence[GoldenPhoto],
    candidate: Answered,
    incumbent: Answered,
    *,
    settings: RecalibrationSettings,
    elder_weight: float = 1.0,
) -> Judged:
    """The judgement of a candidate on the same draws as the incumbent."""
    draws = bootstrap_weights(golden, draws=settings.draws, seed=settings.seed)
    before, after = (
        figures(golden, each, draws, gate=settings.gate, elder_from=settings.elder_from, elder_weight=elder_weight)
        for each in (incumbent, candidate)
    )
    return Judged(apply_rules(after, before, golden, gate=settings.gate), before, after)


def _predicted(predict: Predict, photos: Sequence[GoldenPhoto]) -> list[Prediction]:
    predictions = predict([photo.path for photo in photos])
    failed = [prediction for prediction in predictions if prediction.error is not None]
    if len(failed) > MAX_FAILED * len(predictions):
        raise RecalibrationFailed(
            f"{len(failed)} of {len(predictions)} checked photos can't be read, the first {failed[0].path.name}: "
            f"{failed[0].error}; nothing was changed. Remove them from the dataset bucket"
        )
    return predictions


def _counts(photos: Sequence[GoldenPhoto], examples: Sequence[Example]) -> dict[str, int]:
    """Of the reviewed photos: people whom the model finds, by age, and their moments."""
    truths = [example.truth for example in examples if example.truth is not None]
    elders = sum(truth.elder for truth in truths)
    return {
        "photos": len(photos),
        "moments": len({example.moment for example in examples}),
        "people": len(truths),
        "elders": elders,
        "adults": len(truths) - elders,
        "not_people": len(examples) - len(truths),
    }


def _check_reviewed(reviewed: Mapping[str, Any]) -> None:
    least = {"people": LEAST_PEOPLE, "elders": LEAST_OF_AGE, "adults": LEAST_OF_AGE, "moments": LEAST_MOMENTS}
    if short := [
        f"{reviewed[name]} {name} ({count} are needed)" for name, count in least.items() if reviewed[name] < count
    ]:
        raise RecalibrationFailed(
            f"in {reviewed['photos']} reviewed photos the model finds {', '.join(short)}: too few to fit on; nothing "
            f"was changed. Review more: {_REMEDY}"
        )


def _check_golden(golden: Sequence[GoldenPhoto]) -> None:
    check = golden_too_small(golden)
    if not check.passes:
        raise RecalibrationFailed(
            f"{check.text}; nothing was fitted. Review more: {_REMEDY} with a larger --golden-share; or import a "
            "golden set: nunchi dataset import FOLDER --tree golden"
        )


def _no_gain(gain: Estimate) -> str:
    return (
        f"on reviewed people left out of the fit, the log loss does not fall ({-gain.value:+.4f} nats a person): "
        "the shipped calibration fits these photos already"
    )
