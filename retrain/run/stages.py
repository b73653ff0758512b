"""The stages of a run, implemented by the dataset, the worker's own code, the judge and the drift guard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from contracts.messages import Result
from contracts.names import Reference
from contracts.weights import DAY_0, MANIFEST
from retrain.bucket import DatasetBucket, Tree, stem
from retrain.dataset.assembly import build
from retrain.dataset.manifest import DatasetManifest
from retrain.dataset.photos import Split
from retrain.dataset.settings import DatasetSettings
from retrain.drift.facts import gather_facts
from retrain.drift.guard import Drift, DriftLimits, check_drift
from retrain.fit.calibration import AS_IT_IS, calibrate, examples
from retrain.fit.candidate import CUT, package, with_fields
from retrain.judge import Judgement, JudgeSettings, judge, report
from retrain.judge.golden import golden_photos
from retrain.judge.predictions import predictor
from retrain.progress import Say
from retrain.review.confidences import Results
from retrain.run.incumbent import Incumbent
from retrain.run.ports import Candidate, Stages

_HOME: Final = Path(__file__).parents[2]
_NOT_STORED: Final = ("model", "track", "track_to", "name")  # fields of a plan that depend on the machine


def make_stages(
    bucket: DatasetBucket,
    *,
    training: str,
    dataset: DatasetSettings,
    judging: JudgeSettings,
    look_over: bool,
    drift: Callable[[DatasetManifest, Incumbent], Drift],
    clock: Callable[[], datetime],
) -> Stages:
    """`look_over`: the model of day 0 searches for wrong labels, unless it is the model in service."""

    def build_dataset(folder: Path, incumbent: Incumbent, say: Say) -> DatasetManifest:
        teacher = predictor(None, say=say) if look_over and incumbent.run is not None else None
        return build(
            bucket,
            folder,
            build=training,
            settings=dataset,
            earlier=incumbent.dataset,
            predict=teacher,
            at=clock(),
            say=say,
        )

    def judge_candidate(candidate: Candidate, say: Say) -> Judgement:
        manifest = candidate.folder / MANIFEST
        judgement = judge(manifest, candidate.incumbent.manifest, candidate.dataset, settings=judging, say=say)
        report.write(candidate.folder, judgement)
        fields = judgement.fields()
        with_fields(candidate.folder, metrics={"golden": fields["golden"], **fields["candidate"]})
        return judgement

    return Stages(build_dataset=build_dataset, check_drift=drift, package=package_candidate, judge=judge_candidate)


def package_candidate(candidate: Candidate, say: Say) -> None:
    """Fill the candidate's folder with raw scores, predict the val photos, and store the calibration fitted on them."""
    plan, trained, incumbent = candidate.plan, candidate.trained, candidate.incumbent
    from_incumbent = incumbent.weights is not None and plan.model == str(incumbent.weights)
    manifest = package(
        candidate.folder,
        run=candidate.run,
        onnx=candidate.network,
        weights_pt=trained.best,
        input=plan.image_size,
        calibration=AS_IT_IS,
        data={
            "build": candidate.manifest.build,
            "digest": candidate.manifest.digest,
            "counts": candidate.manifest.counts,
        },
        training={
            "from": (incumbent.run if from_incumbent else Path(plan.model).name) or DAY_0,
            "settings": {name: value for name, value in vars(plan).items() if name not in _NOT_STORED},
            "epochs": trained.epochs,
            "seconds": round(trained.seconds, 1),
            "device": trained.device,
            "val": dict(trained.metrics),
            "notes": list(trained.notes),
        },
        code_version=code_version(),
    )
    photos = golden_photos(candidate.dataset, Split.VAL)
    predictions = predictor(manifest, say=say)([photo.path for photo in photos])
    checked = {stem(item.reference) for item in candidate.manifest.items if item.source is not Tree.AUTO}
    fitted = calibrate(examples(photos, predictions, human=checked), least=CUT["confidence"])
    for warning in fitted.warnings:
        say(len(photos), len(photos), warning)
    with_fields(candidate.folder, calibration=fitted.fields)


def drift_since_incumbent(
    bucket: DatasetBucket, results: Results | None, *, gate: float
) -> Callable[[DatasetManifest, Incumbent], Drift]:
    """Compares labels since the incumbent's dataset with those before; without `results`, confidences are the notes'.

    `gate` is the workers' confidence gate, which their labels promise to keep.
    """

    def drift(_: DatasetManifest, incumbent: Incumbent) -> Drift:
        since = incumbent.dataset.made_at if incumbent.dataset is not None else None
        facts = gather_facts(bucket, results or _NoResults(), since=since)
        return check_drift(*facts, DriftLimits(promise=gate))

    return drift


class _NoResults(Results):
    """The results of no images bucket."""

    def __init__(self) -> None:
        """Without a client."""

    def of(self, references: Iterable[Reference]) -> dict[Reference, Result]:  # noqa: ARG002
        return {}


def code_version() -> str:
    """A digest of the code that trained; the machine need not have a git checkout."""
    digest = hashlib.sha256()
    for room in ("contracts", "registry", "retrain", "worker"):
        for path in sorted((_HOME / room).rglob("*.py")):
            digest.update(f"{path.relative_to(_HOME)}\0".encode() + path.read_bytes())
    return f"sha256:{digest.hexdigest()[:16]}"
