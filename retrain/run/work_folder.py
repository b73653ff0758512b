"""The work folder: one training at a time, and no photo left behind."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from retrain.errors import RetrainError

TRAININGS: Final = "trainings"  # in the work folder


@contextmanager
def locked(work_dir: Path) -> Generator[None, None, None]:
    """Hold the work folder's lock; RetrainError if another training holds it.

    Two trainings on one machine would compete for memory, and with one id for files.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    with (work_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetrainError(
                f"another training uses {work_dir}: this one does not start; wait for it, or set NUNCHI_WORK_DIR"
            ) from None
        yield


@contextmanager
def training_folder(work_dir: Path, training: str) -> Generator[Path, None, None]:
    """An empty folder for a training, deleted at the end in any case: it holds photos.

    The caller has the lock, so the folders of other trainings are left by killed ones, and are deleted too.
    """
    home = work_dir / TRAININGS
    shutil.rmtree(home, ignore_errors=True)
    (home / training).mkdir(parents=True)
    try:
        yield home / training
    finally:
        shutil.rmtree(home, ignore_errors=True)
