"""The state folder: all that a cloud leaves on disk, and the lock that says whether it is up.

The lock is the kernel's, on an open file: however its holder ends, killed with -9 or with the whole machine, the lock
is free again. So no process id has to be believed.
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
PATIENCE_S: Final = 1.0  # with whoever only looks at the lock, or clears up under it
SOCKET_PATH_MAX: Final = 98  # bytes, and a few for a number; the kernel takes 107, macOS 103


class StateDir:
    """Paths in the state folder. Making one touches nothing on disk.

    `worker` holds a folder for each worker, by the name of its instance.
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
        self.training = self.path / "training"
        self.assembly = self.path / "cdk.out"
        self._far_socket = self.path / "socket"  # names the socket's folder when ours is too deep for one

    @property
    def socket(self) -> Path:
        """Where the worker answers. Made with `prepare` when the folder's own path is too long for a socket."""
        near = self.path / "worker.sock"
        if len(os.fsencode(near)) < SOCKET_PATH_MAX:
            return near
        return Path(self._far_socket.readlink()) / "worker.sock"

    def socket_of(self, number: int) -> Path:
        """Where the worker of that number answers, counted from 1."""
        return self.socket if number == 1 else self.socket.with_name(f"worker-{number}.sock")

    def make(self) -> None:
        """Make the folder itself, its owner's alone; one that is there stays as it is."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def prepare(self) -> None:
        """Make the folders, empty of what an earlier cloud left; its logs start anew."""
        self.make()
        self.clear()
        shutil.rmtree(self.logs, ignore_errors=True)
        for folder in (self.certs, self.logs, self.scratch, self.worker):
            folder.mkdir(parents=True, mode=0o700)
        if len(os.fsencode(self.path / "worker.sock")) >= SOCKET_PATH_MAX:
            self._far_socket.symlink_to(tempfile.mkdtemp(prefix="nunchi-"))

    def clear(self) -> None:
        """Remove everything but the logs: record, keys, scratch files, socket. For the holder of the lock."""
        if self._far_socket.is_symlink():
            shutil.rmtree(self._far_socket.readlink(), ignore_errors=True)
        power_off(self.path)  # a training that outlived its cloud
        for folder in (self.certs, self.scratch, self.worker, self.training, self.assembly):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self.record, *self.path.glob("worker*.sock"), self._far_socket):
            file.unlink(missing_ok=True)

    def clear_unless_held(self) -> None:
        """Clear what a cloud left that can't do so itself; nothing happens when somebody has a cloud here."""
        if self.path.is_dir():
            with suppress(CloudBusy), Hold(self, named=False):
                self.clear()

    def holder(self) -> int | None:
        """The process that runs the cloud here; None when nobody does."""
        try:
            with self.lock.open() as file:
                # A shared lock: two that look at once must not take each other for a holder.
                while not _take(file, fcntl.LOCK_SH):
                    file.seek(0)
                    if (written := file.read()) and _lives(int(written)):
                        return int(written)
                    time.sleep(0.001)  # it has the lock, and is about to write its name, or to leave
                return None
        except FileNotFoundError:
            return None

    def command(self, name: str) -> str:
        """A `nunchi` command for this folder, to be pasted."""
        elsewhere = self.path != Path(DEFAULT_FOLDER).absolute()
        return f"nunchi {name} --state {shlex.quote(str(self.path))}" if elsewhere else f"nunchi {name}"

    def read(self) -> Record:
        """The record of the running cloud; CloudDown when none is up here."""
        if self.holder() is not None:
            try:
                return Record.from_json(self.record.read_text())
            except FileNotFoundError:
                raise CloudDown(f"the cloud in {self.path} is still starting; try again when it is up") from None
        raise CloudDown(f"no cloud is up in {self.path}; start it with `{self.command('up --detach')}`")

    def write(self, record: Record) -> None:
        """Put the record down, whole or not at all."""
        fresh = self.record.with_suffix(".new")
        fresh.write_text(record.to_json() + "\n")
        fresh.rename(self.record)


class Hold:
    """The lock of a state folder, from the first line to the end of the block; CloudBusy when somebody has it.

    Without a name it is for a moment's work: whoever asks for the holder waits until it is over.
    """

    def __init__(self, state: StateDir, *, named: bool = True) -> None:
        self._state = state
        self._named = named

    def __enter__(self) -> None:
        self._state.make()
        self._state.lock.touch(mode=0o600)
        self._file = self._state.lock.open("a+")
        deadline = time.monotonic() + PATIENCE_S
        while not _take(self._file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                self._file.close()
                raise CloudBusy(
                    f"another process runs a cloud in {self._state.path}; `{self._state.command('down')}` ends it"
                )
            time.sleep(0.01)
        self._file.truncate(0)
        if self._named:
            # Who follows a holder must not hear an earlier one's last words.
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
    """False for the number that a killed holder left, which the next one is about to replace."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
