"""The `python -m retrain` program: one training run, or a check whether it would be skipped."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import NunchiError, SettingsError
from contracts.instants import now
from contracts.names import JSON_LABELS
from contracts.settings import describe, load
from contracts.training import EXIT_DECIDED, EXIT_FAILED, EXIT_INTERRUPTED, Verdict
from contracts.weights import new_run_id
from recipes.detects import Detects
from recipes.kiosk.detects import PEOPLE
from recipes.reading import load as load_recipe
from recipes.recipe import Recipe, Teaches
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket
from retrain.errors import Interrupted
from retrain.fit.candidate import MODEL
from retrain.fit.trainer_process import TrainerProcess
from retrain.fit.training import Plan
from retrain.heads.run import HeadsRun
from retrain.heads.tuning import Tuner
from retrain.review.confidences import Results
from retrain.run.reporting import Reporter
from retrain.run.stages import make_stages
from retrain.run.stopping import Stopping
from retrain.run.training_run import TrainingRun
from retrain.run.work_folder import locked, training_folder
from retrain.settings import RetrainSettings, read_hyperparameters

AnyRun = TrainingRun | HeadsRun

EXIT_SETTINGS: Final = 2
EXIT_SKIPPED: Final = 3  # of --check


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Train, or check whether a training would be skipped; the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    options = _parser().parse_args(arguments)
    try:
        settings = load(RetrainSettings, environ)
        if options.force:
            settings = replace(settings, force=True)
        stopping = Stopping()
        stopping.listen()
        training = settings.training or new_run_id(now(), _taught(load_recipe(settings.recipe)))
        with locked(settings.work_dir), training_folder(settings.work_dir, training) as folder:
            run = _wire(settings, training, folder, stopping)
            return _check(run) if options.check else _train(run)
    except SettingsError as error:
        return _print_error(error, EXIT_SETTINGS)
    except Interrupted as error:
        return _print_error(error, EXIT_INTERRUPTED)
    except (NunchiError, ClientError, BotoCoreError, OSError) as error:
        return _print_error(error, EXIT_FAILED)


def _train(run: AnyRun) -> int:
    with run.reporter:
        outcome = run.run()
    print(outcome.to_json())  # noqa: T201 - the program's output
    return EXIT_FAILED if outcome.verdict is Verdict.FAILED else EXIT_DECIDED


def _check(run: AnyRun) -> int:
    skipped = run.check()
    print("there is enough to train on" if skipped is None else f"{skipped[0]}: {skipped[1]}")  # noqa: T201
    return EXIT_DECIDED if skipped is None else EXIT_SKIPPED


def _taught(recipe: Recipe) -> str:
    """The name in the id of a training that was started by hand."""
    return MODEL if recipe.teaches is Teaches.DETECTOR else recipe.name


def _wire(settings: RetrainSettings, training: str, folder: Path, stopping: Stopping) -> AnyRun:
    """The run of the recipe's kind."""
    recipe = load_recipe(settings.recipe)
    if recipe.teaches is Teaches.DETECTOR:
        return _wire_detector(settings, PEOPLE, training, folder, stopping)
    s3 = _s3()
    bucket = DatasetBucket(s3, settings.dataset_bucket, label_suffix=JSON_LABELS)
    reporter = Reporter(bucket, training, clock=now, silence_s=settings.stall_s)
    return HeadsRun(
        training=training,
        folder=folder,
        recipe=recipe,
        recipe_name=settings.recipe,
        bucket=bucket,
        weights=WeightsRegistry(s3, settings.weights_bucket),
        weights_files=DatasetBucket(s3, settings.weights_bucket),
        settings=settings,
        reporter=reporter,
        stopping=stopping,
        tuner=Tuner(
            python=settings.trainer_python,
            device="" if settings.device == "auto" else settings.device.partition(",")[0],
            seed=settings.seed,
            stopping=stopping.requested,
            stall_s=settings.stall_s,
            alive=reporter.alive,
        ),
        clock=now,
    )


def _s3() -> Any:
    config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5})
    return boto3.client("s3", config=config)


def _wire_detector(
    settings: RetrainSettings, detects: Detects, training: str, folder: Path, stopping: Stopping
) -> TrainingRun:
    s3 = _s3()
    bucket = DatasetBucket(s3, settings.dataset_bucket, classes=detects.classes)
    results = Results(s3, settings.images_bucket) if settings.images_bucket else None
    reporter = Reporter(bucket, training, clock=now, silence_s=settings.stall_s)
    return TrainingRun(
        training=training,
        folder=folder,
        bucket=bucket,
        weights=WeightsRegistry(s3, settings.weights_bucket),
        weights_files=DatasetBucket(s3, settings.weights_bucket),
        stages=make_stages(bucket, results=results, detects=detects, training=training, settings=settings, clock=now),
        settings=settings,
        plan=plan_of(settings, training),
        trainer=TrainerProcess(
            command=[str(settings.trainer_python), "-m", "retrain.trainer"],
            work=folder / "trainer",
            stopping=stopping.requested,
            stall_s=settings.stall_s,
            alive=reporter.alive,
        ),
        reporter=reporter,
        stopping=stopping,
        clock=now,
    )


def plan_of(settings: RetrainSettings, name: str) -> Plan:
    """The trainer's plan, from the settings."""
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


def _print_error(error: Exception, status: int) -> int:
    print(f"retrain: {error}", file=sys.stderr)  # noqa: T201
    return status


def _parser() -> argparse.ArgumentParser:
    lines = [
        f"  {setting.name}\n      {setting.help}{_default(setting.default)}" for setting in describe(RetrainSettings)
    ]
    parser = argparse.ArgumentParser(
        prog="python -m retrain",
        description=textwrap.dedent(
            """\
            One training run: builds a dataset from the dataset bucket, trains a YOLOv5 on it, measures the candidate
            against the model in service on the golden photos, and promotes it if it is better. Otherwise, and on any
            failure, the model in service stays.

            On SIGTERM or SIGINT it ends within 90 seconds; called again with the same NUNCHI_TRAINING, on this machine
            or another, it resumes from its checkpoint. `python -m retrain search --help` searches hyperparameters."""
        ),
        epilog="\n".join(
            [
                "exit status 0: decided (promoted, kept or skipped; the outcome is printed, and stored in the bucket),",
                "1: failed, 2: invalid settings, 3: a training would be skipped (--check), 75: interrupted, call again",
                "",
                "settings, from the environment:",
                *lines,
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="only check whether there is enough to train on")
    parser.add_argument("--force", action="store_true", help="train despite label drift or too few new labels")
    return parser


def _default(default: str | None) -> str:
    if default is None:
        return " (must be given)"
    return "" if default == "None" else f" ({default})"


if __name__ == "__main__":
    if sys.argv[1:2] == ["search"]:
        from retrain.fit.search_command import main as search

        status = search(sys.argv[2:])
    else:
        status = main(sys.argv[1:])
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(status)  # library threads must not delay the exit
