"""The stages of a run, implemented by the dataset, the worker's own code, the judge and the drift guard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from contracts.weights import DAY_0, MANIFEST
from recipes.detects import Detects
from retrain.bucket import DatasetBucket, Tree, stem
from retrain.dataset.assembly import build
from retrain.dataset.manifest import DatasetManifest
from retrain.dataset.photos import Split
from retrain.dataset.settings import DatasetSettings
from retrain.drift.facts import gather_facts
from retrain.drift.guard import Drift, DriftLimits, check_drift
from retrain.fit.calibration import AS_IT_IS, calibrate, examples
from retrain.fit.candidate import CUT, package, with_fields
from retrain.judge import JudgeSettings, judge, report
from retrain.judge.golden import golden_photos
from retrain.judge.predictions import predictor
from retrain.judge.rules import Ruling
from retrain.progress import Say
from retrain.review.confidences import Results
from retrain.run.incumbent import Incumbent
from retrain.run.ports import Candidate, Stages
from retrain.settings import RetrainSettings, golden_photos_for

_HOME: Final = Path(__file__).parents[2]
_NOT_STORED: Final = ("model", "track", "track_to", "name")  # fields of a plan that depend on the machine


def make_stages(
    bucket: DatasetBucket,
    *,
    results: Results | None,
    detects: Detects,
    training: str,
    settings: RetrainSettings,
    clock: Callable[[], datetime],
) -> Stages:
    """The stages of a training. With `look_over`, the model of day 0 looks for wrong labels, unless it serves."""
    dataset = DatasetSettings(
        val_share=settings.val_share, most_images=settings.most_images, seed=settings.seed, promise=settings.gate
    )
    judging = JudgeSettings(
        golden_least=golden_photos_for(settings.golden_least),
        golden_least_per_label=settings.golden_least,
        gate=settings.gate,
        seed=settings.seed,
    )

    def build_dataset(folder: Path, incumbent: Incumbent, say: Say) -> DatasetManifest:
        teacher = predictor(None, say=say) if settings.look_over and incumbent.run is not None else None
        earlier = incumbent.dataset
        return build(
            bucket,
            folder,
            build=training,
            settings=dataset,
            detects=detects,
            earlier=earlier,
            predict=teacher,
            at=clock(),
            results=results,
            say=say,
        )

    def judge_candidate(candidate: Candidate, say: Say) -> Ruling:
        manifest = candidate.folder / MANIFEST
        judgement = judge(
            manifest, candidate.incumbent.manifest, candidate.dataset, detects=detects, settings=judging, say=say
        )
        report.write(candidate.folder, judgement)
        fields = judgement.fields()
        with_fields(candidate.folder, metrics={"golden": fields["golden"], **fields["candidate"]})
        return judgement.ruling

    return Stages(
        build_dataset=build_dataset,
        check_drift=partial(drift_since, bucket, results, gate=settings.gate),
        package=package_candidate,
        judge=judge_candidate,
    )


def package_candidate(candidate: Candidate, say: Say) -> None:
    """Fill the candidate's folder with raw scores, predict the val photos, and store the calibration fitted on them."""
    plan, trained, incumbent = candidate.plan, candidate.trained, candidate.incumbent
    from_incumbent = incumbent.weights is not None and plan.model == str(incumbent.weights)
    manifest = package(
        candidate.folder,
        run=candidate.run,
        classes=candidate.manifest.classes,
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
    photos = golden_photos(candidate.dataset, Split.VAL, classes=candidate.manifest.classes)
    predictions = predictor(manifest, say=say)([photo.path for photo in photos])
    checked = {stem(item.reference) for item in candidate.manifest.items if item.source is not Tree.AUTO}
    fitted = calibrate(examples(photos, predictions, human=checked), least=CUT["confidence"])
    for warning in fitted["fitted"]["warnings"]:
        say(len(photos), len(photos), warning)
    with_fields(candidate.folder, calibration=fitted)


def drift_since(bucket: DatasetBucket, results: Results | None, incumbent: Incumbent, *, gate: float) -> Drift:
    """Compare labels since the incumbent's dataset with those before; without `results`, confidences are the notes'.

    `gate` is the workers' confidence gate, which their labels promise to keep.
    """
    since = incumbent.dataset.made_at if incumbent.dataset is not None else None
    return check_drift(*gather_facts(bucket, results, since=since), DriftLimits(promise=gate), bucket.classes)


def code_version() -> str:
    """A digest of the code that trained; the machine need not have a git checkout."""
    digest = hashlib.sha256()
    for room in ("contracts", "recipes", "registry", "retrain", "worker"):
        for path in sorted((_HOME / room).rglob("*.py")):
            digest.update(f"{path.relative_to(_HOME)}\0".encode() + path.read_bytes())
    return f"sha256:{digest.hexdigest()[:16]}"
