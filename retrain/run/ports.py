"""What a run needs others for, and what it hands them. retrain/run/stages.py does it for real, tests with fakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from retrain.dataset.manifest import DatasetManifest
from retrain.drift.guard import Drift
from retrain.fit.training import Plan, Say, TrainedWeights
from retrain.run.incumbent import Incumbent


class PromotionRuling(Protocol):
    """Whether the candidate may serve, and why."""

    @property
    def promoted(self) -> bool: ...
    @property
    def rule(self) -> str: ...
    @property
    def reason(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What training made, for whoever packs and judges it."""

    run: str
    folder: Path  # the candidate's, empty
    dataset: Path
    manifest: DatasetManifest
    plan: Plan
    trained: TrainedWeights
    network: Path
    incumbent: Incumbent


@dataclass(frozen=True, kw_only=True)
class Stages:
    """What others know how to do. Each raises a NunchiError when it can't, which ends the training.

    `build(folder, incumbent, say)` makes a dataset; `drifting(manifest, incumbent)` says what moved since the incumbent
    learned; `pack(made, say)` fills the candidate's folder; `judge(made, say)` measures it and puts the report there.
    """

    build: Callable[[Path, Incumbent, Say], DatasetManifest]
    drifting: Callable[[DatasetManifest, Incumbent], Drift]
    pack: Callable[[Candidate, Say], None]
    judge: Callable[[Candidate, Say], PromotionRuling]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What it takes to train at all."""

    least_new: int
    golden_least: int
    force: bool = False
    from_incumbent: bool = True
