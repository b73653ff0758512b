"""`python -m worker.on_device --kiosk ID`: the model on a kiosk's own box; it answers as the cloud's worker does.

Standard input: for each photo four bytes of length, big-endian, and its bytes. Standard output: first a line about the
model, `{"model": {"name", "version", "digest"}}`, then one label message a line, in the order of the photos. Nothing is
stored or sent.

Exits with 0 when its standard input ends, also within a photo: then the agent has died. 1 when the model can't be
loaded, or a photo has more than MAX_BYTES, with the reason on standard error; 2 when its arguments are invalid.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Final

from contracts.errors import NunchiError
from contracts.gate import DEFAULT_GATE
from contracts.instants import now
from contracts.names import Reference, check_kiosk_id, new_image_id
from contracts.weights import DAY_0
from imaging.decoding import PhotoRejected, decode
from recipes.kiosk.message import LabelMessage
from worker.kiosk.decision import LabelTask
from worker.kiosk.detector import Detector
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST
from worker.photos.rules import Thresholds
from worker.photos.timing import PhotoTimes, Stopwatch
from worker.rollout.trial import MAX_MEMORY
from worker.settings import WorkerSettings

MAX_BYTES: Final = 8 << 20
LABEL_TTL: Final = timedelta(seconds=30)
_LENGTH: Final = struct.Struct(">I")


class TooLarge(NunchiError):
    """A photo is longer than any that a camera takes: the two processes are out of step."""


def main(arguments: Sequence[str]) -> int:
    """Answer about every photo of standard input, under a memory limit."""
    options = _parser().parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_DATA, (options.most_memory, options.most_memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would put a photo on the disk
    manifest = DEFAULT_MANIFEST if options.manifest == DAY_0 else Path(options.manifest)
    try:
        kiosk = check_kiosk_id(options.kiosk)
        detector = load_detector(manifest)
        thresholds = Thresholds(DEFAULT_GATE, options.unsure_below, review_share=0.0)
        _write(json.dumps({"model": asdict(detector.model)}))
        for photo in photos_of(sys.stdin.buffer):
            _write(answer(photo, kiosk=kiosk, detector=detector, thresholds=thresholds).to_json())
    except BrokenPipeError:
        return 0
    except (NunchiError, MemoryError) as error:
        sys.stderr.write(f"{' '.join(str(error).split()) or 'memory is insufficient'}\n")
        return 1
    return 0


def photos_of(stream: BinaryIO) -> Iterator[bytes]:
    """The photos of a stream until its end; TooLarge for an impossible length."""
    while len(head := stream.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        if length > MAX_BYTES:
            raise TooLarge(f"a photo of {length} bytes: at most {MAX_BYTES} are read; the model is stopped")
        photo = stream.read(length)
        if len(photo) < length:
            return
        yield photo


def answer(photo: bytes, *, kiosk: str, detector: Detector, thresholds: Thresholds) -> LabelMessage:
    """The label message about a photo, by the steps of worker/photos/examiner.py."""
    task, stopwatch, taken = LabelTask(thresholds), Stopwatch(), now()
    reference = Reference(kiosk, new_image_id(taken))
    try:
        image = decode(photo).image
    except PhotoRejected as rejection:
        stopwatch.lap("decode")
        decision = task.rejected(rejection.reason)
    else:
        stopwatch.lap("decode")
        [people] = detector.detect([image])
        stopwatch.lap("infer")
        decision = task.decide(reference, people, {})
        stopwatch.lap("label")
    return decision.to_message(
        reference,
        detector.model,
        PhotoTimes(taken, taken, None, None),
        step_seconds=stopwatch.seconds,
        expires_at=taken + LABEL_TTL,
    )


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker.on_device", description="The model on a kiosk's own box.")
    parser.add_argument("--kiosk", required=True, metavar="ID", help="the kiosk that the messages name")
    parser.add_argument("--manifest", default=DAY_0, metavar="PATH", help=f"a model's manifest.json; default: {DAY_0}")
    parser.add_argument(
        "--unsure-below",
        type=float,
        default=WorkerSettings.unsure_below,
        metavar="P",
        help="confidence under which the customer gets no label, as of the workers",
    )
    parser.add_argument("--most-memory", type=int, default=MAX_MEMORY, metavar="BYTES", help="of data, at most")
    return parser


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # not sys.exit: it would wait for threads of the model
