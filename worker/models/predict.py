"""`python -m worker.models.predict --manifest PATH|day-0`: what a model says of many photos, in a process of its own.

Paths come on standard input, one a line; answers leave on standard output, one JSON object a line, in that order. The
first line is about the model, `{"model": {"name", "version", "digest"}, "raw": bool}`, then one for each photo:

    {"path", "ms", "people": [{"label", "confidence", "box": [x0, y0, x1, y1]}, …]}
    {"path", "error"}                            it can't be read or judged; the rest goes on

`ms` is what the model took, decoding left out. Boxes are fractions of the upright photo. `--raw` asks a YOLO for what
mAP is measured on (raw.py): its own scores, every class of every box, which may leave the photo. A model of another
kind has no such answers and gives those it serves with; the first line says which they are.

Ends with 0 when every photo has its line, 1 when the model can't be loaded or memory gave out, with the reason on
standard error, 2 when it was called wrongly.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from contracts.errors import NunchiError
from contracts.labels import LABELS
from contracts.weights import DAY_0
from worker.models.detector import Detector, Image
from worker.models.loading import DEFAULT_MANIFEST, ONE_AT_A_TIME, load_detector
from worker.models.yolo import Yolo
from worker.photos.decoding import decode
from worker.rollout.trial import MOST_MEMORY

MOST_BYTES: Final = 64 << 20  # of a photo's file
MOST_PIXELS: Final = 40_000_000

Answer = Callable[[Image], list[dict[str, Any]]]


def main(arguments: Sequence[str]) -> int:
    """Answer for every photo, under a limit of memory."""
    asked = _parser().parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_DATA, (asked.most_memory, asked.most_memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        manifest = DEFAULT_MANIFEST if asked.manifest == DAY_0 else Path(asked.manifest)
        detector = load_detector(manifest, ONE_AT_A_TIME)
    except NunchiError as error:
        return _failed(str(error))
    except MemoryError:
        return _failed(f"{asked.manifest}: it needs more than {asked.most_memory >> 20} MiB; no photo was looked at")
    raw = asked.raw and isinstance(detector, Yolo)
    answer = _everything(detector) if asked.raw and isinstance(detector, Yolo) else _people(detector)
    try:
        _tell({"model": asdict(detector.model), "raw": raw})
        predict((Path(line) for one in sys.stdin if (line := one.rstrip("\n"))), answer, _tell)
    except BrokenPipeError:
        return _failed("nobody reads the answers any more; the rest was not looked at")
    return 0


def predict(paths: Iterable[Path], answer: Answer, tell: Callable[[dict[str, Any]], None]) -> None:
    """Tell of each photo what the model says, or why it says nothing; one bad photo costs only its own answer."""
    for path in paths:
        try:
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                raise ValueError(f"more than {MOST_BYTES >> 20} MiB; no photo of a kiosk's")
            image = decode(data, max_pixels=MOST_PIXELS).image
            begun = time.perf_counter()
            people = answer(image)
            ms = 1e3 * (time.perf_counter() - begun)
        except Exception as error:  # noqa: BLE001 - told to who asked; the next photo may be well
            tell({"path": str(path), "error": str(error) if isinstance(error, NunchiError) else repr(error)})
        else:
            tell({"path": str(path), "ms": round(ms, 3), "people": people})


def _people(detector: Detector) -> Answer:
    def answer(image: Image) -> list[dict[str, Any]]:
        [people] = detector.detect([image])
        return [_person(one.label, one.confidence, (one.box.x0, one.box.y0, one.box.x1, one.box.y1)) for one in people]

    return answer


def _everything(yolo: Yolo) -> Answer:
    def answer(image: Image) -> list[dict[str, Any]]:
        found = yolo.everything(image)
        rows = zip(found.classes, found.scores, found.boxes, strict=True)
        return [_person(LABELS[place], float(score), map(float, box)) for place, score, box in rows]

    return answer


def _person(label: str, confidence: float, box: Iterable[float]) -> dict[str, Any]:
    return {"label": label, "confidence": round(confidence, 7), "box": [round(one, 6) for one in box]}


def _tell(fields: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _failed(why: str) -> int:
    sys.stderr.write(" ".join(why.split()) + "\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker.models.predict", description="What a model says of many photos."
    )
    parser.add_argument("--manifest", required=True, metavar="PATH", help=f"a model's manifest.json, or {DAY_0}")
    parser.add_argument("--raw", action="store_true", help="what mAP is measured on, where the model is a YOLO")
    parser.add_argument("--most-memory", type=int, default=MOST_MEMORY, metavar="BYTES", help="of data, at most")
    return parser


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # whatever threads the model left
