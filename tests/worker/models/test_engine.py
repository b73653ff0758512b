"""The engine that runs a YOLO, on every machine."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.toy_yolo import SIDE, toy_manifest
from worker.kiosk.kinds import load_detector
from worker.kiosk.yolo import Yolo
from worker.models.engine import OnnxRuntime
from worker.models.manifests import read_manifest

# 65 is PR_SET_MDWE: from here on no memory may be written and then run, as in systemd's MemoryDenyWriteExecute.
SANDBOXED = """
import ctypes, sys
from pathlib import Path
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(77)
from tests.worker.models.test_engine import seen
print(seen(Path(sys.argv[1])))
"""


def seen(manifest: Path) -> int:
    """How many people a toy network sees in a black picture."""
    [people] = load_detector(manifest).detect([np.zeros((SIDE, SIDE, 3), dtype=np.uint8)])
    return len(people)


def test_it_runs_in_the_workers_sandbox(tmp_path: Path) -> None:
    """An engine that writes machine code and runs it is refused there: a promoted YOLO would never serve."""
    command = [sys.executable, "-c", SANDBOXED, str(toy_manifest(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode == 77:
        pytest.skip("this kernel knows no PR_SET_MDWE (Linux 6.3)")
    assert (done.stdout.split(), done.returncode) == (["0"], 0), done.stderr


@pytest.mark.parametrize("runtime", [None, "onnxruntime"])
def test_a_manifest_need_not_name_it(tmp_path: Path, runtime: str | None, caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(engine_of(toy_manifest(tmp_path, runtime=runtime)), OnnxRuntime)
    assert caplog.messages == []


def test_a_manifest_that_asks_for_openvino_is_served_and_a_line_in_the_log_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Earlier versions knew that runtime; both compute the same network in 32 bits."""
    manifest = toy_manifest(tmp_path, runtime="openvino")
    assert isinstance(engine_of(manifest), OnnxRuntime)
    assert caplog.record_tuples == [
        (
            "worker.kiosk.yolo",
            logging.WARNING,
            f"{manifest}: its runtime, openvino, is no longer used; ONNX Runtime runs the network",
        )
    ]


@pytest.mark.parametrize("cores", [1, 2, 16])
def test_a_lone_picture_takes_several_cores_and_its_output_is_the_same_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    """Else a confidence would depend on how many customers stand at other kiosks."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    engine = engine_of(toy_manifest(tmp_path))
    assert isinstance(engine, OnnxRuntime)
    picture = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    alone = engine(picture)
    used: list[object] = []
    inside, done = threading.Event(), threading.Event()

    class Held:
        """The session of all cores, in which a first picture stays until a second is answered."""

        def __init__(self, session: Any) -> None:
            self._session = session

        def run(self, *arguments: Any) -> Any:
            used.append(threading.current_thread())
            inside.set()
            assert done.wait(timeout=60)
            return self._session.run(*arguments)

    monkeypatch.setattr(engine, "_all_cores", Held(engine._all_cores))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(engine, picture)
        assert inside.wait(timeout=60)
        second = engine(picture)
        done.set()
        assert first.result(timeout=60).tobytes() == second.tobytes() == alone.tobytes()
    assert len(used) == 1


def test_in_a_burst_no_picture_is_alone_until_no_two_have_run_at_once_for_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that stores an answer comes back at once: two threads of each network would wait for each other."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(2)))
    times = [100.0]
    network = read_manifest(toy_manifest(tmp_path)).file("network").read_bytes()
    engine = OnnxRuntime(network, SIDE, lambda: times[-1])
    lone: list[float] = []
    inside, done = threading.Event(), threading.Event()

    class Counted:
        """The session of all cores; the first picture stays in it until it may leave."""

        def __init__(self, session: Any) -> None:
            self._session = session

        def run(self, *arguments: Any) -> Any:
            lone.append(times[-1])
            inside.set()
            assert done.wait(timeout=60)
            return self._session.run(*arguments)

    monkeypatch.setattr(engine, "_all_cores", Counted(engine._all_cores))
    picture = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(engine, picture)
        assert inside.wait(timeout=60)
        engine(picture)
        done.set()
        first.result(timeout=60)
    for later in (100.1, 100.9, 101.0, 101.1):
        times.append(later)
        engine(picture)
    assert lone == [100.0, 101.0, 101.1]


def engine_of(manifest: Path) -> object:
    detector = load_detector(manifest)
    assert isinstance(detector, Yolo)
    return detector.engine
