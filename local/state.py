"""The state folder: all files of a local cloud, and the lock that is held while it is up.

The lock is an flock: the kernel releases it however its holder ends, so no stored process id has to be trusted.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from local.aws.fake_ec2 import power_off
from local.errors import CloudBusy, CloudDown
from local.record import Record

DEFAULT_FOLDER: Final = ".nunchi"
LOCK_TIMEOUT_S: Final = 1.0  # others hold the lock for an instant, to inspect it or to clear the folder
SOCKET_PATH_MAX: Final = 98  # bytes, without a worker's number; Linux allows 107, macOS 103


def nearest(start: Path) -> Path:
    """The state folder of the cloud that is up in `start`, or in the nearest folder above, as git does.

    The default folder in `start` when none is up. Folders of other users don't count.
    """
    for folder in (start, *start.parents):
        path = folder / DEFAULT_FOLDER
        try:
            if path.stat().st_uid == os.getuid() and StateDir(path).holder() is not None:
                return path
        except OSError:
            continue
    return start / DEFAULT_FOLDER


class StateDir:
    """Paths in the state folder. The constructor does not touch the disk.

    `worker` has a folder for each worker, named by its instance.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.lock = self.path / "lock"
        self.record = self.path / "cloud.json"
        self.progress = self.path / "progress.jsonl"
        self.certs = self.path / "certs"
        self.logs = self.path / "logs"
        self.scratch = self.path / "tmp"
        self.worker = self.path / "worker"
        self.screen = self.path / "screen"
        self.training = self.path / "training"
        self.assembly = self.path / "cdk.out"
        self._short_folder = self.path / "socket"  # links to a short folder when this path is too long for a socket

    @property
    def socket(self) -> Path:
        """The socket of the first worker. `prepare` makes a short folder for it when this path is too long."""
        path = self.path / "worker.sock"
        if len(os.fsencode(path)) < SOCKET_PATH_MAX:
            return path
        return Path(self._short_folder.readlink()) / "worker.sock"

    def socket_of(self, number: int) -> Path:
        """The socket of a worker; `number` counts from 1."""
        return self.socket if number == 1 else self.socket.with_name(f"worker-{number}.sock")

    def make(self) -> None:
        """Make the folder, accessible to its owner only; an existing one is not changed."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def prepare(self) -> None:
        """Make the folders, without the files and logs of an earlier cloud."""
        self.make()
        self.clear()
        shutil.rmtree(self.logs, ignore_errors=True)
        for folder in (self.certs, self.logs, self.scratch, self.worker, self.screen):
            folder.mkdir(parents=True, mode=0o700)
        if len(os.fsencode(self.path / "worker.sock")) >= SOCKET_PATH_MAX:
            self._short_folder.symlink_to(tempfile.mkdtemp(prefix="nunchi-"))

    def clear(self) -> None:
        """Remove all but the logs: record, keys, scratch files, sockets. Only the holder of the lock may call it."""
        if self._short_folder.is_symlink():
            shutil.rmtree(self._short_folder.readlink(), ignore_errors=True)
        power_off(self.path)  # a training that outlived its cloud
        for folder in (self.certs, self.scratch, self.worker, self.screen, self.training, self.assembly):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.record, *self.path.glob("worker*.sock"), self._short_folder):
            file.unlink(missing_ok=True)

    def clear_unless_held(self) -> None:
        """Clear the folder of a cloud that did not; does nothing while a cloud is up here."""
        if self.path.is_dir():
            with suppress(CloudBusy), Hold(self, named=False):
                self.clear()

    def holder(self) -> int | None:
        """The id of the process that runs the cloud here; None when none is up."""
        try:
            with self.lock.open() as file:
                # A shared lock, so that two readers do not take each other for the holder.
                while not _take(file, fcntl.LOCK_SH):
                    file.seek(0)
                    if (written := file.read()) and _lives(int(written)):
                        return int(written)
                    time.sleep(0.001)  # the holder is about to write its id, or to release the lock
                return None
        except FileNotFoundError:
            return None

    def command(self, name: str) -> str:
        """A `nunchi` command for this folder, ready to paste."""
        elsewhere = self.path != nearest(Path.cwd())
        return f"nunchi {name} --state {shlex.quote(str(self.path))}" if elsewhere else f"nunchi {name}"

    def read(self) -> Record:
        """The record of the running cloud; CloudDown when no cloud is up here."""
        if self.holder() is not None:
            try:
                return Record.from_json(self.record.read_text())
            except FileNotFoundError:
                raise CloudDown(f"the cloud in {self.path} is still starting; try again when it is up") from None
        here = self.path == Path.cwd() / DEFAULT_FOLDER
        where = f"{self.path}, or in a folder above" if here else self.path
        raise CloudDown(f"no cloud is up in {where}; start it with `{self.command('up --detach')}`")

    def write(self, record: Record) -> None:
        """Write the record atomically."""
        fresh = self.record.with_suffix(".new")
        fresh.write_text(record.to_json() + "\n")
        fresh.rename(self.record)


class Hold:
    """The lock of a state folder, for the length of the block; CloudBusy when another process holds it.

    With `named`, this process is the holder of the cloud. Without, the lock is for an instant: `holder` waits for it.
    """

    def __init__(self, state: StateDir, *, named: bool = True) -> None:
        self._state = state
        self._named = named

    def __enter__(self) -> None:
        self._state.make()
        self._state.lock.touch(mode=0o600)
        self._file = self._state.lock.open("a+")
        deadline = time.monotonic() + LOCK_TIMEOUT_S
        while not _take(self._file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                self._file.close()
                raise CloudBusy(
                    f"another process runs a cloud in {self._state.path}; `{self._state.command('down')}` stops it"
                )
            time.sleep(0.01)
        self._file.truncate(0)
        if self._named:
            # A reader must not see the last lines of an earlier cloud.
            self._state.progress.unlink(missing_ok=True)
            self._file.write(str(os.getpid()))
            self._file.flush()

    def __exit__(self, *_: object) -> None:
        self._file.truncate(0)
        self._file.close()


def _take(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(pid: int) -> bool:
    """Whether a process exists; a killed holder leaves its id until the next one replaces it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
