"""The stages of a run as ports. retrain/run/stages.py implements them; tests pass fakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrain.dataset.manifest import DatasetManifest
from retrain.drift.guard import Drift
from retrain.fit.training import Plan, TrainedWeights
from retrain.judge.rules import Ruling
from retrain.progress import Say
from retrain.run.incumbent import Incumbent


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A trained network, to be packaged and judged."""

    run: str
    folder: Path  # the candidate's own, empty
    dataset: Path
    manifest: DatasetManifest
    plan: Plan
    trained: TrainedWeights
    network: Path
    incumbent: Incumbent


@dataclass(frozen=True, kw_only=True)
class Stages:
    """The stages that a run delegates. Each raises a NunchiError on failure, which ends the training.

    `build_dataset(folder, incumbent, say)` fills the folder; `check_drift(incumbent)` compares the labels since the
    incumbent's dataset with those before; `package(candidate, say)` fills the candidate's folder;
    `judge(candidate, say)` measures it against the incumbent and writes the report there.
    """

    build_dataset: Callable[[Path, Incumbent, Say], DatasetManifest]
    check_drift: Callable[[Incumbent], Drift]
    package: Callable[[Candidate, Say], None]
    judge: Callable[[Candidate, Say], Ruling]
