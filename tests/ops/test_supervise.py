"""Taking a cloud down, interrupted."""

from __future__ import annotations

import os
import signal

import pytest

from ops.supervise import uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_taking_down_is_not_interrupted(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    """A second Ctrl-C is heard, and afterwards works as before."""
    before = signal.getsignal(number)
    with uninterrupted():
        os.kill(os.getpid(), number)
    assert capfd.readouterr().err == "still stopping; this may take half a minute\n"
    assert signal.getsignal(number) is before
