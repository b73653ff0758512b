"""A worker's model source on moto's S3 and fake models: what the tests of reload.py share."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.instants import now
from contracts.weights import Pointer
from recipes.kiosk.labels import LABELS
from recipes.kiosk.message import Person
from registry.weights import WeightsRegistry
from tests.fakes import FACE, FakeDetector
from worker.kiosk.detector import Detector
from worker.kiosk.kinds import load_detector
from worker.models.detector import Image
from worker.models.manifests import ModelManifest
from worker.rollout.reload import ModelSource, Reload, ServingModel
from worker.rollout.runs import Runs
from worker.rollout.weights import PointerRead, S3WeightsBucket, WeightsUnavailable
from worker.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PACE_S = 0.003  # of a fake model, by its own clock
CONTENT = b"weights"
BUCKET = "weights"


class ModelTime(threading.local):
    """A clock that only models move on, each thread's for itself: how busy the machine is makes no model slower."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class PacedDetector(FakeDetector):
    """A model of a manifest, as slow or as wrong as its field `behaviour` says."""

    def __init__(self, manifest: ModelManifest, clock: ModelTime) -> None:
        manifest.file("weights")
        behaviour = manifest.fields.get("behaviour")
        if behaviour == "crashes at load":
            raise RuntimeError("no such operator")
        if behaviour == "hangs at load":
            time.sleep(1)
        people = [] if behaviour == "blind" else [FACE]
        self._clock = clock
        self._pace_s = {"slow": 12 * PACE_S}.get(str(behaviour), PACE_S)
        super().__init__(*people, before=self._pace)
        self._behaviour = behaviour
        self.model = manifest.model

    def detect(self, images: Sequence[Image]) -> list[list[Person]]:
        if self._behaviour == "fails":
            raise ValueError("shapes do not fit")
        if self._behaviour == "nan":
            return [[replace(FACE, confidence=float("nan"))] for _ in images]
        return super().detect(images)

    def _pace(self) -> None:
        self._clock.seconds += self._pace_s


class Shaky:
    """A weights bucket that can be taken away, and a disk that can be full."""

    def __init__(self, real: S3WeightsBucket) -> None:
        self._real = real
        self.away = False
        self.full = False
        self.reads: list[str | None] = []
        self.fetched: list[str] = []

    def read_pointer(self, known_etag: str | None) -> PointerRead | None:
        self.reads.append(known_etag)
        if self.away:
            raise WeightsUnavailable("the bucket does not answer")
        return self._real.read_pointer(known_etag)

    def fetch(self, key: str, path: Path, *, max_bytes: int) -> None:
        self.fetched.append(key)
        self._real.fetch(key, path, max_bytes=max_bytes)
        if self.full:
            raise OSError(28, "No space left on device", str(path))


@dataclass
class Trials:
    """Counts the trials; waits in one while it is told to."""

    tried: list[str] = field(default_factory=list)
    waits_for: asyncio.Event | None = None

    async def __call__(self, manifest: Path) -> None:
        self.tried.append(manifest.parent.name)
        if self.waits_for is not None:
            await self.waits_for.wait()


class Shelf:
    """A weights bucket with runs of fake models, and a worker that follows its pointer."""

    def __init__(self, s3: S3Client, folder: Path) -> None:
        self.s3 = s3
        self._folder = folder
        self.registry = WeightsRegistry(s3, BUCKET)
        self.weights, self.trials, self.metrics = Shaky(S3WeightsBucket(s3, BUCKET)), Trials(), Metrics()
        self.loads, self.clock = 0, ModelTime()
        self.built_in = self._manifest("day-0")
        self.disk = folder / "state" / "weights"
        self.source = ModelSource(
            built_in=self.built_in,
            weights=self.weights,
            runs=Runs(self.disk),
            trial=self.trials,
            load=self._load,
            timeout_s=60,
            clock=self.clock,
        )

    def following(self) -> Reload:
        """A worker with the built-in model."""
        return Reload(self.source, ServingModel(self._load(self.built_in)), self.metrics)

    def add(self, run: str, **fields: Any) -> str:
        """Add a run of a fake model whose version is the run's name; the digest of its manifest."""
        return self.registry.add(self._manifest(run, **fields).parent, run).manifest_sha256

    def promote(self, run: str, **fields: Any) -> str:
        """Add and promote."""
        digest = self.add(run, **fields)
        self.registry.promote(run, by="ada", reason="a test")
        return digest

    def point(self, run: str, digest: str) -> None:
        """Move the pointer without a check, as who has the right and not our command."""
        pointer = Pointer(
            run=run, manifest_sha256=digest, moved_at=now(), moved_by="mallory", previous=None, reason="a test"
        )
        self.put("current.json", pointer.to_json().encode())

    def put(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=content)

    @property
    def refusals(self) -> float:
        return self.metrics.registry.get_sample_value("nunchi_model_refused_total") or 0.0

    @property
    def kept(self) -> set[str]:
        """What is on the worker's disk."""
        return {path.name for path in self.disk.iterdir()} if self.disk.exists() else set()

    def _manifest(self, version: str, **fields: Any) -> Path:
        folder = self._folder / "made" / version
        folder.mkdir(parents=True)
        (folder / "m.onnx").write_bytes(CONTENT)
        manifest: Mapping[str, Any] = {
            "kind": "fake",
            "name": "fake",
            "version": version,
            "classes": [str(label) for label in LABELS],
            "files": {"weights": {"path": "m.onnx", "sha256": hashlib.sha256(CONTENT).hexdigest()}},
        }
        path = folder / "manifest.json"
        path.write_text(json.dumps({**manifest, **fields}))
        return path

    def _load(self, path: Path) -> Detector:
        self.loads += 1
        return load_detector(path, {"fake": partial(PacedDetector, clock=self.clock)})
