"""`python -m worker.models.predict --manifest PATH|day-0`: a model's predictions for many photos, in its own process.

Reads paths from standard input, one a line; writes JSON objects to standard output, one a line, in that order. The
first line describes the model, `{"model": {"name", "version", "digest"}, "raw": bool}`, then one line for each photo:

    {"path", "ms", "people": [{"label", "confidence", "box": [x0, y0, x1, y1], "answers"}, …]}
    {"path", "ms", "subjects": [{"box", "heads": [{"value", "score", "confidence"} or {"value", "low", "high"}, …]}, …]}
    {"path", "error"}                            the photo can't be read, or the model fails; the next one follows

`ms` is the model's time, without decoding; `answers` as in a label message, if the model has them. Boxes are fractions
of the upright photo. `--raw` asks a YOLO for the boxes that mAP is measured on (boxes.py): uncalibrated scores without
answers, every class of every box, which may leave the photo. A model of another kind has none and gives its normal
predictions; the first line says which they are. `--log-odds` gives each person of a cascade also
`"log_odds": {"elder", "female"}`, nats: as calibrated, without the bounds of an answer, for `retrain/recalibration`.
`--recipe`: of another recipe than the kiosk's; then subjects are written, with what every head says about them.

Exits with 0 when every photo has its line, 1 when the model can't be loaded or memory is insufficient, with the reason
on standard error, 2 when its arguments are invalid.
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
from contracts.weights import DAY_0
from imaging.decoding import decode
from recipes.reading import KIOSK, load
from worker.kinds import kinds_for
from worker.kiosk.predicted import Predict, has_raw_boxes, people_in
from worker.models.day_0 import built_in
from worker.models.detector import Image, ImageModel
from worker.models.heads import HeadsModel
from worker.models.loading import load_model
from worker.rollout.trial import MAX_MEMORY

MAX_BYTES: Final = 64 << 20  # of a photo's file


def main(arguments: Sequence[str]) -> int:
    """Predict every photo, under a memory limit."""
    options = _parser().parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_DATA, (options.most_memory, options.most_memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        manifest = built_in(options.recipe) if options.manifest == DAY_0 else Path(options.manifest)
        detector = load_model(manifest, kinds_for(load(options.recipe)))
    except NunchiError as error:
        return _failed(str(error))
    except MemoryError:
        return _failed(
            f"{options.manifest}: it needs more than {options.most_memory >> 20} MiB; no photo was predicted"
        )
    raw = options.raw and has_raw_boxes(detector)
    predict = _predictor(detector, raw=raw, log_odds=options.log_odds)
    paths = (Path(path) for line in sys.stdin if (path := line.rstrip("\n")))
    try:
        _write({"model": asdict(detector.model), "raw": raw})
        predict_all(paths, predict, _write, "subjects" if isinstance(detector, HeadsModel) else "people")
    except BrokenPipeError:
        return _failed("the reader of standard output has ended; the remaining photos were not predicted")
    return 0


def predict_all(
    paths: Iterable[Path], predict: Predict, write: Callable[[dict[str, Any]], None], what: str = "people"
) -> None:
    """Write each photo's predictions as `what`, or its error; a bad photo does not affect the others."""
    for path in paths:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
            if len(data) > MAX_BYTES:
                raise ValueError(f"the file has more than {MAX_BYTES >> 20} MiB")
            image = decode(data).image
            started = time.perf_counter()
            people = predict(image)
            ms = 1e3 * (time.perf_counter() - started)
        except Exception as error:  # noqa: BLE001 - written to the output; the next photo may be valid
            write({"path": str(path), "error": str(error) if isinstance(error, NunchiError) else repr(error)})
        else:
            write({"path": str(path), "ms": round(ms, 3), what: people})


def _predictor(model: ImageModel, *, raw: bool, log_odds: bool) -> Predict:
    return _subjects(model) if isinstance(model, HeadsModel) else people_in(model, raw=raw, log_odds=log_odds)


def _subjects(model: HeadsModel) -> Predict:
    def predict(image: Image) -> list[dict[str, Any]]:
        [found] = model.detect([image])
        return [{"box": list(seen.box.corners), "heads": [asdict(answer) for answer in seen.answers]} for seen in found]

    return predict


def _write(fields: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _failed(reason: str) -> int:
    sys.stderr.write(" ".join(reason.split()) + "\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker.models.predict", description="A model's predictions for many photos."
    )
    parser.add_argument("--manifest", required=True, metavar="PATH", help=f"a model's manifest.json, or {DAY_0}")
    parser.add_argument("--recipe", default=KIOSK, metavar="NAME", help="the recipe of the model; default: kiosk")
    parser.add_argument("--raw", action="store_true", help="the boxes that mAP is measured on, if the model is a YOLO")
    parser.add_argument("--log-odds", action="store_true", help="also those of the answers, if it is a cascade")
    parser.add_argument("--most-memory", type=int, default=MAX_MEMORY, metavar="BYTES", help="of data, at most")
    return parser


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # not sys.exit: it would wait for threads of the model
