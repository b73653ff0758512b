"""Which engine runs a network when nobody says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.toy_yolo import SIDE, toy_manifest
from worker.models.engines import preferred

# 65 is PR_SET_MDWE: from here on no memory may be written and then run, as in systemd's MemoryDenyWriteExecute.
SANDBOXED = """
import ctypes, sys
from pathlib import Path
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(77)
from tests.worker.models.test_engines import seen
print(*seen(Path(sys.argv[1])))
"""


def seen(manifest: Path) -> tuple[str, int]:
    """The engine that is preferred, and how many a toy network sees with it in a black picture."""
    from worker.models.loading import load_detector

    [people] = load_detector(manifest).detect([np.zeros((SIDE, SIDE, 3), dtype=np.uint8)])
    return preferred(), len(people)


def test_openvino_runs_what_names_no_engine(tmp_path: Path) -> None:
    assert seen(toy_manifest(tmp_path)) == ("openvino", 0)


def test_in_the_workers_sandbox_onnx_runtime_does(tmp_path: Path) -> None:
    """OpenVINO writes machine code and runs it, which the unit forbids: a promoted YOLO would be refused for ever."""
    command = [sys.executable, "-c", SANDBOXED, str(toy_manifest(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode == 77:
        pytest.skip("this kernel knows no PR_SET_MDWE (Linux 6.3)")
    assert (done.stdout.split(), done.returncode) == (["onnxruntime", "0"], 0), done.stderr
