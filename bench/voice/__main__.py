"""python -m bench.voice --work .nunchi/voice [--people folder of WAV files]: half an hour.

`make voice voices trainer` come before. Writes bench/voice/report.json, and its tables into docs/voice-card.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.__main__ import processor
from bench.voice import clips, report, rows
from bench.voice.rows import Clip
from kiosk.menu.menu import DEFAULT_FILE
from kiosk.voice.engine.embedding import centred
from kiosk.voice.engine.heads import FOLDER
from kiosk.voice.words import CANCEL, expected, forms_of_dishes
from voice_build import heads
from voice_build.corpus import Corpus, Sounds

ROOT: Final = Path(__file__).parents[2]
TAUGHT: Final = 4  # variants of each sound that the baseline is taught; the heads are taught three times as many
WAYS: Final = ("grammar", "heads", "both")


def main() -> None:
    """Make the clips, let engine and baseline hear them, count, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.voice", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of `make voices`, with the corpus's sounds")
    parser.add_argument("--people", type=Path, help="folder with WAV files of people who speak, for false accepts")
    parser.add_argument("--people-are", default="none", help="what they are, for the report")
    parser.add_argument("--sounds-are", default="Kokoro-82M, int8", help="how the corpus was spoken, for the report")
    parser.add_argument(
        "--taught", type=int, metavar="N", help="teach the baseline with the first N voices of `train` alone"
    )
    parser.add_argument("--resume", action="store_true", help="take what was heard from an earlier run in this folder")
    options = parser.parse_args()

    menu = tomllib.loads(DEFAULT_FILE.read_text(encoding="utf-8"))
    names = {dish["id"]: dish["name"]["ko"] for dish in menu["dishes"]}
    corpus = Corpus(names)
    sounds, folder = Sounds(corpus, None, folder=options.work / "sounds"), options.work / "clips"
    kept = options.work / "heard.json"
    if options.resume and kept.exists():
        made, heard = rows.read(folder), json.loads(kept.read_text())
    else:
        made = clips.write(corpus, sounds, clips.people(options.people), folder)
        heard = _listened(names, folder, kept)
    voices = corpus.voices["train"][: options.taught]
    teachers = [one for one in corpus.utterances() if one.part != "train" or one.voice in voices]
    examples = heads.examples(teachers, sounds, centred, "train", variants=TAUGHT)
    taught = options.work / "examples.npz"
    np.savez(taught, sounds=(examples.vectors * 32767).astype("<i2"), words=np.array(examples.words))
    baseline = _run(".venv-trainer", "bench.voice.baseline", taught, folder, options.work / "baseline.json")

    fields = _counted(made, heard, baseline, names)
    fields["people"], fields["sounds"] = options.people_are, options.sounds_are
    fields["baseline_voices"] = len(voices)
    fields["processor"] = processor()
    report.FILE.write_text(json.dumps(fields, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    report.write(fields)


def _listened(names: dict[str, str], folder: Path, out: Path) -> dict[str, Any]:
    dishes = folder / "dishes.json"
    dishes.write_text(json.dumps(forms_of_dishes(names.items()), ensure_ascii=False))
    return _run(".venv-voice", "bench.voice.listen", folder, dishes, out)


def _run(venv: str, module: str, *arguments: Path) -> dict[str, Any]:
    """The answer of a part that needs another environment; its last argument is the file that it writes."""
    python = ROOT / venv / "bin" / "python"
    subprocess.run([python, "-m", module, *arguments], cwd=ROOT, check=True, timeout=3600)
    fields: dict[str, Any] = json.loads(arguments[-1].read_text())
    return fields


def _counted(
    made: Sequence[Clip], heard: dict[str, Any], baseline: dict[str, Any], names: dict[str, str]
) -> dict[str, Any]:
    groups: dict[str, dict[str, Any]] = defaultdict(lambda: {"clips": 0, "seconds": 0.0})
    for clip, row, sure, guess in zip(made, heard["rows"], baseline["rows"], baseline["guesses"], strict=True):
        group = groups[clip.group]
        group["clips"] += 1
        group["seconds"] += len(np.load(clip.file)) / 16_000
        meant = expected(clip.expect, names)
        taught = [("baseline", sure), ("guess", guess)]
        for way, words in [
            *((way, row[way]) for way in WAYS),
            *((way, [w for w in ws if w in meant]) for way, ws in taught),
        ]:
            counts = group.setdefault(way, {"right": 0, "wrong": 0, "part": 0, "cancelled": 0})
            if words:
                counts[_judged(words, list(clip.words))] += 1
    clock, cpu = (sorted(waits) for waits in zip(*heard["waits_s"], strict=True))
    return {
        "groups": {name: {**fields, "seconds": round(fields["seconds"], 1)} for name, fields in groups.items()},
        "real_time_factor": round(heard["cpu_s"] / heard["sound_s"], 3),
        "wait_ms": _percentiles(clock),
        "wait_cpu_ms": _percentiles(cpu),
        "load_s": round(heard["load_s"], 1),
        "load_average": round(heard["load_average"], 1),
        "cores": os.cpu_count(),
        "memory_mib": round(heard["memory_mib"]),
        "baseline_parameters": baseline["parameters"],
        "baseline_right": round(baseline["right"], 3),
        "heads": json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8")),
    }


def _percentiles(waits: Sequence[float]) -> dict[str, int]:
    """Of sorted seconds, in milliseconds."""
    return {"p50": round(1000 * waits[len(waits) // 2]), "p95": round(1000 * waits[len(waits) * 95 // 100])}


def _judged(heard: list[str], meant: list[str]) -> str:
    """Right, a part of it (the dish without its count, which the page then asks for), cancelled, or wrong.

    Cancelled by mistake, a listening ends, and nothing is ordered; wrong is another word, which the page would act on.
    """
    if heard == meant:
        return "right"
    if heard == [CANCEL]:
        return "cancelled"
    return "part" if meant and heard == meant[: len(heard)] else "wrong"


if __name__ == "__main__":
    main()
