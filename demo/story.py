"""The story that `nunchi flywheel` shows, from top to bottom, and the cloud that it happens in."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.markup import escape
from rich.progress import Progress

from contracts.labels import LABELS
from contracts.names import BUILDS, POINTER, RUNS, TRAININGS
from contracts.settings import variables_of
from contracts.training import Phase, TrainingOutcome, Verdict
from contracts.training import TrainingProgress as Training
from contracts.weights import DAY_0
from demo import flywheel as steps
from local.errors import CloudError
from local.record import Record
from local.state import StateDir
from ops import supervise
from ops.commands.cloud import start
from ops.commands.train import trained
from ops.display import err, out
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset.yolo_import.folder import scan_folder, store
from retrain.settings import RetrainSettings
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.settings import WorkerSettings

BY: Final = "nunchi flywheel"
CLOUD: Final = "cloud"
LEAST_NEW_LABELS: Final = 5
# Seeds of what is drawn: no picture of the one is among the others.
TEACHES, JUDGES, CUSTOMERS, LATER = 1_000_000, 2_000_000, 3_000_000, 4_000_000


def turn(record: Record, folder: Path, *, pictures: int, customers: int, since: float) -> None:
    """The story, from top to bottom."""
    weights = WeightsRegistry(record.client("s3"), record.buckets["weights"])
    bucket = DatasetBucket(record.client("s3"), record.buckets["dataset"])

    def tell(what: str) -> None:
        err.print(f"[dim]{time.monotonic() - since:6.1f} s[/]  {what}")

    tell("[bold]1. A shop opens[/]: the cascade of day 0 serves, which knows real faces and no drawn ones")
    with _progress() as say:
        early = steps.serve(record, 8, first_seed=CUSTOMERS - 8, say=say)
    out.print(f"   {_right(early)} of 8 drawn customers get the right label")

    tell(f"[bold]2. Labels[/]: {pictures} pictures that somebody labelled to learn from, {pictures // 2} to judge by")
    for tree, count, seed in ((Tree.REVIEWED, pictures, TEACHES), (Tree.GOLDEN, pictures // 2, JUDGES)):
        drawn = steps.draw_folder(folder / tree, count, first_seed=seed)
        store(bucket, tree, scan_folder(drawn, dict(enumerate(LABELS)), kiosk=f"drawn-{tree}").pictures)

    tell("[bold]3. First training[/]: a state machine starts an instance, which trains a YOLOv5n from nothing")
    first = _trained(folder, tell)
    if first.verdict is not Verdict.PROMOTED or first.run is None:
        raise CloudError(f"the first training was {first.verdict} ({first.rule}): {first.reason}")
    steps.until_serves(record, first.run)
    tell(f"the worker serves {first.run}, and no photo waited for it")

    tell(f"[bold]4. {customers} customers[/]: what the model is sure of labels itself")
    with _progress() as say:
        answers = steps.serve(record, customers, first_seed=CUSTOMERS, say=say)
    _name_only(answers, first.run)
    auto = steps.gathered(record, answers)
    out.print(
        f"   {_right(answers)} of {customers} get the right label; {auto.pairs} photos became training data, "
        f"{auto.right} of them right about everybody"
    )

    tell("[bold]5. A person looks[/] at the unsure, and at a sample of the sure (here the drawing tells the truth)")
    checked = steps.review(record, [*early, *answers], folder / "review")
    out.print(
        f"   {checked.reviewed} photos will teach, {checked.golden} will judge; {checked.corrected} were corrected"
    )

    tell("[bold]6. Second training[/]: goes on from the weights in service, with what was gathered since")
    second = _trained(folder, tell)
    if second.verdict is Verdict.FAILED:
        raise CloudError(f"the second training failed ({second.rule}): {second.reason}")
    serves = second.run if second.verdict is Verdict.PROMOTED and second.run is not None else first.run
    steps.until_serves(record, serves)
    with _progress() as say:
        answers = steps.serve(record, 32, first_seed=LATER, say=say)
    _name_only(answers, serves)
    out.print(f"   {_right(answers)} of 32 new customers get the right label from {serves}")

    tell("[bold]7. Back[/]: one move of the pointer")
    pointer = weights.rollback(by=BY, reason="to show the way back")
    day_0 = json.loads(DEFAULT_MANIFEST.read_text())["version"]
    steps.until_serves(record, pointer.run or day_0)
    with _progress() as say:
        answers = steps.serve(record, 4, first_seed=LATER + 32, say=say)
    _name_only(answers, pointer.run or day_0)
    tell(f"messages name {pointer.run or DAY_0} again")


def _trained(folder: Path, tell: steps.Tell) -> TrainingOutcome:
    seen: set[Phase] = set()
    with _progress() as say:

        def hear(one: Training) -> None:
            say(one.done, one.of, f"{one.phase}: {one.note}"[:100])
            if one.phase not in seen and not err.is_terminal:
                tell(f"   {one.phase}: {escape(one.note)}")
            seen.add(one.phase)

        outcome = trained(folder / CLOUD, hear, least_new_labels=LEAST_NEW_LABELS)
    colour = "green" if outcome.verdict is Verdict.PROMOTED else "yellow"
    tell(f"[{colour}]{outcome.verdict}[/] by the rule {outcome.rule}: {escape(outcome.reason)}")
    return outcome


def _right(answers: Sequence[steps.ServedPhoto]) -> int:
    return sum(one.customer_is_right for one in answers)


def _name_only(answers: Sequence[steps.ServedPhoto], version: str) -> None:
    """CloudError unless all were decided by that version."""
    if others := {one.message.model.version for one in answers} - {version}:
        raise CloudError(f"photos were labelled by {', '.join(sorted(others))}, not by {version}, which serves")


@contextmanager
def cloud(folder: Path, epochs: int) -> Generator[Record, None, None]:
    """A fresh cloud that can retrain, set for drawings; taken down at the end."""
    hyperparameters = folder / "hyperparameters.json"
    hyperparameters.write_text(json.dumps(dict(steps.HYPERPARAMETERS)))
    # Read by the programs of the cloud; who named one of them keeps it.
    workers = {"trial_picture": steps.draw_trial_picture(folder / "trial.jpg"), "review_share": 0.3}
    trainings = {
        "val_share": 0.25,  # a calibration wants thirty people, and more
        "look_over": False,  # day 0, which would look for wrong labels, does not know drawings
        "epochs": epochs,
        "patience": epochs,
        "image_size": steps.IMAGE_SIZE,
        "batch": 8,
        "loaders": 0,
        "golden_least": 5,
        "hyperparameters": hyperparameters,
        "work_dir": folder / "work",
    }
    drawn = variables_of(WorkerSettings, workers) | variables_of(RetrainSettings, trainings)
    for name, value in drawn.items():
        os.environ.setdefault(name, value)
    state = StateDir(folder / CLOUD)
    try:
        yield start(supervise.Supervisor(state), ["--training=1"], stay_when_we_die=False)
    except BaseException:
        if state.logs.exists():
            kept = Path(tempfile.mkdtemp(prefix="nunchi-flywheel-logs-"))
            shutil.copytree(state.logs, kept, dirs_exist_ok=True)
            err.print(f"[dim]the logs are in {kept}[/]")
        raise
    finally:
        with supervise.uninterrupted():
            supervise.stop(state)


def keep(record: Record, folder: Path) -> None:
    """Reports, runs and datasets' pages, for a person to look at."""
    for name, prefixes in (("weights", (RUNS, POINTER)), ("dataset", (BUILDS, TRAININGS))):
        bucket = DatasetBucket(record.client("s3"), record.buckets[name])
        for key in (key for prefix in prefixes for key in bucket.keys(prefix)):
            content = bucket.get(key)
            if content is not None:
                (folder / key).parent.mkdir(parents=True, exist_ok=True)
                (folder / key).write_bytes(content)
    pages = sorted(folder.glob("runs/*/report.html")) + sorted(folder.glob("builds/*/index.html"))
    out.print("[bold]Look at[/]\n" + "\n".join(f"  {escape(str(page))}" for page in pages))


@contextmanager
def _progress() -> Generator[steps.Say, None, None]:
    """A bar on a terminal, nothing on a pipe."""
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("")

        def say(done: int, of: int, note: str) -> None:
            bar.update(task, completed=done, total=of, description=note)

        yield say
