"""One training run of a recipe's heads, from the model in service to an outcome: minutes, and no GPU.

The stages, the verdicts and the pointer are those of retrain/run/training_run.py; a run so short has no checkpoint, and
an interrupted one begins again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from contracts.errors import NunchiError
from contracts.training import MOST_REASON, Phase, TrainingOutcome, Verdict
from contracts.weights import DAY_0, MOST_TEXT, run_key
from recipes.recipe import Recipe, answers
from registry.errors import PointerMoved
from registry.weights import CurrentRun, WeightsRegistry
from retrain.bucket import DatasetBucket
from retrain.errors import Interrupted
from retrain.heads.dataset import GOLDEN, TRAIN, HeadsDataset, download, moments
from retrain.heads.judge import GoldenSet, golden_subjects, median_ms, read_labels, rule, said_about
from retrain.heads.predictions import predict
from retrain.heads.training import train
from retrain.heads.tuning import Tuner
from retrain.judge.rules import Ruling
from retrain.judge.settings import JudgeSettings
from retrain.run.artifacts import Artifacts
from retrain.run.reporting import Reporter
from retrain.run.stopping import Stopping
from retrain.run.training_run import PROMOTER, rule_of
from retrain.settings import RetrainSettings, golden_photos_for

log = logging.getLogger(__name__)

DATASET: Final = "dataset.json"  # in the run's folder: the photos that it learned from
JUDGEMENT: Final = "judgement.json"


@dataclass(kw_only=True)
class HeadsRun:
    """One training of heads. `folder` is its own and empty; the caller creates and deletes it, enters the reporter."""

    training: str
    folder: Path
    recipe: Recipe
    recipe_name: str  # by which it is loaded
    bucket: DatasetBucket
    weights: WeightsRegistry
    weights_files: DatasetBucket
    settings: RetrainSettings
    reporter: Reporter
    stopping: Stopping
    tuner: Tuner | None
    clock: Callable[[], datetime]

    def __post_init__(self) -> None:
        self._artifacts = Artifacts(self.bucket, self.training)
        self._incumbent: str | None = None

    def run(self) -> TrainingOutcome:
        """Run the training and store its outcome; a training that has one is not repeated. Interrupted on a signal."""
        if (stored := self._artifacts.outcome()) is not None:
            return stored
        try:
            outcome = self._run()
        except Interrupted:
            raise
        except Exception as error:  # every training needs an outcome: its instance costs money until there is one
            if self.stopping.requested.is_set():
                raise Interrupted(f"the training was interrupted by a signal, which caused: {error!r}") from error
            expected = isinstance(error, NunchiError | OSError)
            log.error("the training failed: %s", error, exc_info=None if expected else error)
            outcome = self._outcome(Verdict.FAILED, rule_of(error), str(error) if expected else repr(error))
        with self.stopping.finishing():
            stored = self._artifacts.store_outcome(outcome)
            self.reporter.phase(Phase.STORING, f"{outcome.verdict}: {outcome.reason}"[:MOST_REASON])
        return stored

    def check(self) -> tuple[str, str] | None:
        """The rule and the reason why a training would be skipped now; None if it would run. Nothing is stored."""
        return self._unmet(self._download(), self.weights.current())

    def _run(self) -> TrainingOutcome:
        self.reporter.phase(Phase.STARTING, f"training {self.training} reads the model in service")
        current = self.weights.current()
        if current.run == self.training:
            return self._outcome(
                Verdict.PROMOTED, "better", "it was promoted before the interruption", run=self.training
            )
        self._incumbent = current.run
        incumbent = self._fetch(current)
        self.reporter.phase(Phase.BUILDING, f"the dataset, to beat {current.run or DAY_0}")
        dataset = self._download()
        if (unmet := self._unmet(dataset, current)) is not None:
            return self._outcome(Verdict.SKIPPED, *unmet)
        self.reporter.phase(Phase.TRAINING, f"{len(dataset.train)} photos to train on")
        candidate = self.folder / "candidate"
        trained = train(
            self.recipe_name,
            dataset.folder / TRAIN,
            candidate,
            version=self.training,
            trained_on=f"{len(dataset.train)} photos of the dataset bucket {self.bucket.name}",
            cache=self.folder / "features",
            tuner=self.tuner,
            say=self.reporter.say,
        )
        _write(candidate / DATASET, {"photos": [str(reference) for reference in dataset.train]})
        self.stopping.check()
        self.reporter.phase(Phase.JUDGING, f"the candidate, against {current.run or DAY_0}")
        ruling = self._judge(dataset, trained.manifest, incumbent)
        _write(candidate / JUDGEMENT, _fields(ruling))
        self.stopping.check()
        self.reporter.phase(Phase.STORING, "the candidate and its report")
        with self.stopping.finishing():
            return self._promote(candidate, ruling, current)

    def _fetch(self, current: CurrentRun) -> Path | None:
        """The incumbent's manifest, downloaded; None for the model that the recipe has."""
        if current.run is None:
            return self.settings.start_heads
        run = self.weights.run(current.run)
        if not answers(self.recipe, run.manifest):
            self.reporter.say(
                0, 0, f"run {run.id} answers another recipe, or an older one: {self.recipe.name}'s own judges"
            )
            return self.settings.start_heads
        return self.weights.download(run, self.folder / "incumbent")

    def _download(self) -> HeadsDataset:
        most = self.settings.most_images
        return download(self.bucket, self.recipe, self.folder / "dataset", most=most, say=self.reporter.say)

    def _unmet(self, dataset: HeadsDataset, current: CurrentRun) -> tuple[str, str] | None:
        """Why there is nothing to train; `force` allows few new labels, not too few golden ones."""
        known = self._learned_by(current)
        new = [reference for reference in dataset.train if str(reference) not in known]
        least = 0 if self.settings.force else self.settings.least_new_people
        if len(new) < least or not dataset.train:
            return "too_few_new", f"only {len(new)} new labelled photos since the model in service, of {least} needed"
        if not self._golden(dataset).judges:
            return "golden_too_small", (
                "no golden photo has an answer to the question that this recipe is judged by; check photos by hand, "
                "and add them: nunchi recipe import --golden"
            )
        return None

    def _learned_by(self, current: CurrentRun) -> set[str]:
        if current.run is None:
            return set()
        content = self.weights_files.get(run_key(current.run, DATASET))
        return set() if content is None else set(json.loads(content)["photos"])

    def _judge(self, dataset: HeadsDataset, candidate: Path, incumbent: Path | None) -> Ruling:
        settings = JudgeSettings(
            golden_least=golden_photos_for(self.settings.golden_least),
            golden_least_per_label=self.settings.golden_least,
            gate=self.settings.gate,
            seed=self.settings.seed,
        )
        photos = [dataset.photo(GOLDEN, reference) for reference in dataset.golden]
        judged = self._golden(dataset, settings)
        figures = []
        for manifest in (candidate, incumbent):
            predicted = predict(self.recipe_name, manifest, photos, say=self.reporter.say)
            said = said_about(self.recipe, judged.subjects, predicted)
            figures.append(judged.figures(said, ms=median_ms(predicted), gate=settings.gate))
        return rule(figures[0], figures[1], judged, gate=settings.gate, settings=settings)

    def _golden(self, dataset: HeadsDataset, settings: JudgeSettings | None = None) -> GoldenSet:
        labels = read_labels([dataset.label_file(GOLDEN, reference) for reference in dataset.golden])
        golden = golden_subjects(labels, moments(dataset, dataset.golden))
        return GoldenSet.of(self.recipe, golden, settings or JudgeSettings(draws=1))

    def _promote(self, candidate: Path, ruling: Ruling, current: CurrentRun) -> TrainingOutcome:
        """Store the candidate whatever the ruling, and move the pointer if it is better."""
        self.weights.add(candidate, self.training)
        verdict, why, reason = Verdict.KEPT, ruling.rule, ruling.reason
        if ruling.promoted:
            try:
                self.weights.promote(
                    self.training, by=PROMOTER, reason=" ".join(reason.split())[:MOST_TEXT], over=current
                )
                verdict = Verdict.PROMOTED
            except PointerMoved as error:
                why = error.rule
                reason = f"it is better than {current.run or DAY_0}, which is no longer in service: {error}"
        return self._outcome(verdict, why, reason, run=self.training)

    def _outcome(self, verdict: Verdict, rule: str, reason: str, *, run: str | None = None) -> TrainingOutcome:
        return TrainingOutcome(
            training=self.training,
            verdict=verdict,
            rule=rule,
            reason=(reason.strip() or rule)[:MOST_REASON],
            run=run,
            incumbent=self._incumbent,
            report=None,
            ended_at=self.clock(),
        )


def _write(path: Path, fields: Any) -> None:
    path.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")


def _fields(ruling: Ruling) -> dict[str, Any]:
    return {
        "promoted": ruling.promoted,
        "rule": ruling.rule,
        "reason": ruling.reason,
        "checks": [check.fields() for check in ruling.checks],
    }
