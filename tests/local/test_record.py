"""Clients of the local cloud."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.environment import ROOT

MAKE_A_CLIENT = "from local.aws.clients import client; client('s3', endpoint='http://127.0.0.1:1', region='r')"


@pytest.mark.parametrize("hostile", [{"AWS_PROFILE": "nope"}, {"AWS_DEFAULTS_MODE": "nope"}, {}], ids=str)
def test_a_client_asks_nothing_of_the_callers_own_aws_settings(tmp_path: Path, hostile: dict[str, str]) -> None:
    """A profile that does not exist, a mode that does not exist, a file that is none: AWS's tools would end there."""
    (tmp_path / ".aws").mkdir()
    for name in ("config", "credentials"):
        (tmp_path / ".aws" / name).write_text("[default\nthis is no configuration")
    made = subprocess.run(
        [sys.executable, "-c", MAKE_A_CLIENT],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path), **hostile},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")
