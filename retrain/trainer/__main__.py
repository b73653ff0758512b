"""Run one job: tune, train, export or validate. Exit status: 0 done, 1 failed, 2 invalid job, 75 interrupted."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from retrain.trainer.events import Events
from retrain.trainer.job import InvalidJob, Job, Task, TuneJob, read_job

DONE, FAILED, INVALID_JOB, INTERRUPTED = 0, 1, 2, 75
MAX_MESSAGE: Final = 600  # characters


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, "\nusage: python -m retrain.trainer JOB.json", file=sys.stderr)  # noqa: T201
        return INVALID_JOB
    stopping = _StopRequest()
    events = Events()
    try:
        path = Path(arguments[0])
        job = read_job(path)
        return _tune(job, events, stopping) if isinstance(job, TuneJob) else _do(job, path, events, stopping)
    except InvalidJob as error:
        events.send("failed", kind="bad_job", message=str(error))
        return INVALID_JOB
    except Exception as error:  # noqa: BLE001 - reported, with its kind, to the parent process
        traceback.print_exc()
        events.send("failed", kind=_kind(error), message=_message(error))
        return FAILED


class _StopRequest:
    """Whether a stop is requested: by a signal, or by a file for one process of several."""

    def __init__(self) -> None:
        self._signalled = False
        self.file: Path | None = None
        if "LOCAL_RANK" not in os.environ:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        self._signalled = True
        if self.file is not None:
            self.file.touch()

    def __call__(self) -> bool:
        return self._signalled or (self.file is not None and self.file.exists())


def _tune(job: TuneJob, events: Events, stopping: _StopRequest) -> int:
    from retrain.trainer import tune  # noqa: PLC0415 - imports torch, after Events has redirected standard output

    job.work.mkdir(parents=True, exist_ok=True)
    try:
        results = tune.tune(job, events, stopping)
    except tune.TuningInterrupted:
        events.send("interrupted", checkpoint=None)
        return INTERRUPTED
    events.send("done", **results)
    return DONE


def _do(job: Job, path: Path, events: Events, stopping: _StopRequest) -> int:
    from retrain.trainer import export, offline, several, train  # noqa: PLC0415 - after Events has redirected standard output

    alone = "LOCAL_RANK" not in os.environ
    if alone:
        job.work.mkdir(parents=True, exist_ok=True)
    else:
        several.die_with_parent()
    offline.configure_environment(job)
    os.chdir(job.work)  # for the files that ultralytics writes into the current folder
    if alone:
        offline.write_settings(job)
    if job.task is Task.TRAIN and job.devices > 1:
        stopping.file = job.work / several.STOP
        if alone:
            return several.launch(job, path.absolute(), events=events.fileno).wait()
    tasks: dict[Task, Callable[[Job], dict[str, Any]]] = {Task.EXPORT: export.export, Task.VAL: export.measure}
    if job.task in tasks:
        events.send("done", **tasks[job.task](job))
        return DONE
    training = train.UltralyticsTraining(job, events, stopping)
    try:
        results = training.run()
    except train.TrainingInterrupted:
        checkpoint = training.checkpoint()
        events.send("interrupted", checkpoint=None if checkpoint is None else str(checkpoint))
        return INTERRUPTED
    if train.IS_FIRST:
        events.send("done", **results)
    return DONE


def _kind(error: BaseException | None) -> str:
    """The kind of a failure, by the whole chain of errors."""
    while error is not None:
        text = str(error).lower()
        if isinstance(error, MemoryError) or "out of memory" in text:
            return "out_of_memory"
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "no space left" in text:
            return "disk_full"
        if text.startswith("dataset '") or "no labels found" in text or "no images found" in text:
            return "bad_data"
        error = error.__cause__ or error.__context__
    return "crash"


def _message(error: Exception) -> str:
    return (f"{type(error).__name__}: {error}".strip() or type(error).__name__)[:MAX_MESSAGE]


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # not sys.exit, which would wait for data loaders that may hang
