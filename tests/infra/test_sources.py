"""What a synthesis reads of the repository lies in the folders that the key of a kept assembly covers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from local.aws.synthesis import SOURCES
from tests.infra.assembly import ROOT

IMPORTED = """
import json, sys
import infra.app
print(json.dumps([module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)]))
"""


def test_every_module_that_a_synthesis_imports_is_covered() -> None:
    """Else an edit of it would be deployed only after an edit of something else."""
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTED], cwd=ROOT, check=True, capture_output=True, text=True, timeout=300
    )
    files = [Path(file) for file in json.loads(ran.stdout)]
    ours = {file.relative_to(ROOT).parts[0] for file in files if file.is_relative_to(ROOT)}
    installed = Path(sys.prefix)
    in_repository = {installed.relative_to(ROOT).parts[0]} if installed.is_relative_to(ROOT) else set()
    assert {"infra", "config", "contracts"} <= ours
    assert ours - in_repository <= set(SOURCES)


def test_every_file_that_becomes_an_asset_is_covered(assembly: Path) -> None:
    """The zips of the functions and of the machines' code."""
    staged = {path.name for asset in assembly.glob("asset.*") for path in asset.iterdir()}
    assert {"contracts", "lambdas", "retrain", "worker"} <= staged
    assert staged <= set(SOURCES)
