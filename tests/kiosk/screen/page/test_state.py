"""The page's pure modules, run by Node: state.test.mjs has the rules."""

from __future__ import annotations

import subprocess
from pathlib import Path

from local.environment import search_path


def test_the_pages_state_keeps_its_rules() -> None:
    """Every rule of state.test.mjs."""
    rules = Path(__file__).with_name("state.test.mjs")
    ran = subprocess.run(
        ["node", "--test", "--test-reporter=spec", str(rules)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": search_path({"PATH": "/usr/bin:/bin"})},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
