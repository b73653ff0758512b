"""closed.sh as a machine runs it at its start, at a time of the test's choice."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime
from pathlib import Path

from tests.infra.assembly import ROOT
from tests.shell.machine import RECORDER

# What `date` answers on a machine whose clock is at $CLOCK.
CLOCK = '#!/bin/bash\nexec /bin/date --date="$CLOCK" "$@"\n'


def closed(folder: Path, *, at: datetime, **environ: str) -> tuple[bool, str]:
    """Whether closed.sh powers a machine off that starts `at` that time, and what it says."""
    for name, text in (("systemctl", RECORDER), ("date", CLOCK)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    done = subprocess.run(
        [ROOT / "shell/closed.sh"],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "CLOCK": at.isoformat(), **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    calls = folder / "systemctl.calls"
    said = calls.read_text().splitlines() if calls.exists() else []
    calls.unlink(missing_ok=True)
    assert said in ([], ["poweroff --no-block"])
    return said != [], done.stdout + done.stderr
