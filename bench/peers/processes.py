"""A server's processes: started with a mark in their environment, found by it, measured, and ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from uuid import uuid4

ROOT: Final = Path(__file__).parents[2]
PROC: Final = Path("/proc")
STOP_S: Final = 15.0  # for the first process, after SIGTERM
LEFT_S: Final = 3.0  # for the others afterwards
_MARK: Final = "NUNCHI_BENCH_MARK"
_PSS: Final = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


class ServerFailed(Exception):
    """A server can't be measured."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and all that it started, also what left its process group. `began`: time.perf_counter at its start."""

    process: subprocess.Popen[bytes]
    mark: str
    log: Path
    began: float

    def pids(self) -> set[int]:
        """Those that carry the mark, and the descendants of them: a program may overwrite its own environment."""
        mark = f"{_MARK}={self.mark}".encode()
        parents, found = dict[int, int](), {self.process.pid}
        for folder in PROC.iterdir():
            if folder.name.isdigit():
                try:
                    parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                    if mark in (folder / "environ").read_bytes().split(b"\0"):
                        found.add(int(folder.name))
                except (OSError, ValueError):
                    continue  # ended meanwhile, or another user's
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    def megabytes(self) -> float:
        """Memory of all its processes: the proportional set size, which counts shared pages once."""
        total = 0
        for pid in self.pids():
            try:
                match = _PSS.search((PROC / str(pid) / "smaps_rollup").read_text())
            except OSError:
                continue
            total += int(match[1]) if match else 0
        return total * 1024 / 1e6

    def processor_s(self) -> float:
        """Seconds of a processor that its processes have had, those that ended and were waited for included."""
        ticks = 0
        for pid in self.pids():
            try:
                fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks += sum(map(int, fields[11:15]))  # utime, stime, and those of waited-for children: proc(5)
        return ticks / os.sysconf("SC_CLK_TCK")

    def check(self) -> None:
        """ServerFailed with the end of its log if it has ended."""
        if self.process.poll() is not None:
            raise ServerFailed(f"it ended with status {self.process.returncode}:\n{self.end_of_log()}")

    def end_of_log(self) -> str:
        """What its processes wrote last."""
        return self.log.read_text(errors="replace")[-3000:]

    def _stop(self) -> None:
        others = {pid: born for pid in self.pids() - {self.process.pid} if (born := born_at(pid)) is not None}
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in _left(others):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        _left(others)


@contextmanager
def running(
    command: Sequence[str],
    environ: Mapping[str, str],
    log: Path,
    *,
    stdin: int | None = None,
    stdout: int | None = None,
) -> Generator[Tree, None, None]:
    """Run the command from the repository's root within the block; its output goes to `log`."""
    mark = uuid4().hex
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env={**environ, _MARK: mark},
            cwd=ROOT,
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or output,
            stderr=output,
        )
        tree = Tree(process, mark, log, began)
        try:
            yield tree
        finally:
            tree._stop()
            pipes: list[IO[bytes] | None] = [process.stdin, process.stdout]
            for pipe in pipes:
                if pipe is not None:
                    pipe.close()


def born_at(pid: int) -> str | None:
    """When a process started, in the kernel's ticks; None when it has ended. Its number may be another's by then."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def _left(processes: Mapping[int, str]) -> list[int]:
    """Those that still run after LEFT_S."""
    deadline = time.monotonic() + LEFT_S
    while left := [pid for pid, born in processes.items() if born_at(pid) == born]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return left
