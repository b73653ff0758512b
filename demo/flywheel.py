"""The run of `nunchi flywheel`: two trainings and a rollback in a local cloud, with drawn customers."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.markup import escape

from contracts.names import BUILDS, POINTER, RUNS, TRAININGS
from contracts.private_folder import make_private
from contracts.settings import variables_of
from contracts.training import Phase, TrainingOutcome, TrainingProgress, Verdict
from contracts.weights import DAY_0
from demo.customers import ServedPhoto, count_auto_labels, review, serve
from demo.drawn_people import draw_folder, draw_trial_picture
from local import worker_socket
from local.errors import CloudError
from local.record import Record
from local.state import StateDir
from ops.commands.cloud import fresh_cloud
from ops.commands.train import train_locally
from ops.display import err, out, progress_bars
from recipes.kiosk.labels import LABELS
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset.yolo_import.class_names import classes_in
from retrain.dataset.yolo_import.folder import scan_folder, store
from retrain.dataset.yolo_import.listing import list_folder
from retrain.settings import RetrainSettings
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.settings import WorkerSettings

BY: Final = "nunchi flywheel"
CLOUD: Final = "cloud"
LEAST_NEW_LABELS: Final = 5
RELOAD_S: Final = 90.0
IMAGE_SIZE: Final = 128  # of what the network sees: heads of 40 to 60 pixels are left, and a step takes 0.1 s
# What a small network needs to learn a few hundred drawings in minutes: no mosaics, and colours nearly as they are.
HYPERPARAMETERS: Final[Mapping[str, float | str]] = {
    "optimizer": "AdamW",
    "lr0": 0.002,
    "warmup_epochs": 1,
    "mosaic": 0,
    "scale": 0.3,
    "hsv_h": 0,
    "hsv_s": 0.2,
    "hsv_v": 0.2,
}
# First seeds of the drawings, so far apart that the sets are disjoint.
TRAINING, GOLDEN, CUSTOMERS, LATER = 1_000_000, 2_000_000, 3_000_000, 4_000_000


def run(record: Record, folder: Path, *, pictures: int, customers: int, since: float) -> None:
    """Run all steps. `since`: time.monotonic() at the start of the command. CloudError when a step fails."""
    weights = WeightsRegistry(record.client("s3"), record.buckets["weights"])
    bucket = DatasetBucket(record.client("s3"), record.buckets["dataset"], classes=LABELS)

    def show(text: str) -> None:
        err.print(f"[dim]{time.monotonic() - since:6.1f} s[/]  {text}")

    show("[bold]1. A shop opens[/]: the cascade of day 0 serves, which was trained on real faces, not on drawn ones")
    early = _served(record, 8, CUSTOMERS - 8)
    out.print(f"   {_right(early)} of 8 drawn customers get the right label")

    show(f"[bold]2. Labels[/]: {pictures} labelled pictures for training, {pictures // 2} for judgement")
    for tree, count, seed in ((Tree.REVIEWED, pictures, TRAINING), (Tree.GOLDEN, pictures // 2, GOLDEN)):
        drawn = draw_folder(folder / tree, count, first_seed=seed)
        listing = list_folder(drawn)
        store(bucket, tree, scan_folder(listing, classes_in(listing, classes=LABELS), kiosk=f"drawn-{tree}").pictures)

    show("[bold]3. First training[/]: a state machine starts an instance, which trains a YOLOv5n from scratch")
    first = train_once(folder, show)
    if first.verdict is not Verdict.PROMOTED or first.run is None:
        raise CloudError(f"the first training was {first.verdict} ({first.rule}): {first.reason}")
    until_serves(record, first.run)
    show(f"the worker serves {first.run}; no photo waited for the reload")

    show(f"[bold]4. {customers} customers[/]: photos that the model is sure of are auto-labelled")
    answers = _served(record, customers, CUSTOMERS, version=first.run)
    pairs, right = count_auto_labels(record, answers)
    out.print(
        f"   {_right(answers)} of {customers} get the right label; {pairs} photos became training data, "
        f"{right} of them with the right label for every person"
    )

    show("[bold]5. Review[/] of the unsure photos, and a sample of the sure ones (here by the labels of the drawing)")
    checked = review(record, [*early, *answers], folder / "review")
    out.print(
        f"   {checked.reviewed} photos for training, {checked.golden} for judgement; {checked.corrected} were corrected"
    )

    show("[bold]6. Second training[/]: starts from the weights in service, with the photos since")
    second = train_once(folder, show)
    if second.verdict is Verdict.FAILED:
        raise CloudError(f"the second training failed ({second.rule}): {second.reason}")
    serves = second.run if second.verdict is Verdict.PROMOTED and second.run is not None else first.run
    until_serves(record, serves)
    answers = _served(record, 32, LATER, version=serves)
    out.print(f"   {_right(answers)} of 32 new customers get the right label from {serves}")

    show("[bold]7. Rollback[/]: one move of the pointer")
    pointer = weights.rollback(by=BY, reason="to show a rollback")
    day_0 = json.loads(DEFAULT_MANIFEST.read_text())["version"]
    until_serves(record, pointer.run or day_0)
    _served(record, 4, LATER + 32, version=pointer.run or day_0)
    show(f"messages name {pointer.run or DAY_0} again")


def until_serves(record: Record, version: str) -> None:
    """Wait until the worker serves that version of a model; CloudError when it does not within RELOAD_S."""
    deadline = time.monotonic() + RELOAD_S
    while (model := worker_socket.model(record.worker.socket) or {}).get("version") != version:
        if time.monotonic() > deadline:
            raise CloudError(
                f"the worker serves {model.get('name')} {model.get('version')} and did not load {version} within "
                f"{RELOAD_S:g} s; its log has the reason"
            )
        time.sleep(0.2)


def train_once(folder: Path, show: Callable[[str], None]) -> TrainingOutcome:
    """A training of the cloud in `folder`, with its progress shown; its outcome."""
    seen: set[tuple[Phase, str]] = set()
    with progress_bars(one=True, shown=err.is_terminal) as say:

        def show_progress(progress: TrainingProgress) -> None:
            say(progress.done, progress.of, f"{progress.phase}: {progress.note}"[:100])
            news = (progress.phase, progress.note)
            if news not in seen and not err.is_terminal:
                share = f" {progress.done} of {progress.of}" if progress.of else ""
                show(f"   {progress.phase}{share}: {escape(progress.note)}")
            seen.add(news)

        outcome = train_locally(folder / CLOUD, show_progress, least_new_labels=LEAST_NEW_LABELS)
    colour = "green" if outcome.verdict is Verdict.PROMOTED else "yellow"
    show(f"[{colour}]{outcome.verdict}[/] by the rule {outcome.rule}: {escape(outcome.reason)}")
    return outcome


def _right(answers: Sequence[ServedPhoto]) -> int:
    return sum(photo.label_is_right for photo in answers)


def _served(record: Record, count: int, first_seed: int, version: str | None = None) -> list[ServedPhoto]:
    """The photos of drawn customers, served; CloudError unless all labels are by that version of a model."""
    with progress_bars(one=True) as say:
        answers = serve(record, count, first_seed=first_seed, say=say)
    if version and (others := {photo.message.model.version for photo in answers} - {version}):
        raise CloudError(f"photos were labelled by {', '.join(sorted(others))}, not by {version}, which is in service")
    return answers


@contextmanager
def cloud(folder: Path, epochs: int) -> Generator[Record, None, None]:
    """A new local cloud with retraining, and settings for drawings; stopped at the end of the block."""
    hyperparameters = folder / "hyperparameters.json"
    hyperparameters.write_text(json.dumps(dict(HYPERPARAMETERS)))
    # Settings of the cloud's programs; variables that the caller has set win.
    workers = {"trial_picture": draw_trial_picture(folder / "trial.jpg"), "review_share": 0.3}
    trainings = {
        "val_share": 0.25,  # a calibration needs thirty people or more
        "look_over": False,  # day 0, which checks labels, was not trained on drawings
        "epochs": epochs,
        "patience": epochs,
        "image_size": IMAGE_SIZE,
        "batch": 8,
        "loaders": 0,
        "golden_least": 5,
        "hyperparameters": hyperparameters,
        "work_dir": folder / "work",
    }
    variables = variables_of(WorkerSettings, workers) | variables_of(RetrainSettings, trainings)
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    state = StateDir(folder / CLOUD)
    try:
        with fresh_cloud(state, ["--training=1"]) as record:
            yield record
    except BaseException:
        if state.logs.exists():
            kept = Path(tempfile.mkdtemp(prefix="nunchi-flywheel-logs-"))
            shutil.copytree(state.logs, kept, dirs_exist_ok=True)
            err.print(f"[dim]the logs are in {kept}[/]")
        raise


def keep(record: Record, folder: Path) -> list[Path]:
    """Copy reports, runs and pages of datasets to `folder`, which git ignores; the pages to open."""
    make_private(folder)
    for name, prefixes in (("weights", (RUNS, POINTER)), ("dataset", (BUILDS, TRAININGS))):
        bucket = DatasetBucket(record.client("s3"), record.buckets[name])
        for key in (key for prefix in prefixes for key in bucket.keys(prefix)):
            if (content := bucket.get(key)) is not None:
                (folder / key).parent.mkdir(parents=True, exist_ok=True)
                (folder / key).write_bytes(content)
    return sorted(folder.glob("runs/*/report.html")) + sorted(folder.glob("builds/*/index.html"))
