"""Runs in .venv-voice: every clip through the real engine. python -m bench.voice.listen CLIPS DISHES.json OUT.json"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.voice.rows import Clip, read
from kiosk.voice.engine.__main__ import Engine
from kiosk.voice.engine.vad import Cutter, Sound, samples
from kiosk.voice.framing import RATE

CHUNK = 3200  # bytes: a tenth of a second, as the page sends it


def main(folder: Path, dishes: Path, out: Path) -> None:
    """Hear all clips; write what was heard, by grammar alone, by heads alone, and by both."""
    begun = time.process_time()
    engine = Engine({dish: tuple(forms) for dish, forms in json.loads(dishes.read_text()).items()})
    engine.ears(["dish"])
    loaded = time.process_time() - begun
    rows, cpu, sound_s, waits = list[dict[str, Any]](), 0.0, 0.0, list[tuple[float, float]]()
    for clip in read(folder):
        pcm = np.load(clip.file).tobytes()
        at = time.process_time()
        row = _heard(engine, clip, pcm, waits)
        cpu += time.process_time() - at
        sound_s += len(pcm) / 2 / RATE
        rows.append({**row, "heads": _heads(engine, clip, pcm)})
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"rows": rows, "cpu_s": cpu, "sound_s": sound_s, "waits_s": waits, "load_s": loaded, "memory_mib": memory}
    figures["load_average"] = os.getloadavg()[1]
    out.write_text(json.dumps(figures, ensure_ascii=False))


def _heard(engine: Engine, clip: Clip, pcm: bytes, waits: list[tuple[float, float]]) -> dict[str, Any]:
    asked = list[Sound]()

    def opinion(segment: Sound) -> Mapping[str, float]:
        asked.append(segment)
        return engine.opinion(segment)

    ears = engine.ears(list(clip.expect), opinion=opinion)
    for at in range(0, len(pcm), CHUNK):
        ears.feed(pcm[at : at + CHUNK])
    stopped, worked = time.monotonic(), time.process_time()
    heard = ears.heard()
    waits.append((time.monotonic() - stopped, time.process_time() - worked))
    both = "cancel" if heard.status == "cancelled" else heard.words
    # The head is asked only where the grammar understood nothing.
    return {"group": clip.group, "words": clip.words, "both": _words(both), "grammar": [] if asked else _words(both)}


def _words(words: str | tuple[str, ...]) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def _heads(engine: Engine, clip: Clip, pcm: bytes) -> list[str]:
    cutter = Cutter(engine.detector)
    segments = [*cutter.feed(samples(pcm)), *cutter.end()]
    np.savez(f"{clip.file}.segments.npz", *segments)  # for the baseline
    probabilities = engine.opinion(segments[0]) if len(segments) == 1 else {}
    word = max(probabilities, key=lambda name: probabilities[name], default="")
    expected = engine.expected(list(clip.expect))
    return [word] if word in expected and probabilities[word] >= engine.least else []


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
