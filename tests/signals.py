"""Signals to the process that runs the tests."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_SS_DISABLE: Final = 2


class _SignalStack(ctypes.Structure):
    """stack_t of Linux's sigaltstack(2)."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def disable_signal_stack() -> None:
    """Disable the alternate signal stack of this thread, before a test sends a signal to its own process.

    OpenVINO, in an earlier test of the process, leaves one of the minimum size: a signal does not fit in it, and the
    process dies of SIGSEGV.
    """
    if sys.platform == "linux":
        assert ctypes.CDLL(None).sigaltstack(ctypes.byref(_SignalStack(None, _SS_DISABLE, 0)), None) == 0
