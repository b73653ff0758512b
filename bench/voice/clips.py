"""The clips of the measurement: what is said, in which room, before which dialogue state, and what should be heard."""

from __future__ import annotations

import json
import random
import wave
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from scipy.signal import resample_poly

from bench.voice.rows import Clip
from kiosk.voice.framing import RATE
from voice_build.augment import Sound, babble, mixed, noise, room
from voice_build.corpus import Corpus, Sounds, Utterance

SEED: Final = 11
BABBLE_S: Final = 7.0  # one listening
BABBLES: Final = 30  # listenings of each kind of babble
RATIO_DB: Final = 10.0  # speech over the babble of a shop
STATES: Final[dict[str, tuple[str, ...]]] = {
    "yes or no": ("yes_no",),
    "dish": ("dish", "count", "done", "again"),
    "here or away": ("here_away",),
}
_STATE_OF: Final = {
    "yes": "yes or no",
    "no": "yes or no",
    "cancel": "yes or no",
    "here": "here or away",
    "away": "here or away",
}


def write(corpus: Corpus, sounds: Sounds, people: Sequence[Path], folder: Path) -> list[Clip]:
    """All clips as 16 bit samples in the folder, and clips.json. `people`: WAV files of recorded people."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = list[Clip]()
    for group, state, words, text, sound in _clips(corpus, sounds, people):
        file = folder / f"{len(clips):05d}.npy"
        np.save(file, (np.clip(sound, -1, 1) * 32767).astype("<i2"))
        clips.append(Clip(group, str(file), STATES[state], words, text))
    (folder / "clips.json").write_text(json.dumps([asdict(clip) for clip in clips], ensure_ascii=False))
    return clips


_Row = tuple[str, str, tuple[str, ...], str, Sound]


def _clips(corpus: Corpus, sounds: Sounds, people: Sequence[Path]) -> Iterator[_Row]:
    random_ = np.random.default_rng(SEED)
    everything = corpus.utterances()
    tests = [one for one in everything if one.part == "test"]
    talk = [sounds.of(one) for one in everything if one.part != "train" and one.kind == "other"]
    for one in tests:
        if one.kind != "other":
            group, state = _group(one), _state(one)
            quiet = _framed(sounds.of(one), random_)
            yield f"{group}, quiet", state, one.words, one.text, quiet
            yield f"{group}, shop", state, one.words, one.text, _shop(sounds.of(one), talk, random_)
        else:
            for state in ("yes or no", "dish"):
                yield f"other words, {state}", state, (), one.text, _framed(sounds.of(one), random_)
    recorded = [_read(file) for file in people]
    for state in ("yes or no", "dish"):
        for _ in range(BABBLES):
            mixture = babble(talk, random_, seconds=BABBLE_S, voices=int(random_.integers(1, 6)))
            yield (
                f"synthetic Korean words, one to five voices, {state}",
                state,
                (),
                "",
                mixture * np.float32(random_.uniform(0.1, 0.5)),
            )
        for _ in range(BABBLES if recorded else 0):
            mixture = babble(recorded, random_, seconds=BABBLE_S, voices=int(random_.integers(1, 5)))
            yield (
                f"recorded people, one to four, {state}",
                state,
                (),
                "",
                mixture * np.float32(random_.uniform(0.1, 0.5)),
            )


def _group(one: Utterance) -> str:
    if one.kind != "word":
        return one.kind
    return "yes and no" if one.words[0] in ("yes", "no") else "other dialogue words"


def _state(one: Utterance) -> str:
    return "dish" if one.kind != "word" else _STATE_OF.get(one.words[0], "dish")


def _framed(sound: Sound, random_: np.random.Generator) -> Sound:
    """As a microphone in a quiet room gives it: silence around, a little noise."""
    sound = np.pad(sound * np.float32(random_.uniform(0.3, 1.0)), (int(0.6 * RATE), int(0.8 * RATE)))
    hiss = noise(random_, seconds=len(sound) / RATE + 0.1, slope=1)[: len(sound)]
    return (sound + 0.002 * hiss).astype(np.float32)


def _shop(sound: Sound, talk: Sequence[Sound], random_: np.random.Generator) -> Sound:
    """In a room with an echo, with the babble of the shop behind it."""
    framed = np.pad(room(sound, random_, decay_s=0.3, echo=0.02), (int(0.6 * RATE), int(0.8 * RATE)))
    behind = babble(talk, random_, seconds=len(framed) / RATE + 0.1, voices=5)
    power = float(np.mean(sound**2)) / float(np.mean(framed**2))  # the ratio is that of the speech, not of the silence
    loud = mixed(framed, behind, ratio_db=RATIO_DB - 10 * float(np.log10(power)))
    return (loud * (0.5 / float(np.abs(loud).max()))).astype(np.float32)


def _read(file: Path) -> Sound:
    with wave.open(str(file)) as source:
        rate = source.getframerate()
        samples = np.frombuffer(source.readframes(source.getnframes()), "<i2").astype(np.float32) / 32768
    samples = resample_poly(samples, RATE // 1000, rate // 1000).astype(np.float32)
    return (samples / max(1e-6, float(np.abs(samples).max())) / 2).astype(np.float32)


def people(folder: Path | None, count: int = 400) -> list[Path]:
    """Some of the WAV files under a folder, always the same ones; those of two seconds and more, no silence."""
    files = [file for file in sorted(folder.rglob("*.wav")) if "silence" not in file.parts] if folder else []
    long = [file for file in files if file.stat().st_size > 32_000]
    return random.Random(SEED).sample(long, min(count, len(long)))  # noqa: S311
