"""Do one job: train, export or validate. Exit codes: 0 done, 1 failed, 2 no job, 75 cut off: go on from its last."""

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
from retrain.trainer.job import InvalidJob, Job, Task

DONE, FAILED, NO_JOB, CUT_OFF = 0, 1, 2, 75
MOST_MESSAGE: Final = 600  # characters


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, "\nusage: python -m retrain.trainer JOB.json", file=sys.stderr)  # noqa: T201
        return NO_JOB
    told = _Told()
    events = Events()
    try:
        job = Job.read(Path(arguments[0]))
        return _do(job, Path(arguments[0]), events, told)
    except InvalidJob as error:
        events.tell("failed", kind="bad_job", message=str(error))
        return NO_JOB
    except Exception as error:  # noqa: BLE001 - told, with its kind, to whoever started us
        traceback.print_exc()
        events.tell("failed", kind=_kind(error), message=_sentence(error))
        return FAILED


class _Told:
    """Whether somebody wants an end: by a signal, or by a file when we are one process of several."""

    def __init__(self) -> None:
        self._signalled = False
        self.file: Path | None = None
        if "LOCAL_RANK" not in os.environ:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._hear)

    def _hear(self, *_: object) -> None:
        self._signalled = True
        if self.file is not None:
            self.file.touch()

    def __call__(self) -> bool:
        return self._signalled or (self.file is not None and self.file.exists())


def _do(job: Job, path: Path, events: Events, told: _Told) -> int:
    from retrain.trainer import export, offline, several, train  # noqa: PLC0415 - after standard output is ours

    alone = "LOCAL_RANK" not in os.environ
    if alone:
        job.work.mkdir(parents=True, exist_ok=True)
    else:
        several.tie()
    offline.shut(job)
    os.chdir(job.work)  # what ultralytics downloads or forgets lies here
    if alone:
        offline.settle(job)
    if job.task is Task.TRAIN and job.devices > 1:
        told.file = job.work / several.STOP
        if alone:
            return several.launch(job, path.absolute(), speak_to=events.fileno).wait()
    tasks: dict[Task, Callable[[Job], dict[str, Any]]] = {Task.EXPORT: export.export, Task.VAL: export.measure}
    if job.task in tasks:
        events.tell("done", **tasks[job.task](job))
        return DONE
    training = train.UltralyticsTraining(job, events, told)
    try:
        results = training.run()
    except train.TrainingInterrupted:
        checkpoint = training.checkpoint()
        events.tell("interrupted", checkpoint=None if checkpoint is None else str(checkpoint))
        return CUT_OFF
    if train.FIRST:
        events.tell("done", **results)
    return DONE


def _kind(error: BaseException | None) -> str:
    """What broke, by the whole chain of errors."""
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


def _sentence(error: Exception) -> str:
    return (f"{type(error).__name__}: {error}".strip() or type(error).__name__)[:MOST_MESSAGE]


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # not sys.exit: it would wait for what loads pictures, which may hang
