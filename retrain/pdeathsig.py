"""Runs a command that dies with its parent, even when the parent is killed with -9.

    python -S -E tether.py <parent pid> <command> [argument ...]

A file of its own, started as a program: between fork and exec of a process with threads no Python code is safe.
On systems other than Linux it only runs the command; there, a parent that is killed with -9 leaves it behind.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("tether: the parent was gone before the command could start")
    os.execvp(command[0], command)  # noqa: S606 - the parent's own list of words
