"""The stages of a run as ports. retrain/run/stages.py implements them; tests pass fakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from retrain.dataset.manifest import DatasetManifest
from retrain.drift.guard import Drift
from retrain.fit.training import Plan, TrainedWeights
from retrain.progress import Say
from retrain.run.incumbent import Incumbent


class PromotionRuling(Protocol):
    """Whether the candidate is promoted, by which rule and for which reason."""

    @property
    def promoted(self) -> bool: ...
    @property
    def rule(self) -> str: ...
    @property
    def reason(self) -> str: ...


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

    `build_dataset(folder, incumbent, say)` fills the folder; `check_drift(manifest, incumbent)` compares the labels
    since the incumbent's dataset with those before; `package(candidate, say)` fills the candidate's folder;
    `judge(candidate, say)` measures it against the incumbent and writes the report there.
    """

    build_dataset: Callable[[Path, Incumbent, Say], DatasetManifest]
    check_drift: Callable[[DatasetManifest, Incumbent], Drift]
    package: Callable[[Candidate, Say], None]
    judge: Callable[[Candidate, Say], PromotionRuling]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The preconditions of a training. `force` ignores drift and too few new labels."""

    least_new: int
    golden_least: int
    force: bool = False
    from_incumbent: bool = True
