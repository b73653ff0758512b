"""`nunchi demo`, interrupted."""

from __future__ import annotations

import os
import signal

import pytest

from ops.demo_command import _uninterrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_taking_down_is_not_interrupted(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    """A second Ctrl-C is heard, and afterwards works as before."""
    before = signal.getsignal(number)
    with _uninterrupted():
        os.kill(os.getpid(), number)
    assert capsys.readouterr().err == "still stopping\n"
    assert signal.getsignal(number) is before
