"""The command line of the hyperparameter search: `python -m retrain search --dataset FOLDER --trials 30`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import boto3
import optuna
from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import NunchiError
from contracts.training import EXIT_DECIDED, EXIT_FAILED, EXIT_INTERRUPTED
from retrain.bucket import DatasetBucket
from retrain.dataset.manifest import DatasetManifest
from retrain.dataset.publication import build_key
from retrain.errors import Interrupted
from retrain.fit.search import Search, storage_of
from retrain.fit.trainer_process import TrainerProcess
from retrain.fit.training import Plan
from retrain.settings import DEFAULT_TRAINER

EXIT_USAGE: Final = 2
JOURNAL: Final = "search.journal"


def main(arguments: Sequence[str]) -> int:
    """Search by the command line's options; the exit status."""
    options = _parser().parse_args(arguments)
    if not (options.dataset / "data.yaml").is_file():
        print(f"retrain: {options.dataset} has no data.yaml; download a dataset: nunchi dataset fetch", file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        backup = None
        if options.bucket:
            bucket = DatasetBucket(boto3.client("s3"), options.bucket)
            backup = _Backup(bucket, DatasetManifest.read(options.dataset).build, options.work)
            backup.restore()
        best = _wire(options, stopping, backup).run(options.trials)
    except Interrupted:
        print("retrain: the search was interrupted; call it again to resume", file=sys.stderr)  # noqa: T201
        return EXIT_INTERRUPTED
    except (NunchiError, ClientError, BotoCoreError) as error:
        print(f"retrain: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_FAILED
    print(f"{best}: train with these values by NUNCHI_HYPERPARAMETERS={best}")  # noqa: T201
    return EXIT_DECIDED


@dataclass(frozen=True, slots=True)
class _Backup:
    """Stores the journal and the best values beside the build in the dataset bucket, and restores the journal."""

    bucket: DatasetBucket
    build: str
    work: Path

    def restore(self) -> None:
        """Download the journal, unless the work folder has one."""
        journal = self.work / JOURNAL
        content = None if journal.exists() else self.bucket.get(self._key(JOURNAL))
        if content is not None:
            journal.write_bytes(content)

    def __call__(self, best: Path) -> None:
        for path, content_type in ((self.work / JOURNAL, "text/plain"), (best, "application/json")):
            if path.exists():
                self.bucket.put(self._key(path.name), path.read_bytes(), content_type)

    def _key(self, name: str) -> str:
        return build_key(self.build, f"search/{name}")


def _wire(options: argparse.Namespace, stopping: threading.Event, backup: _Backup | None) -> Search:
    return Search(
        dataset=options.dataset.absolute(),
        work=options.work,
        plan=Plan(
            model=options.start,
            epochs=options.epochs,
            patience=options.epochs,
            image_size=options.image_size,
            device=options.device,
            seed=options.seed,
        ),
        storage=storage_of(options.storage or str(options.work / JOURNAL)),
        process=lambda folder: TrainerProcess(
            command=[str(options.trainer_python), "-m", "retrain.trainer"], work=folder, stopping=stopping
        ),
        name=options.name,
        shared=options.storage is not None,
        on_best=backup or (lambda _: None),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m retrain search",
        description="Search hyperparameters that train better than ultralytics' defaults. An interrupted search "
        "resumes when called again; several machines share a search through one --storage.",
    )
    parser.add_argument("--dataset", type=Path, required=True, help="the folder of a dataset: nunchi dataset fetch")
    parser.add_argument("--trials", type=int, default=30, help="trials in total, including other machines' (30)")
    parser.add_argument("--work", type=Path, default=Path("search"), help="folder of its files and best.json (search)")
    parser.add_argument("--storage", help="a database's URL, or a journal file on a shared file system")
    parser.add_argument("--bucket", help="the dataset bucket: stores the trials and best.json beside the build")
    parser.add_argument("--name", default="yolov5n", help="the study's name in the storage (yolov5n)")
    parser.add_argument("--epochs", type=int, default=30, help="epochs of a trial (30)")
    parser.add_argument("--image-size", type=int, default=640, help="longer side of the network's input, pixels (640)")
    parser.add_argument("--start", default="yolov5n.yaml", help="start weights of a trial (yolov5n.yaml: random)")
    parser.add_argument("--device", default="", help="cpu, or GPU numbers such as 0,1 (a GPU if there is one)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (0)")
    parser.add_argument("--trainer-python", type=Path, default=DEFAULT_TRAINER, help="the Python that has ultralytics")
    return parser
