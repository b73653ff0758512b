"""One training run, from the incumbent to an outcome. Read `_decided` from top to bottom: it is the run.

A run that is cut off leaves a dataset and a checkpoint in the bucket and is gone on with under the same id. Whatever
happens, the pointer moves once or not at all: last, and only over the model that the candidate was measured against.
"""

from __future__ import annotations

import errno
import io
import json
import logging
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import NunchiError
from contracts.training import DRIFT, MOST_REASON, OUTCOME, Phase, TrainingOutcome, Verdict, training_key
from contracts.weights import DAY_0, MOST_TEXT, run_key
from registry.errors import PointerMoved
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket
from retrain.dataset import publication
from retrain.dataset.manifest import DatasetManifest
from retrain.dataset.vetting.preconditions import unmet_precondition
from retrain.drift.guard import RULE as DRIFTS
from retrain.drift.guard import Drift, Level
from retrain.errors import Interrupted
from retrain.fit.checkpoints import Checkpoints
from retrain.fit.trainer_process import LOG, TrainerProcess
from retrain.fit.training import Plan, TrainedWeights, TrainingSession, export
from retrain.run.incumbent import Incumbent, bring
from retrain.run.ports import Candidate, PromotionRuling, RunSettings, Stages
from retrain.run.reporting import Reporter
from retrain.run.stopping import Stopping

log = logging.getLogger(__name__)

REPORT: Final = "report.html"
PROMOTER: Final = "retrain"  # who moved the pointer, in it
TRACKED: Final = ("run/wandb", "mlflow.db", "mlruns")  # in the trainer's folder
MOST_LOG: Final = 1 << 20  # bytes of the trainer's log that are stored
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


class TrainingRun:
    """One training. `folder` is its own, there and empty; whoever made it takes it away."""

    def __init__(
        self,
        training: str,
        folder: Path,
        *,
        bucket: DatasetBucket,
        weights: WeightsRegistry,
        weights_files: DatasetBucket,
        steps: Stages,
        rules: RunSettings,
        plan: Plan,
        trainer: TrainerProcess,
        reporter: Reporter,
        stopping: Stopping,
        clock: Callable[[], datetime],
        store_every_s: float = 120.0,
    ) -> None:
        self._training = training
        self._folder = folder
        self._bucket = bucket
        self._weights = weights
        self._weights_files = weights_files
        self._steps = steps
        self._rules = rules
        self._plan = plan
        self._trainer = trainer
        self._reporter = reporter
        self._stopping = stopping
        self._clock = clock
        self._store_every_s = store_every_s
        self._incumbent: str | None = None

    def decide(self) -> TrainingOutcome:
        """Do it, or go on with it; its outcome, which is stored then. One that has an outcome is left as it is.

        Interrupted when it was told to end: there is no outcome then, and it goes on when it is called again.
        """
        if (before := stored_outcome(self._bucket, self._training)) is not None:
            return before
        try:
            outcome = self._decided()
        except Interrupted:
            self._cut_off()
            raise
        except Exception as error:  # the story must end: whoever waits pays for an instance
            if self._stopping.told.is_set():
                # The signal went to our children, too, or came in the middle of what hands errors on as its own.
                self._cut_off()
                raise Interrupted(f"the training was told to end, and broke off: {error!r}") from error
            outcome = self._failed(error)
        with self._stopping.finishing():
            self._keep_log()
            content = outcome.to_json().encode()
            self._bucket.put_once(training_key(self._training, OUTCOME), content, "application/json")
            self._reporter.phase(Phase.STORING, f"{outcome.verdict}: {outcome.reason}"[:MOST_REASON])
        return stored_outcome(self._bucket, self._training) or outcome

    def _cut_off(self) -> None:
        self._reporter.phase(Phase.TRAINING, "told to end; call it again with the same id, and it goes on")
        self._keep_log()

    def _failed(self, error: Exception) -> TrainingOutcome:
        if isinstance(error, NunchiError | ClientError | BotoCoreError | OSError):
            log.error("the training failed: %s", error)
            return self._outcome(Verdict.FAILED, rule_of(error), str(error))
        log.error("the training failed in a way that nobody thought of", exc_info=error)
        return self._outcome(Verdict.FAILED, rule_of(error), f"{type(error).__name__}: {error}")

    def _decided(self) -> TrainingOutcome:
        self._reporter.phase(Phase.STARTING, f"training {self._training} looks at what serves")
        self._incumbent = self._weights.current().run
        if self._incumbent == self._training:
            self._incumbent = None
            return self._outcome(
                Verdict.PROMOTED, "better", "it was put into service before it was cut off", run=self._training
            )
        incumbent = bring(self._weights, self._weights_files, self._bucket, self._folder / "incumbent")
        self._incumbent = incumbent.run

        self._reporter.phase(Phase.BUILDING, f"the dataset, to beat {incumbent.run or DAY_0}")
        dataset = self._folder / "dataset"
        manifest = self._dataset(dataset, incumbent)
        if (no := self._too_little(manifest)) is not None:
            return self._outcome(Verdict.SKIPPED, *no)
        drift = self._steps.drifting(manifest, incumbent)
        self._keep_drift(drift)
        if (no := self._moved(drift)) is not None:
            return self._outcome(Verdict.SKIPPED, *no)

        self._reporter.phase(Phase.TRAINING, _sizes(manifest))
        plan = self._plan
        if self._rules.from_incumbent and incumbent.weights is not None:
            plan = replace(plan, model=str(incumbent.weights))
        with self._stopping.finishing():  # the trainer is told, and its checkpoint stored
            trained = self._train(plan, dataset, manifest)
            self._keep_tracked(plan)
        self._stopping.check()
        self._reporter.phase(Phase.JUDGING, f"the candidate, against {incumbent.run or DAY_0}")
        with self._stopping.finishing():
            network = export(self._trainer, trained.best, plan.image_size)
        self._stopping.check()
        made = Candidate(
            run=self._training,
            folder=self._folder / "candidate",
            dataset=dataset,
            manifest=manifest,
            plan=plan,
            trained=trained,
            network=network,
            incumbent=incumbent,
        )
        made.folder.mkdir(exist_ok=True)
        self._steps.pack(made, self._reporter.say)
        ruling = self._steps.judge(made, self._reporter.say)

        self._reporter.phase(Phase.STORING, "the candidate and its report")
        with self._stopping.finishing():
            return self._stored(made, ruling)

    def _dataset(self, folder: Path, incumbent: Incumbent) -> DatasetManifest:
        """The build of this training: of before it was cut off, or made now."""
        if publication.find(self._bucket, self._training) is not None:
            return publication.fetch(self._bucket, self._training, folder, say=self._reporter.say)
        manifest = self._steps.build(folder, incumbent, self._reporter.say)
        publication.publish(self._bucket, folder)
        return manifest

    def senseless(self) -> tuple[str, str] | None:
        """The rule and the reason why a training would make no sense now, None when it would; nothing is stored."""
        incumbent = bring(self._weights, self._weights_files, self._bucket, self._folder / "incumbent")
        manifest = self._steps.build(self._folder / "dataset", incumbent, self._reporter.say)
        return self._too_little(manifest) or self._moved(self._steps.drifting(manifest, incumbent))

    def _too_little(self, manifest: DatasetManifest) -> tuple[str, str] | None:
        rules = self._rules  # who forces it may do with few labels; without a class or a judge it has no sense
        return unmet_precondition(
            manifest, least_new=0 if rules.force else rules.least_new, golden_least=rules.golden_least
        )

    def _moved(self, drift: Drift) -> tuple[str, str] | None:
        return (DRIFTS, drift.reason) if drift.level is Level.STOP and not self._rules.force else None

    def _keep_drift(self, drift: Drift) -> None:
        """What moved is on record and said, also when it stops nothing, or somebody forces the training."""
        content = json.dumps(drift.to_fields(), indent=2) + "\n"
        self._bucket.put(training_key(self._training, DRIFT), content.encode(), "application/json")
        for one in drift.findings:
            self._reporter.say(0, 0, f"drift, {one.level}: {one.where}: {one.why}")

    def _train(self, plan: Plan, dataset: Path, manifest: DatasetManifest) -> TrainedWeights:
        return TrainingSession(
            self._trainer,
            plan,
            data=dataset / "data.yaml",
            build=manifest.build,
            checkpoints=Checkpoints(self._bucket, self._training),
            say=self._reporter.say,
            store_every_s=self._store_every_s,
        ).run()

    def _stored(self, made: Candidate, ruling: PromotionRuling) -> TrainingOutcome:
        """The candidate, stored whatever the ruling, and the pointer, moved if it is better."""
        self._weights.add(made.folder, made.run)
        verdict, rule, reason = Verdict.KEPT, ruling.rule, ruling.reason
        if ruling.promoted:
            line = " ".join(reason.split())[:MOST_TEXT]
            try:
                self._weights.promote(made.run, by=PROMOTER, reason=line, over=made.incumbent.pointer)
                verdict = Verdict.PROMOTED
            except PointerMoved as error:
                rule = error.rule
                reason = f"it is better than {made.incumbent.run or DAY_0}, which does not serve any more: {error}"
        report = run_key(made.run, REPORT) if (made.folder / REPORT).exists() else None
        return self._outcome(verdict, rule, reason, run=made.run, report=report)

    def _outcome(
        self, verdict: Verdict, rule: str, reason: str, *, run: str | None = None, report: str | None = None
    ) -> TrainingOutcome:
        return TrainingOutcome(
            training=self._training,
            verdict=verdict,
            rule=rule,
            reason=(reason.strip() or rule)[:MOST_REASON],
            run=run,
            incumbent=self._incumbent,
            report=report,
            ended_at=self._clock(),
        )

    def _keep_tracked(self, plan: Plan) -> None:
        """What a tracker wrote instead of sending it: `wandb sync` or `mlflow ui` read it on any machine."""
        content = None if plan.track == "none" else _tracked(self._trainer.work)
        if content is not None:
            self._bucket.put(training_key(self._training, "tracked.tar.gz"), content, "application/gzip")

    def _keep_log(self) -> None:
        """The trainer's own words, for whoever wants to know more than the reason."""
        try:
            content = (self._trainer.work / LOG).read_bytes()[-MOST_LOG:]
            self._bucket.put(training_key(self._training, LOG), content, "text/plain")
        except (OSError, ClientError, BotoCoreError):
            return  # there is none, or it can't be had; the outcome matters more


def _tracked(work: Path) -> bytes | None:
    """A .tar.gz of what W&B and MLflow wrote on this machine; None when there is nothing."""
    folders = [path for name in TRACKED if (path := work / name).exists()]
    if not folders:
        return None
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path in folders:
            archive.add(path, arcname=path.relative_to(work))
    return content.getvalue()


def stored_outcome(bucket: DatasetBucket, training: str) -> TrainingOutcome | None:
    """How a training ended; None when it has not."""
    content = bucket.get(training_key(training, OUTCOME))
    return None if content is None else TrainingOutcome.from_json(content)


def rule_of(error: Exception) -> str:
    """The rule of a training that fails with the error: our own errors carry theirs."""
    if isinstance(error, NunchiError):
        return error.rule
    if isinstance(error, ClientError | BotoCoreError):
        return "storage"
    return "disk_full" if isinstance(error, OSError) and error.errno in _NO_ROOM else "crash"


def _sizes(manifest: DatasetManifest) -> str:
    counts = manifest.counts
    return f"{counts['train']['pictures']} photos to learn from, {counts['val']['pictures']} to choose by"
