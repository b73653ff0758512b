"""One training run, from the model in service to an outcome. Read `_run` from top to bottom: it names the stages.

An interrupted run leaves a dataset and a checkpoint in the bucket, and resumes under the same id. The pointer moves
once at most: last, and only over the model that the candidate was measured against.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import NunchiError
from contracts.training import MOST_REASON, Phase, TrainingOutcome, Verdict
from contracts.weights import DAY_0, MOST_TEXT, run_key
from registry.errors import PointerMoved
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket
from retrain.dataset import publication
from retrain.dataset.manifest import DatasetManifest
from retrain.dataset.photos import Split
from retrain.dataset.vetting.preconditions import unmet_precondition
from retrain.drift.guard import RULE as DRIFT
from retrain.drift.guard import Drift, Level
from retrain.errors import Interrupted
from retrain.fit.checkpoints import Checkpoints
from retrain.fit.trainer_process import TrainerProcess
from retrain.fit.training import Plan, TrainedWeights, TrainingSession, export
from retrain.judge.rules import Ruling
from retrain.run.artifacts import Artifacts
from retrain.run.incumbent import Incumbent, fetch_incumbent
from retrain.run.ports import Candidate, Stages
from retrain.run.reporting import Reporter
from retrain.run.stopping import Stopping
from retrain.settings import RetrainSettings

log = logging.getLogger(__name__)

REPORT: Final = "report.html"
PROMOTER: Final = "retrain"  # in the pointer: moved_by
_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(kw_only=True)
class TrainingRun:
    """One training. `folder` is its own and empty; the caller creates and deletes it, and enters the reporter."""

    training: str
    folder: Path
    bucket: DatasetBucket
    weights: WeightsRegistry
    weights_files: DatasetBucket
    stages: Stages
    settings: RetrainSettings
    plan: Plan
    trainer: TrainerProcess
    reporter: Reporter
    stopping: Stopping
    clock: Callable[[], datetime]

    def __post_init__(self) -> None:
        self._artifacts = Artifacts(self.bucket, self.training)
        self._incumbent: str | None = None

    def run(self) -> TrainingOutcome:
        """Run or resume the training, and store its outcome. A training that has an outcome is not repeated.

        Interrupted on a signal: no outcome is stored then, and the next call resumes.
        """
        if (stored := self._artifacts.outcome()) is not None:
            return stored
        try:
            outcome = self._run()
        except Interrupted:
            self._report_interruption()
            raise
        except Exception as error:  # every training needs an outcome: its instance costs money until there is one
            if self.stopping.requested.is_set():
                # The signal reached our child processes too, or was raised inside code that wraps errors in its own.
                self._report_interruption()
                raise Interrupted(f"the training was interrupted by a signal, which caused: {error!r}") from error
            outcome = self._failed(error)
        with self.stopping.finishing():
            self._artifacts.store_log(self.trainer.work)
            stored = self._artifacts.store_outcome(outcome)
            self.reporter.phase(Phase.STORING, f"{outcome.verdict}: {outcome.reason}"[:MOST_REASON])
        return stored

    def check(self) -> tuple[str, str] | None:
        """The rule and the reason why a training would be skipped now; None if it would run. Nothing is stored."""
        incumbent = self._fetch_incumbent()
        manifest = self.stages.build_dataset(self.folder / "dataset", incumbent, self.reporter.say)
        return self._unmet_precondition(manifest) or self._drifted(self.stages.check_drift(incumbent))

    def _run(self) -> TrainingOutcome:
        self.reporter.phase(Phase.STARTING, f"training {self.training} reads the model in service")
        if self.weights.current().run == self.training:
            return self._outcome(
                Verdict.PROMOTED, "better", "it was promoted before the interruption", run=self.training
            )
        self._incumbent = self.weights.current().run  # first, so that the outcome of a failed download names it
        incumbent = self._fetch_incumbent()

        self.reporter.phase(Phase.BUILDING, f"the dataset, to beat {incumbent.run or DAY_0}")
        dataset = self.folder / "dataset"
        manifest = self._build_dataset(dataset, incumbent)
        if (unmet := self._unmet_precondition(manifest) or self._check_drift(incumbent)) is not None:
            return self._outcome(Verdict.SKIPPED, *unmet)

        train, val = (len(manifest.of(split)) for split in (Split.TRAIN, Split.VAL))
        self.reporter.phase(Phase.TRAINING, f"{train} photos to train on, {val} to validate on")
        from_incumbent = self.settings.from_incumbent and incumbent.weights is not None
        plan = replace(self.plan, model=str(incumbent.weights)) if from_incumbent else self.plan
        trained = self._fit(plan, dataset, manifest)

        self.reporter.phase(Phase.JUDGING, f"the candidate, against {incumbent.run or DAY_0}")
        candidate = Candidate(
            run=self.training,
            folder=self.folder / "candidate",
            dataset=dataset,
            manifest=manifest,
            plan=plan,
            trained=trained,
            network=self._export(plan, trained),
            incumbent=incumbent,
        )
        candidate.folder.mkdir(exist_ok=True)
        self.stages.package(candidate, self.reporter.say)
        ruling = self.stages.judge(candidate, self.reporter.say)

        self.reporter.phase(Phase.STORING, "the candidate and its report")
        with self.stopping.finishing():
            return self._promote(candidate, ruling)

    def _fetch_incumbent(self) -> Incumbent:
        return fetch_incumbent(self.weights, self.weights_files, self.bucket, self.folder / "incumbent")

    def _build_dataset(self, folder: Path, incumbent: Incumbent) -> DatasetManifest:
        """The build that this training published before an interruption, or a new one."""
        if publication.find(self.bucket, self.training) is not None:
            return publication.fetch(self.bucket, self.training, folder, say=self.reporter.say)
        manifest = self.stages.build_dataset(folder, incumbent, self.reporter.say)
        publication.publish(self.bucket, folder)
        return manifest

    def _unmet_precondition(self, manifest: DatasetManifest) -> tuple[str, str] | None:
        """`force` allows few labels, not a missing class or too few golden photos."""
        least_new = 0 if self.settings.force else self.settings.least_new_people
        return unmet_precondition(manifest, least_new=least_new, golden_least=self.settings.golden_least)

    def _check_drift(self, incumbent: Incumbent) -> tuple[str, str] | None:
        """Store and report the drift, also if it stops nothing; the rule and the reason if it does."""
        drift = self.stages.check_drift(incumbent)
        self._artifacts.store_drift(drift)
        for finding in drift.findings:
            self.reporter.say(0, 0, f"drift, {finding.level}: {finding.where}: {finding.why}")
        return self._drifted(drift)

    def _drifted(self, drift: Drift) -> tuple[str, str] | None:
        return (DRIFT, drift.reason) if drift.level is Level.STOP and not self.settings.force else None

    def _fit(self, plan: Plan, dataset: Path, manifest: DatasetManifest) -> TrainedWeights:
        session = TrainingSession(
            trainer=self.trainer,
            plan=plan,
            data=dataset / "data.yaml",
            build=manifest.build,
            checkpoints=Checkpoints(self.bucket, self.training),
            say=self.reporter.say,
            store_every_s=self.settings.checkpoint_every_s,
        )
        with self.stopping.finishing():  # the session stops the trainer itself, and stores its checkpoint
            trained = session.run()
            if plan.track != "none":
                self._artifacts.store_tracked(self.trainer.work)
        self.stopping.check()
        return trained

    def _export(self, plan: Plan, trained: TrainedWeights) -> Path:
        with self.stopping.finishing():
            network = export(self.trainer, trained.best, plan.image_size)
        self.stopping.check()
        return network

    def _promote(self, candidate: Candidate, ruling: Ruling) -> TrainingOutcome:
        """Store the candidate whatever the ruling, and move the pointer if it is better."""
        self.weights.add(candidate.folder, candidate.run)
        verdict, rule, reason = Verdict.KEPT, ruling.rule, ruling.reason
        if ruling.promoted:
            line = " ".join(reason.split())[:MOST_TEXT]
            try:
                self.weights.promote(candidate.run, by=PROMOTER, reason=line, over=candidate.incumbent.pointer)
                verdict = Verdict.PROMOTED
            except PointerMoved as error:
                rule = error.rule
                reason = f"it is better than {candidate.incumbent.run or DAY_0}, which is no longer in service: {error}"
        report = run_key(candidate.run, REPORT) if (candidate.folder / REPORT).exists() else None
        return self._outcome(verdict, rule, reason, run=candidate.run, report=report)

    def _failed(self, error: Exception) -> TrainingOutcome:
        expected = isinstance(error, NunchiError | ClientError | BotoCoreError | OSError)
        reason = str(error) if expected else f"{type(error).__name__}: {error}"
        log.error("the training failed: %s", reason, exc_info=None if expected else error)
        return self._outcome(Verdict.FAILED, rule_of(error), reason)

    def _report_interruption(self) -> None:
        self.reporter.phase(Phase.TRAINING, "interrupted; call it again with the same id to resume")
        self._artifacts.store_log(self.trainer.work)

    def _outcome(
        self, verdict: Verdict, rule: str, reason: str, *, run: str | None = None, report: str | None = None
    ) -> TrainingOutcome:
        return TrainingOutcome(
            training=self.training,
            verdict=verdict,
            rule=rule,
            reason=(reason.strip() or rule)[:MOST_REASON],
            run=run,
            incumbent=self._incumbent,
            report=report,
            ended_at=self.clock(),
        )


def rule_of(error: Exception) -> str:
    """The rule of a training that fails with this error: a NunchiError carries its own."""
    if isinstance(error, NunchiError):
        return error.rule
    if isinstance(error, ClientError | BotoCoreError):
        return "storage"
    return "disk_full" if isinstance(error, OSError) and error.errno in _DISK_FULL else "crash"
