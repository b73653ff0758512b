"""Training on several GPUs: one process each, started by torch's launcher; the first sends the events.

Ultralytics would start them from a pickle of its callbacks; started here, they stop like a single process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

from retrain.trainer.job import Job

PDEATHSIG = Path(__file__).parents[1] / "pdeathsig.py"  # a program; nothing of it is imported
STOP = "stop"  # a file in the work folder: all processes stop at the end of the epoch


def launch(job: Job, job_path: Path, *, events: int) -> subprocess.Popen[bytes]:
    """Start the processes; their events go to the file descriptor `events`."""
    (job.work / STOP).unlink(missing_ok=True)
    launcher = [sys.executable, "-S", "-E", str(PDEATHSIG), str(os.getpid()), str(signal.SIGKILL.value)]
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(job.devices)]
    return subprocess.Popen(
        [*launcher, sys.executable, *command, "-m", "retrain.trainer", str(job_path)],
        stdout=events,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},  # the current folder is the work folder
    )


def die_with_parent() -> None:
    """Ask the kernel to kill this process with the launcher, which puts each process into its own session."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
