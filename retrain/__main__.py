"""The wiring of a training run, and its command line."""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import NunchiError, SettingsError
from contracts.instants import now
from contracts.settings import describe, load
from contracts.training import EXIT_DECIDED, EXIT_FAILED, EXIT_INTERRUPTED, MODEL, Verdict
from contracts.weights import new_run_id
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket
from retrain.dataset.settings import DatasetSettings
from retrain.errors import Interrupted, RetrainError
from retrain.fit.trainer_process import TrainerProcess
from retrain.fit.training import Plan
from retrain.judge import JudgeSettings
from retrain.review.confidences import Results
from retrain.run.ports import RunSettings
from retrain.run.reporting import Reporter
from retrain.run.stages import make_stages, watch
from retrain.run.stopping import Stopping
from retrain.run.training_run import TrainingRun
from retrain.settings import RetrainSettings, read_hyperparameters

EXIT_SETTINGS: Final = 2
EXIT_NOT_ENOUGH: Final = 3  # of --check
TRAININGS_FOLDER: Final = "trainings"  # in the work folder

log = logging.getLogger("retrain")


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Train, or look whether there is enough to train on."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asked = _parser().parse_args(arguments)
    try:
        settings = load(RetrainSettings, environ)
        if asked.force:
            settings = replace(settings, force=True)
        stopping = Stopping()
        stopping.listen()
        training = settings.training or new_run_id(now(), MODEL)
        with _alone_in(settings.work_dir), _folder(settings.work_dir / TRAININGS_FOLDER, training) as folder:
            if asked.check:
                return _check(settings, training, folder, stopping)
            return _train(settings, training, folder, stopping)
    except SettingsError as error:
        return _said(error, EXIT_SETTINGS)
    except Interrupted as error:
        return _said(error, EXIT_INTERRUPTED)
    except (NunchiError, ClientError, BotoCoreError, OSError) as error:
        return _said(error, EXIT_FAILED)


def _train(settings: RetrainSettings, training: str, folder: Path, stopping: Stopping) -> int:
    run, reporter = _wired(settings, training, folder, stopping)
    with reporter:
        outcome = run.decide()
    print(outcome.to_json())  # noqa: T201 - the answer, for whoever called
    return EXIT_FAILED if outcome.verdict is Verdict.FAILED else EXIT_DECIDED


def _check(settings: RetrainSettings, training: str, folder: Path, stopping: Stopping) -> int:
    run, _ = _wired(settings, training, folder, stopping)
    no = run.senseless()
    print("there is enough to train on" if no is None else f"{no[0]}: {no[1]}")  # noqa: T201
    return EXIT_DECIDED if no is None else EXIT_NOT_ENOUGH


def _wired(settings: RetrainSettings, training: str, folder: Path, stopping: Stopping) -> tuple[TrainingRun, Reporter]:
    config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5})
    s3 = boto3.client("s3", config=config)
    bucket = DatasetBucket(s3, settings.dataset_bucket)
    reporter = Reporter(bucket, training, clock=now, silence_s=settings.stall_s)
    trainer = TrainerProcess(
        command=[str(settings.trainer_python), "-m", "retrain.trainer"],
        work=folder / "trainer",
        stopping=stopping.told,
        stall_s=settings.stall_s,
        alive=reporter.alive,
    )
    run = TrainingRun(
        training,
        folder,
        bucket=bucket,
        weights=WeightsRegistry(s3, settings.weights_bucket),
        weights_files=DatasetBucket(s3, settings.weights_bucket),
        steps=make_stages(
            bucket,
            training=training,
            dataset=DatasetSettings(val_share=settings.val_share, most_images=settings.most_images, seed=settings.seed),
            judging=JudgeSettings(
                golden_least=2 * settings.golden_least,
                golden_least_per_label=settings.golden_least,
                gate=settings.gate,
                seed=settings.seed,
            ),
            look_over=settings.look_over,
            drifting=watch(
                bucket, Results(s3, settings.images_bucket) if settings.images_bucket else None, gate=settings.gate
            ),
            clock=now,
        ),
        rules=RunSettings(
            least_new=settings.least_new_people,
            golden_least=settings.golden_least,
            force=settings.force,
            from_incumbent=settings.from_incumbent,
        ),
        plan=plan_of(settings, training),
        trainer=trainer,
        reporter=reporter,
        stopping=stopping,
        clock=now,
        store_every_s=settings.checkpoint_every_s,
    )
    return run, reporter


def plan_of(settings: RetrainSettings, name: str) -> Plan:
    """What the trainer is asked, by the settings."""
    return Plan(
        model=settings.start_weights,
        epochs=settings.epochs,
        patience=settings.patience,
        image_size=settings.image_size,
        batch=settings.batch,
        device="" if settings.device == "auto" else settings.device,
        seed=settings.seed,
        workers=settings.loaders,
        track=settings.track,
        track_to=settings.track_to,
        name=name,
        hyperparameters=read_hyperparameters(settings.hyperparameters),
    )


@contextmanager
def _alone_in(work_dir: Path) -> Generator[None, None, None]:
    """Two trainings on one machine would take each other's memory, and with one id each other's files."""
    work_dir.mkdir(parents=True, exist_ok=True)
    with (work_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetrainError(
                f"another training has {work_dir}: this one does not start; wait for it, or set NUNCHI_WORK_DIR"
            ) from None
        yield


@contextmanager
def _folder(home: Path, training: str) -> Generator[Path, None, None]:
    """A folder that is empty at first and gone at the end, whatever happens: photos lie in it.

    `home` is ours and goes with it: who has the lock is alone there, so what lies in it is of one that was killed.
    """
    shutil.rmtree(home, ignore_errors=True)
    (home / training).mkdir(parents=True)
    try:
        yield home / training
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _said(error: Exception, status: int) -> int:
    print(f"retrain: {error}", file=sys.stderr)  # noqa: T201
    return status


def _parser() -> argparse.ArgumentParser:
    lines = [f"  {one.name}\n      {one.help}{_default(one.default)}" for one in describe(RetrainSettings)]
    parser = argparse.ArgumentParser(
        prog="python -m retrain",
        description=textwrap.dedent(
            """\
            One training run: builds a dataset of what is in the dataset bucket, trains a YOLOv5 on it, measures it
            against the model in service on the photos that people have checked, and puts it into service if it is
            better. Whatever happens, what serves goes on to serve until then.

            Cut off by a signal it ends within 90 seconds; called again with the same NUNCHI_TRAINING, here or on
            another machine, it goes on from its checkpoint. `python -m retrain search --help` looks for better
            hyperparameters."""
        ),
        epilog="\n".join(
            [
                "ends with 0: decided (promoted, kept or skipped; the outcome is printed, and stored in the bucket),",
                "1: failed, 2: settings, 3: not enough to train on (--check), 75: cut off, call it again",
                "",
                "settings, from the environment:",
                *lines,
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="only say whether there is enough to train on")
    parser.add_argument("--force", action="store_true", help="train although labels drift, or are too few")
    return parser


def _default(default: str | None) -> str:
    if default is None:
        return " (must be given)"
    return "" if default == "None" else f" ({default})"


if __name__ == "__main__":
    if sys.argv[1:2] == ["search"]:
        from retrain.fit.search import main as search

        status = search(sys.argv[2:])
    else:
        status = main(sys.argv[1:])
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(status)  # whatever threads libraries left
