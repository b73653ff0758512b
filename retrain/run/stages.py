"""The steps of a run as they are done for real: with the dataset, the worker's own code, the judge and the watch."""

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
from retrain.fit.training import Say
from retrain.judge import Judgement, JudgeSettings, judge, report
from retrain.judge.golden import golden_photos
from retrain.judge.predictions import predictor
from retrain.review.confidences import Results
from retrain.run.incumbent import Incumbent
from retrain.run.ports import Candidate, Stages

_HOME: Final = Path(__file__).parents[2]


def make_stages(
    bucket: DatasetBucket,
    *,
    training: str,
    dataset: DatasetSettings,
    judging: JudgeSettings,
    look_over: bool,
    drifting: Callable[[DatasetManifest, Incumbent], Drift],
    clock: Callable[[], datetime],
) -> Stages:
    """`look_over`: the model of day 0 looks for wrong labels, unless it is the one that made them."""

    def make(folder: Path, incumbent: Incumbent, say: Say) -> DatasetManifest:
        teacher = predictor(None, say=say) if look_over and incumbent.run is not None else None
        return build(
            bucket,
            folder,
            build=training,
            settings=dataset,
            earlier=incumbent.learned,
            predict=teacher,
            at=clock(),
            say=say,
        )

    def measure(made: Candidate, say: Say) -> Judgement:
        judgement = judge(made.folder / MANIFEST, made.incumbent.manifest, made.dataset, settings=judging, say=say)
        report.write(made.folder, judgement)
        fields = judgement.fields()
        with_fields(made.folder, metrics={"golden": fields["golden"], **fields["candidate"]})
        return judgement

    return Stages(build=make, drifting=drifting, pack=pack, judge=measure)


def pack(made: Candidate, say: Say) -> None:
    """The candidate's folder: packed with its raw scores, asked about the photos of val, calibrated on its answers."""
    plan = {
        name: value for name, value in vars(made.plan).items() if name not in ("model", "track", "track_to", "name")
    }
    started_from = made.incumbent.run if made.incumbent.weights and _is_incumbents(made) else Path(made.plan.model).name
    manifest = package(
        made.folder,
        run=made.run,
        onnx=made.network,
        weights_pt=made.trained.best,
        input=made.plan.image_size,
        calibration=AS_IT_IS,
        data={"build": made.manifest.build, "digest": made.manifest.digest, "counts": made.manifest.counts},
        training={
            "from": started_from or DAY_0,
            "settings": plan,
            "epochs": made.trained.epochs,
            "seconds": round(made.trained.seconds, 1),
            "device": made.trained.device,
            "val": dict(made.trained.metrics),
            "notes": list(made.trained.notes),
        },
        code_version=code_version(),
    )
    photos = golden_photos(made.dataset, Split.VAL)
    said = predictor(manifest, say=say)([photo.path for photo in photos])
    human = {stem(item.reference) for item in made.manifest.items if item.source is not Tree.AUTO}
    fitted = calibrate(examples(photos, said, human=human), least=CUT["confidence"])
    for warning in fitted.warnings:
        say(len(photos), len(photos), warning)
    with_fields(made.folder, calibration=fitted.fields)


def watch(
    bucket: DatasetBucket, results: Results | None, *, gate: float
) -> Callable[[DatasetManifest, Incumbent], Drift]:
    """Looks for a drift since the incumbent's dataset; `results` None: confidences are known from notes only.

    `gate` is that of the workers: what their labels promise.
    """

    def drifting(_: DatasetManifest, incumbent: Incumbent) -> Drift:
        since = incumbent.learned.made_at if incumbent.learned is not None else None
        facts = gather_facts(bucket, results or _NoResults(), since=since)
        return check_drift(*facts, DriftLimits(promise=gate))

    return drifting


class _NoResults(Results):
    """Of an images bucket that nobody named."""

    def __init__(self) -> None:
        """It needs none."""

    def of(self, references: Iterable[Reference]) -> dict[Reference, Result]:  # noqa: ARG002
        return {}


def code_version() -> str:
    """A digest of the code that trained: there need not be a git where it runs."""
    digest = hashlib.sha256()
    for room in ("contracts", "registry", "retrain", "worker"):
        for path in sorted((_HOME / room).rglob("*.py")):
            digest.update(f"{path.relative_to(_HOME)}\0".encode() + path.read_bytes())
    return f"sha256:{digest.hexdigest()[:16]}"


def _is_incumbents(made: Candidate) -> bool:
    return made.plan.model == str(made.incumbent.weights)
