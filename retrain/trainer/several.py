"""A training on several GPUs: one process each, started by torch's own launcher, speaking through the first.

Ultralytics would start them itself, from a pickle of its callbacks; so started, they are as stoppable as one.
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
STOP = "stop"  # a file of this name in the work folder: all of them leave at the end of the epoch


def launch(job: Job, job_path: Path, *, speak_to: int) -> subprocess.Popen[bytes]:
    """Start them; their events go to the file descriptor `speak_to`."""
    (job.work / STOP).unlink(missing_ok=True)
    launcher = [sys.executable, "-S", "-E", str(PDEATHSIG), str(os.getpid()), str(signal.SIGKILL.value)]
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(job.devices)]
    return subprocess.Popen(
        [*launcher, sys.executable, *command, "-m", "retrain.trainer", str(job_path)],
        stdout=speak_to,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},  # by now we stand in the work folder
    )


def tie() -> None:
    """Die with the launcher, which puts each of us into a session of its own, where nobody else would end us."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
