"""Rooms, noise, other voices, distance: what happens to a word between a mouth and a microphone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample

RATE: Final = 16_000
Sound = NDArray[np.float32]
Random = np.random.Generator


def babble(others: Sequence[Sound], random: Random, *, seconds: float, voices: int) -> Sound:
    """That many people talking at once: utterances one after the other, each person begins somewhere. Loudest 1."""
    length = round(seconds * RATE)
    mixed = np.zeros(length, np.float32)
    for _ in range(voices):
        at = -int(random.integers(RATE))
        while at < length:
            sound = others[int(random.integers(len(others)))]
            start, end = max(at, 0), min(at + len(sound), length)
            if start < end:
                mixed[start:end] += sound[start - at : end - at]
            at += len(sound) + int(random.uniform(0.1, 0.6) * RATE)
    return _loudest(mixed, 1.0)


def noise(random: Random, *, seconds: float, slope: float) -> Sound:
    """Noise whose power falls with frequency to the `slope`: 0 white, 1 pink, 2 brown. Loudest 1."""
    length = round(seconds * RATE)
    spectrum = np.fft.rfft(random.standard_normal(length))
    frequencies = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 20.0)
    return _loudest(np.fft.irfft(spectrum / frequencies ** (slope / 2), length).astype(np.float32), 1.0)


def room(sound: Sound, random: Random, *, decay_s: float, echo: float = 0.05) -> Sound:
    """In a room whose echo takes `decay_s` to fall by 60 dB. `echo`: the tail's noise beside the direct sound's 1.

    At 0.05 and 0.3 s the echo is as loud as the direct sound, at 0.02 it is 8 dB below.
    """
    times = np.arange(int(decay_s * RATE)) / RATE
    tail = random.standard_normal(len(times)) * 10 ** (-3 * times / decay_s) * echo
    tail[0] = 1.0
    return fftconvolve(sound, tail).astype(np.float32)


def mixed(sound: Sound, background: Sound, *, ratio_db: float) -> Sound:
    """The sound over a background, by the ratio of their powers."""
    length = min(len(sound), len(background))
    power = float(np.mean(sound[:length] ** 2)) / max(1e-9, float(np.mean(background[:length] ** 2)))
    scale = np.float32(np.sqrt(power / 10 ** (ratio_db / 10)))
    return (sound[:length] + scale * background[:length]).astype(np.float32)


def varied(sound: Sound, others: Sequence[Sound], random: Random) -> Sound:
    """A variant of an utterance: another speed and pitch, a room, a background, a level, a place in the segment."""
    sound = resample(sound, int(len(sound) / random.uniform(0.88, 1.14))).astype(np.float32)
    before, after = (int(random.uniform(0.0, 0.35) * RATE) for _ in range(2))
    sound = np.pad(sound, (before, after))
    if random.random() < 0.6:
        sound = room(sound, random, decay_s=float(random.uniform(0.08, 0.5)))
    seconds = len(sound) / RATE
    if random.random() < 0.45:
        background = babble(others, random, seconds=seconds, voices=int(random.integers(2, 7)))
    else:
        background = noise(random, seconds=seconds, slope=float(random.uniform(0, 2)))
    sound = mixed(sound, background, ratio_db=float(random.uniform(3, 30)))
    return _loudest(sound, float(random.uniform(0.05, 0.9)))


def _loudest(sound: Sound, peak: float) -> Sound:
    return (sound * (peak / max(1e-6, float(np.abs(sound).max())))).astype(np.float32)
