"""Run a command that gets a signal when its parent dies, even when the parent is killed with -9 (PR_SET_PDEATHSIG).

    python -S -E pdeathsig.py <parent pid> <signal number> <command> [argument ...]

A file of its own, started as a program: between fork and exec of a process with threads no Python code is safe.
On systems other than Linux it only runs the command; there, a parent that is killed with -9 leaves it behind.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, signal_number, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("pdeathsig: the parent ended before the command could start; nothing was started")
    os.execvp(command[0], command)  # noqa: S606 - the parent's own list of words
