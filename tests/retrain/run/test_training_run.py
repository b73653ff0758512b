"""A training run, each way it can end. In each: the pointer is right, the outcome has the reason, no photo is lost.

The trainer and the judge are fakes; the bucket, the dataset, the registry and the process are real.
"""

from __future__ import annotations

import errno
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import HTTPClientError
from moto import mock_aws

from contracts.errors import InvalidMessage
from contracts.training import Phase, TrainingOutcome, TrainingProgress, Verdict
from recipes.kiosk.detects import PEOPLE
from recipes.kiosk.labels import LABELS
from registry.errors import InvalidRun, RunExists, RunUnknown
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset.assembly import build
from retrain.dataset.manifest import DatasetManifest
from retrain.dataset.settings import DatasetSettings
from retrain.drift.guard import Drift, DriftFinding, Level
from retrain.errors import Interrupted, InvalidDataset, InvalidReview, JudgementFailed, RetrainError, TrainerFailed
from retrain.fit.candidate import package
from retrain.fit.trainer_process import DiskFull, OutOfMemory
from retrain.fit.training import Plan
from retrain.judge.rules import Ruling
from retrain.progress import Say
from retrain.review.agreement import PromiseShare
from retrain.run.incumbent import Incumbent
from retrain.run.ports import Candidate, Stages
from retrain.run.reporting import Reporter
from retrain.run.stopping import Stopping
from retrain.run.training_run import TrainingRun, rule_of
from retrain.settings import RetrainSettings
from tests.retrain.trainings import AT, fill, process
from tests.waiting import until

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TRAINING = "20261122t030405z-yolov5n"
OTHER = "20261201t000000z-other"
NO_DRIFT = Drift((), PromiseShare(0, 0), compared=3)


def drifted(level: Level) -> Drift:
    """A kiosk whose labels moved."""
    return Drift(
        (DriftFinding(level, "kiosk counter-1", "labels", "three times as many elders"),),
        PromiseShare(0, 0),
        compared=3,
    )


@dataclass
class Shop:
    """A shop's buckets, and a training in them."""

    s3: S3Client
    folder: Path

    def __post_init__(self) -> None:
        self.bucket = DatasetBucket(self.s3, "dataset", classes=LABELS)
        self.weights = WeightsRegistry(self.s3, "weights", clock=lambda: AT)
        self.stopping = Stopping()
        self.plan = Plan(model="yolov5n.yaml", epochs=4)
        self.settings = RetrainSettings(
            dataset_bucket="dataset",
            weights_bucket="weights",
            least_new_people=10,
            golden_least=2,
            checkpoint_every_s=0,
        )
        self.ruling = Ruling(True, "better", "mAP50 is 0.1 better, and no group falls behind")
        self.drift = NO_DRIFT
        self.during_judging: Callable[[], None] = lambda: None
        self.printed = ""

    def label(self, *, auto: int = 20, golden: int = 8) -> Shop:
        fill(self.bucket, Tree.AUTO, range(auto))
        fill(self.bucket, Tree.GOLDEN, range(1000, 1000 + golden))
        return self

    def serve(self, run: str = OTHER) -> None:
        """Put a YOLOv5 into service."""
        self.add(run)
        self.weights.promote(run, by="ada", reason="a test")

    def add(self, run: str) -> None:
        folder = self.folder / "other"
        package_run(folder, run, b"network", b"0")
        self.weights.add(folder, run)

    def stages(self) -> Stages:
        def build_dataset(folder: Path, incumbent: Incumbent, say: Say) -> DatasetManifest:
            settings = DatasetSettings(val_share=0.5)
            earlier = incumbent.dataset
            return build(
                self.bucket,
                folder,
                build=TRAINING,
                settings=settings,
                earlier=earlier,
                predict=None,
                at=AT,
                say=say,
                detects=PEOPLE,
            )

        def judge(candidate: Candidate, say: Say) -> Ruling:
            assert (candidate.dataset / "images" / "golden").is_dir()
            say(1, 1, "judged")
            self.during_judging()
            (candidate.folder / "report.html").write_text(f"<p>{self.ruling.reason}</p>")
            return self.ruling

        return Stages(
            build_dataset=build_dataset,
            check_drift=lambda *_: self.drift,
            package=lambda candidate, _: package_run(
                candidate.folder, candidate.run, candidate.network.read_bytes(), candidate.trained.best.read_bytes()
            ),
            judge=judge,
        )

    def labels(self) -> dict[str, str]:
        """What was gathered and checked: the digest of each object's content."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket.name)
        trees = tuple(f"{tree}/" for tree in Tree)
        return {
            one["Key"]: one["ETag"]
            for page in pages
            for one in page.get("Contents", ())
            if one["Key"].startswith(trees)
        }

    def run(self) -> TrainingOutcome:
        """However it ends, every photo, label and note is unchanged."""
        before, work = self.labels(), self.folder / "work"
        work.mkdir()
        out = io.StringIO()
        reporter = Reporter(self.bucket, TRAINING, clock=lambda: AT, silence_s=60, beat_s=0.05, out=out)
        run = TrainingRun(
            training=TRAINING,
            folder=work,
            bucket=self.bucket,
            weights=self.weights,
            weights_files=DatasetBucket(self.s3, "weights"),
            stages=self.stages(),
            settings=self.settings,
            plan=self.plan,
            trainer=process(work / "trainer", stopping=self.stopping.requested),
            reporter=reporter,
            stopping=self.stopping,
            clock=lambda: AT,
        )
        try:
            with reporter:
                return run.run()
        finally:
            self.printed = out.getvalue()
            work.rename(self.folder / f"done-{len(list(self.folder.iterdir()))}")
            assert self.labels() == before

    def stored(self) -> TrainingOutcome | None:
        content = self.bucket.get(f"trainings/{TRAINING}/outcome.json")
        return None if content is None else TrainingOutcome.from_json(content)

    def progress(self) -> TrainingProgress:
        content = self.bucket.get(f"trainings/{TRAINING}/progress.json")
        assert content is not None
        return TrainingProgress.from_json(content)

    def jobs(self) -> list[dict[str, Any]]:
        """The jobs of the trainer, in order of time."""
        paths = self.folder.glob("done-*/trainer/jobs/*.json")
        in_order = sorted(paths, key=lambda path: (int(path.parents[2].name.removeprefix("done-")), int(path.stem)))
        return [json.loads(path.read_text()) for path in in_order]


def package_run(folder: Path, run: str, network: bytes, weights: bytes, build: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "n").write_bytes(network)
    (folder / "w").write_bytes(weights)
    package(
        folder,
        run=run,
        onnx=folder / "n",
        weights_pt=folder / "w",
        input=160,
        calibration={},
        data={"build": build},
        training={},
        code_version="test",
        classes=LABELS,
    )
    (folder / "n").unlink()
    (folder / "w").unlink()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        for name in ("dataset", "weights"):
            s3.create_bucket(Bucket=name)
        s3.put_bucket_versioning(Bucket="weights", VersioningConfiguration={"Status": "Enabled"})
        yield Shop(s3, tmp_path)


def outcome(verdict: Verdict, rule: str, reason: str, **fields: Any) -> TrainingOutcome:
    nothing: dict[str, Any] = {"run": None, "incumbent": None, "report": None}
    return TrainingOutcome(
        training=TRAINING, verdict=verdict, rule=rule, reason=reason, ended_at=AT, **(nothing | fields)
    )


STORED = {"run": TRAINING, "report": f"runs/{TRAINING}/report.html"}


def test_a_candidate_that_is_better_serves(shop: Shop) -> None:
    ended = shop.label().run()
    assert ended == shop.stored() == outcome(Verdict.PROMOTED, "better", shop.ruling.reason, **STORED)
    pointer = shop.weights.current().pointer
    assert pointer is not None
    assert (pointer.run, pointer.previous, pointer.moved_by, pointer.reason) == (
        TRAINING,
        None,
        "retrain",
        shop.ruling.reason,
    )
    assert shop.bucket.get(f"builds/{TRAINING}/manifest.json") is not None
    log = shop.bucket.get(f"trainings/{TRAINING}/trainer.log")
    assert log is not None
    assert shop.progress() == TrainingProgress(
        training=TRAINING, phase=Phase.STORING, at=AT, note=f"promoted: {shop.ruling.reason}"
    )


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("not_better", "mAP50 is 0.2 worse"),
        ("group_behind", "it is worse for elder women (-8.0 percentage points), whatever it is on the whole"),
    ],
)
def test_a_candidate_that_is_worse_is_stored_and_does_not_serve(shop: Shop, rule: str, reason: str) -> None:
    """On the whole or for elder women alone: the incumbent serves on, and the candidate's own report says why."""
    shop.label().serve()
    shop.ruling = Ruling(False, rule, reason)
    ended = shop.run()
    assert ended == shop.stored() == outcome(Verdict.KEPT, rule, reason, **STORED | {"incumbent": OTHER})
    assert shop.weights.current().run == OTHER
    assert [run.id for run in shop.weights.runs()] == [TRAINING, OTHER]
    assert DatasetBucket(shop.s3, "weights").get(str(ended.report)) == f"<p>{reason}</p>".encode()


def test_of_two_racing_runs_the_second_does_not_move_the_pointer(shop: Shop) -> None:
    shop.label()
    shop.during_judging = shop.serve
    ended = shop.run()
    assert (ended.verdict, ended.rule, ended.run) == (Verdict.KEPT, "pointer_moved", TRAINING)
    assert ended.reason.startswith("it is better than day-0, which is no longer in service: ")
    assert shop.weights.current().run == OTHER


def test_too_few_labels_end_it_before_the_training(shop: Shop) -> None:
    shop.label(auto=4).serve()
    ended = shop.run()
    assert ended == shop.stored()
    assert (ended.verdict, ended.rule, ended.run, ended.incumbent) == (Verdict.SKIPPED, "too_few_labels", None, OTHER)
    assert ended.reason.startswith(
        "4 people in new photos since the model in service was trained, duplicates and caps left out, fewer than 10"
    )
    assert (shop.weights.current().run, shop.jobs()) == (OTHER, [])


def test_a_class_that_is_missing_ends_it_also_when_forced(shop: Shop) -> None:
    shop.label(auto=1)
    shop.settings = replace(shop.settings, force=True)
    ended = shop.run()
    assert (ended.verdict, ended.rule) == (Verdict.SKIPPED, "class_missing")
    assert "no elder_female in train" in ended.reason
    assert (shop.weights.current().run, shop.jobs()) == (None, [])


def test_without_golden_photos_nothing_is_trained(shop: Shop) -> None:
    ended = shop.label(golden=0).run()
    assert (ended.verdict, ended.rule) == (Verdict.SKIPPED, "golden_too_small")
    assert (shop.weights.current().run, shop.jobs()) == (None, [])


def test_drift_skips_the_training_unless_forced(shop: Shop) -> None:
    shop.label()
    shop.drift = drifted(Level.STOP)
    assert shop.run() == outcome(Verdict.SKIPPED, "drift", "kiosk counter-1: three times as many elders")
    shop.s3.delete_object(Bucket="dataset", Key=f"trainings/{TRAINING}/outcome.json")
    shop.settings = replace(shop.settings, force=True)
    assert shop.run().verdict is Verdict.PROMOTED


def test_a_small_drift_is_stored_and_the_training_runs(shop: Shop) -> None:
    """Beside the outcome, by kiosk and week."""
    shop.label().drift = drifted(Level.WARN)
    assert shop.run().verdict is Verdict.PROMOTED
    assert json.loads(shop.bucket.get(f"trainings/{TRAINING}/drift.json") or b"") == shop.drift.to_fields()
    assert "drift, warn: kiosk counter-1: three times as many elders\n" in shop.printed


def test_a_full_disk_fails_it_with_numbers(shop: Shop) -> None:
    shop.label().serve()
    shop.plan = replace(shop.plan, hyperparameters={"fake": "disk_full"})
    ended = shop.run()
    assert (ended.verdict, ended.rule, ended.run, ended.incumbent) == (Verdict.FAILED, "disk_full", None, OTHER)
    assert "MB of" in ended.reason
    assert shop.weights.current().run == OTHER


def test_a_crash_of_the_training_fails_it_and_its_log_is_kept(shop: Shop) -> None:
    shop.label().serve()
    shop.plan = replace(shop.plan, hyperparameters={"fake": "crash"})
    ended = shop.run()
    assert (ended.verdict, ended.rule, ended.incumbent) == (Verdict.FAILED, "training_crash", OTHER)
    assert ended.reason.endswith("Traceback: the head fell off")
    log = shop.bucket.get(f"trainings/{TRAINING}/trainer.log")
    assert log is not None
    assert log.endswith(b"Traceback: the head fell off\n")
    assert shop.weights.current().run == OTHER


def test_a_spot_notice_ends_it_without_an_outcome_and_the_next_machine_resumes(shop: Shop) -> None:
    shop.label()
    shop.plan = replace(shop.plan, hyperparameters={"fake": "wait", "at": 3})
    waiting = shop.folder / "work" / "trainer" / "waiting"

    def end() -> None:
        until(waiting.exists, within_s=60, what="epoch 3")
        shop.stopping.requested.set()

    notice = threading.Thread(target=end)
    notice.start()
    with pytest.raises(Interrupted):
        shop.run()
    notice.join()
    assert (shop.stored(), shop.weights.current().run) == (None, None)
    assert shop.progress().note == "interrupted; call it again with the same id to resume"
    fill(shop.bucket, Tree.AUTO, range(100, 108))  # the shop goes on, too: these are for the next training
    shop.stopping = Stopping()
    shop.plan = replace(shop.plan, hyperparameters={})
    assert shop.run() == outcome(Verdict.PROMOTED, "better", shop.ruling.reason, **STORED)
    first, second = shop.jobs()
    assert ("resume" in first, Path(second["resume"]).name) == (False, "last.pt")
    manifest = DatasetManifest.from_json(shop.bucket.get(f"builds/{TRAINING}/manifest.json") or b"")
    assert len(manifest.items) + len(manifest.excluded) == 28


def test_a_run_that_was_interrupted_after_its_promotion_is_promoted(shop: Shop) -> None:
    shop.serve(TRAINING)
    ended = shop.run()
    assert ended == outcome(Verdict.PROMOTED, "better", "it was promoted before the interruption", run=TRAINING)


def test_a_training_that_has_an_outcome_is_not_repeated(shop: Shop) -> None:
    first = shop.label().run()
    shop.ruling = Ruling(False, "not_better", "worse")
    assert shop.run() == first
    assert len(shop.jobs()) == 1


def test_training_starts_from_the_weights_in_service(shop: Shop) -> None:
    shop.label().serve()
    shop.run()
    [job] = shop.jobs()
    assert Path(job["model"]).parts[-2:] == ("incumbent", "weights.pt")


@pytest.mark.parametrize(("track", "kept"), [("none", None), ("mlflow", ["mlruns", "mlruns/run"])])
def test_the_files_of_a_tracker_are_stored_and_nothing_without_one(
    shop: Shop, track: str, kept: list[str] | None
) -> None:
    shop.plan = replace(shop.plan, track=track)
    shop.label().run()
    content = shop.bucket.get(f"trainings/{TRAINING}/tracked.tar.gz")
    if content is None:
        assert kept is None
    else:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            assert archive.getnames() == kept


def test_an_unreadable_incumbent_fails_the_training(shop: Shop) -> None:
    shop.label().serve()
    shop.s3.put_object(Bucket="weights", Key=f"runs/{OTHER}/network.onnx", Body=b"other")
    ended = shop.run()
    assert (ended.verdict, ended.rule) == (Verdict.FAILED, "incumbent_unreadable")
    assert (shop.weights.current().run, shop.jobs()) == (OTHER, [])


@pytest.mark.parametrize(
    ("error", "rule", "reason"),
    [
        (JudgementFailed("nothing was judged"), "judgement_failed", "nothing was judged"),
        (ZeroDivisionError("unexpected"), "crash", "ZeroDivisionError: unexpected"),
        (OSError(28, "No space left on device"), "disk_full", "[Errno 28] No space left on device"),
    ],
)
def test_an_error_of_the_judge_keeps_the_incumbent(shop: Shop, error: Exception, rule: str, reason: str) -> None:
    shop.label()

    def broken() -> None:
        raise error

    shop.during_judging = broken
    assert shop.run() == shop.stored() == outcome(Verdict.FAILED, rule, reason)
    assert shop.weights.current().run is None


@pytest.mark.parametrize(
    ("error", "rule"),
    [
        (InvalidDataset("no"), "dataset_refused"),
        (TrainerFailed("no"), "training_crash"),
        (OutOfMemory("no"), "out_of_memory"),
        (DiskFull("no"), "disk_full"),
        (JudgementFailed("no"), "judgement_failed"),
        (InvalidRun("no"), "incumbent_unreadable"),
        (RunUnknown("no"), "incumbent_unreadable"),
        (RunExists("no"), "run_exists"),
        (InvalidReview("no"), "refused"),
        (InvalidMessage("no"), "refused"),
        (type("Renamed", (OutOfMemory,), {})("no"), "out_of_memory"),
        (type("Nameless", (RetrainError,), {})("no"), "refused"),
        (OSError(errno.EDQUOT, "Quota exceeded"), "disk_full"),
        (OSError(errno.EIO, "I/O error"), "crash"),
        (HTTPClientError(error="reset"), "storage"),
        (ZeroDivisionError("no"), "crash"),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_the_rule_of_an_error_does_not_depend_on_its_class_name(error: Exception, rule: str) -> None:
    """Its own, its parent's, or the generic one."""
    assert rule_of(error) == rule


def test_an_error_caused_by_the_signal_is_an_interruption_and_the_run_resumes(shop: Shop) -> None:
    """A signal to the process group ends the judge's process first."""
    shop.label()

    def both_end() -> None:
        shop.stopping.requested.set()
        raise JudgementFailed("the process ended with status -15")

    shop.during_judging = both_end
    with pytest.raises(Interrupted, match="status -15"):
        shop.run()
    assert (shop.stored(), shop.weights.current().run) == (None, None)
    shop.stopping, shop.during_judging = Stopping(), lambda: None
    assert shop.run().verdict is Verdict.PROMOTED


def test_a_missing_weights_bucket_keeps_the_incumbent_and_names_the_error(shop: Shop) -> None:
    shop.label()
    shop.during_judging = lambda: shop.s3.delete_bucket(Bucket="weights") and None
    ended = shop.run()
    assert ended == shop.stored()
    assert (ended.verdict, ended.rule, ended.run) == (Verdict.FAILED, "storage", None)
    assert "NoSuchBucket" in ended.reason
