"""Runs in .venv-trainer: the students' recogniser, MFCC into a small CNN, taught and asked with the same voices.

python -m bench.voice.baseline EXAMPLES.npz CLIPS_FOLDER OUT.json
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.voice.rows import read

RATE: Final = 16_000
SAMPLES: Final = 2 * RATE
COEFFICIENTS: Final = 20
_WINDOW, _HOP, _BANDS = 400, 320, 40
EPOCHS: Final = 40  # after 10 it knew 58 % of what taught it, and said "no word" of the rest
LEAST: Final = 0.8
Sound = NDArray[np.float32]


def mfcc(sound: Sound) -> Sound:
    """20 coefficients by 99 frames, of two seconds."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    bands = np.log(power @ _filters() + 1e-8)
    at = np.arange(_BANDS) + 0.5
    cosines = np.cos(np.pi * np.outer(at, np.arange(COEFFICIENTS)) / _BANDS)
    return (bands @ cosines).T.astype(np.float32)


def _filters() -> Sound:
    def mel(hertz: float) -> float:
        return 2595 * float(np.log10(1 + hertz / 700))

    points = 700 * (10 ** (np.linspace(mel(60), mel(7800), _BANDS + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(512, 1 / RATE)[:, None]
    rising = (hertz - points[:-2]) / (points[1:-1] - points[:-2])
    falling = (points[2:] - hertz) / (points[2:] - points[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def network(words: int) -> Any:
    """Three convolutions and a layer: about 79,000 parameters."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 96, 3, padding=1), nn.BatchNorm2d(96), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 4))),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(384, words)),
    )


@dataclass(frozen=True, slots=True)
class Taught:
    """The network, its classes, how its input is scaled, and its share of right answers about what taught it."""

    net: Any
    classes: list[str]
    mean: Sound
    scale: Sound
    right: float


def taught(examples: Path) -> Taught:
    """The network, after EPOCHS times all examples."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    with np.load(examples) as file:
        sounds, words = file["sounds"], file["words"]
    classes = sorted(set(words.tolist()))
    features = np.stack([mfcc(sound.astype(np.float32) / 32767) for sound in sounds])
    mean, scale = features.mean((0, 2), keepdims=True), features.std((0, 2), keepdims=True)
    inputs = torch.from_numpy((features - mean) / scale)[:, None]
    targets = torch.tensor([classes.index(word) for word in words])
    net = network(len(classes))
    optimiser = torch.optim.Adam(net.parameters(), 1e-3, weight_decay=1e-4)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(inputs)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(inputs[batch]), targets[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        answers = torch.cat([net.eval()(batch).argmax(1) for batch in inputs.split(64)])
    return Taught(net, classes, mean, scale, float((answers == targets).float().mean()))


def main(examples: Path, clips: Path, out: Path) -> None:
    """Teach, then answer every clip by its cut segment."""
    baseline = taught(examples)
    answers, guesses = list[list[str]](), list[list[str]]()
    for clip in read(clips):
        with np.load(f"{clip.file}.segments.npz") as segments:
            word, share = _answer(baseline, [segments[name] for name in segments.files])
        guesses.append([word] if word else [])
        answers.append([word] if word and share >= LEAST else [])
    parameters = sum(one.numel() for one in baseline.net.parameters())
    fields = {"parameters": parameters, "right": baseline.right, "rows": answers, "guesses": guesses}
    out.write_text(json.dumps(fields, ensure_ascii=False))


def _answer(baseline: Taught, segments: list[Sound]) -> tuple[str, float]:
    """The word of a clip with one short segment, "" for none, and how sure the network is."""
    if len(segments) != 1 or len(segments[0]) > 2.2 * RATE:
        return "", 0.0
    segment = segments[0][:SAMPLES]
    before = (SAMPLES - len(segment)) // 2
    padded = np.pad(segment, (before, SAMPLES - len(segment) - before)).astype(np.float32)
    with torch.no_grad():
        scaled = (mfcc(padded)[None] - baseline.mean) / baseline.scale
        shares = baseline.net(torch.from_numpy(scaled)[:, None].float()).softmax(1)[0]
    return baseline.classes[int(shares.argmax())], float(shares.max())


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
