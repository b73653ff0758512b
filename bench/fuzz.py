"""Damaged inputs for every parser of what comes from outside: `python -m bench.fuzz --minutes 10 [--only pictures]`.

Seeds are valid inputs made here; each try changes one at random: bytes, blocks, words, its end, or half of another one.
A parser must return a value, or raise the error that its callers expect. Any other exception is printed with its input,
which is kept in --keep, and the exit status is 1. The same --seed gives the same inputs.

A further target is a function without arguments that returns a Target, in TARGETS.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import sys
import tempfile
import time
import tomllib
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from config import nunchi_toml
from contracts.answers_message import AnswersMessage, AnswersStatus, Choice, Score, Subject
from contracts.aws.s3_events import read_event
from contracts.boxes import Box
from contracts.errors import InvalidMessage, NunchiError
from contracts.labels import LABELS
from contracts.messages import DatasetTree, LabelMessage, Model, Person, Result, Status
from contracts.names import Reference
from contracts.subject_labels import LabelledSubject, SubjectLabels
from contracts.toml_file import parse_toml
from contracts.yolo import parse_labels
from imaging import heic
from imaging.decoding import decode
from imaging.jpeg import parse
from kiosk.menu import menu
from kiosk.menu.menu import Menu
from recipes import reading as recipes
from retrain.bucket import Tree
from retrain.dataset.pictures import stored_form
from retrain.dataset.yolo_import.class_names import classes_in
from retrain.dataset.yolo_import.listing import list_folder
from retrain.review import importing
from retrain.review.label_studio import task

MAX_INPUT: Final = 1 << 20  # bytes
MAX_CHANGES: Final = 6
_REFERENCE: Final = Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z")
_NO_TOML: Final = (NunchiError, tomllib.TOMLDecodeError)
_TOKENS: Final = (
    *(b"\xff\xd8", b"\xff\xd9", b"\xff\xda", b"\xff\xff", b"\xff\xc4", b"\xff\xe1", b"Exif\0\0", b"IDAT", b"IEND"),
    *(b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3\x28"),
    *(
        b"null",
        b"true",
        b"-1",
        b"0",
        b"1e999",
        b"NaN",
        b"Infinity",
        b'"',
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b"=",
        b"\n",
    ),
    *(b"9" * 400, b"[" * 2000, b"\xf0\x9f\x91\xb5", b"\\ud800", b"../", b"1.0005", b"[[a]]", b"'''"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """A parser, valid inputs of it, and the errors that its callers expect."""

    seeds: Sequence[bytes]
    parse: Callable[[bytes], object]
    expected: tuple[type[Exception], ...] = (NunchiError,)


@dataclass(slots=True)
class Tally:
    """What the inputs of a target came to."""

    accepted: int = 0
    refused: int = 0
    unexpected: int = 0
    slowest_s: float = 0.0


def pictures() -> Target:
    """Decoding. What is stored of an accepted picture must decode to the same pixels."""
    random_numbers = np.random.default_rng(1)
    noise = Image.fromarray(random_numbers.integers(0, 256, (40, 56, 3), dtype=np.uint8)).resize((112, 80))
    exif = Image.Exif()
    exif[0x0112] = 6
    grey_16 = Image.fromarray(np.asarray(noise.convert("L")).astype(np.uint16) * 257)
    forms: Sequence[tuple[Image.Image, str, Mapping[str, Any]]] = (
        (noise, "JPEG", {}),
        (noise, "JPEG", {"progressive": True}),
        (noise, "JPEG", {"restart_marker_blocks": 2, "exif": exif}),
        (noise, "JPEG", {"subsampling": 0, "comment": b"a comment", "icc_profile": b"profile"}),
        (noise.convert("L"), "JPEG", {}),
        (noise.convert("CMYK"), "JPEG", {}),
        (noise.convert("CMYK"), "JPEG", {"subsampling": 2}),
        (noise, "PNG", {}),
        (noise.convert("P"), "PNG", {"transparency": 3}),
        (noise.convert("RGBA"), "PNG", {}),
        (noise.convert("LA"), "PNG", {}),
        (noise.convert("1"), "PNG", {}),
        (grey_16, "PNG", {}),
        (noise, "WEBP", {"exif": exif}),
        (noise.convert("RGBA"), "WEBP", {"lossless": True}),
        (noise, "GIF", {}),
        (noise, "BMP", {}),
    )
    seeds = []
    for picture, kind, options in forms:
        target = io.BytesIO()
        picture.save(target, kind, **options)
        seeds.append(target.getvalue())
    seeds.append(seeds[1] + b"\0\0\0\x18ftypmp42\0\0\xff\xda\x01" * 9)
    seeds.append(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))

    def both(data: bytes) -> None:
        photo = decode(data)
        if photo.jpeg is not None:
            stored = decode(photo.jpeg)
            if not np.array_equal(stored.image, photo.image) or parse(photo.jpeg).bare != photo.jpeg:
                raise AssertionError("what is stored is another picture")

    def every(data: bytes) -> None:
        rejected: NunchiError | None = None
        try:
            both(heic.as_jpeg(data))
        except NunchiError as error:
            rejected = error
        with suppress(NunchiError):
            stored_form(data)
            if rejected is not None:
                raise AssertionError(f"imported, and rejected by the worker: {rejected}")
        if rejected is not None:
            raise rejected

    return Target(seeds, every)


def label_files() -> Target:
    """A YOLO label file."""
    seeds = (
        b"0 0.5 0.5 0.25 0.5\n3 0.1 0.1 0.05 0.05\n",
        b"",
        b"\xef\xbb\xbf1 0.3 0.3 0.2 0.2\r\n",
        b"2 0.5 0.5 1 1 0.97\n",
        b"1 0.25 0.25 0.75 0.25 0.75 0.75\n",
    )
    return Target(seeds, lambda data: parse_labels(data.decode(errors="replace")))


def class_names() -> Target:
    """The files of an imported folder that name its classes."""
    seeds = (
        b"names: [elder_male, elder_female, adult_male, adult_female]\nnc: 4\n",
        b"names:\n  0: elder_male\n  1: adult_female\ntrain: images/train\n",
        b"elder_male\nadult_male\n",
        b"- one\n- two: {three: [4, !!binary aGVsbG8=, 2027-02-07]}\n",
    )

    def read(data: bytes) -> None:
        with tempfile.TemporaryDirectory(prefix="nunchi-fuzz-") as folder:
            (Path(folder) / ("classes.txt" if b":" not in data else "data.yaml")).write_bytes(data)
            classes_in(list_folder(Path(folder)))

    return Target(seeds, read)


def label_studio() -> Target:
    """Label Studio's JSON export of reviewed photos."""
    value = {"x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0, "rotation": 0, "rectanglelabels": [LABELS[0]]}
    result = {"type": "rectanglelabels", "from_name": "label", "to_name": "image", "id": "a", "value": value}
    annotation = {
        "id": 7,
        "result": [result, {"type": "choices", "from_name": "doubt", "value": {"choices": ["cannot tell"]}}],
        "was_cancelled": False,
        "created_at": "2026-11-22T03:04:05.123456Z",
        "updated_at": "2026-11-22T03:04:06Z",
    }
    exported = task(_REFERENCE, [], source=Tree.AUTO, sample=True, model="m", size=(640, 480))
    tasks = [exported | {"id": 1, "annotations": [annotation]}, exported | {"id": 2, "annotations": []}]

    def read(data: bytes) -> None:
        with tempfile.NamedTemporaryFile(prefix="nunchi-fuzz-") as file:
            file.write(data)
            file.flush()
            importing.read(Path(file.name))

    return Target([json.dumps(tasks).encode(), json.dumps(tasks[:1], indent=1).encode(), b"[]"], read)


def queue_messages() -> Target:
    """The body of a message in the upload queue."""
    record = {
        "eventVersion": "2.1",
        "eventTime": "2026-11-22T03:04:05.123Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "images"}, "object": {"key": _REFERENCE.upload_key, "size": 9, "eTag": "0"}},
    }
    seeds = (json.dumps({"Records": [record, record]}).encode(), b'{"Event": "s3:TestEvent", "Bucket": "images"}')
    return Target(seeds, lambda data: read_event(data.decode(errors="replace")), (InvalidMessage,))


def label_messages() -> Target:
    """A label message over MQTT, and the stored result that holds one."""
    at = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
    message = LabelMessage(
        reference=_REFERENCE,
        status=Status.LABELLED,
        label=LABELS[0],
        confidence=0.97,
        reason=None,
        people=(Person(LABELS[0], 0.97, Box(0.1, 0.2, 0.3, 0.4)), Person(LABELS[2], 0.5, Box(0.5, 0.2, 0.7, 0.4))),
        customer=0,
        model=Model("fuzz", "1", "0" * 64),
        captured_at=at,
        expires_at=at,
        steps_ms={"decode": 1.5},
    )
    result = Result(message=message, training=DatasetTree.AUTO, instance_id="i-1", upload_etag="e", decided_at=at)
    seeds = [message.to_json().encode(), result.to_json().encode()]

    def read(data: bytes) -> None:
        try:
            LabelMessage.from_json(data)
        except InvalidMessage:
            Result.from_json(data)

    return Target(seeds, read, (InvalidMessage,))


def settings_files() -> Target:
    """nunchi.toml."""

    def read(data: bytes) -> None:
        with tempfile.NamedTemporaryFile(prefix="nunchi-fuzz-", suffix=".toml") as file:
            file.write(data)
            file.flush()
            nunchi_toml.load(Path(file.name), {})

    return Target([nunchi_toml.DEFAULT_FILE.read_bytes(), b'mode = "queue"\n[hours]\nwindows = []\n'], read)


def recipe_files() -> Target:
    """recipe.toml, of a recipe of one's own."""
    seeds = [(recipes.FOLDER / name / recipes.FILE).read_bytes() for name in recipes.names()]
    return Target(seeds, lambda data: recipes.parse(parse_toml(data.decode(errors="replace"))), _NO_TOML)


def menus() -> Target:
    """menu.toml, of a shop."""

    def read(data: bytes) -> None:
        with tempfile.NamedTemporaryFile(prefix="nunchi-fuzz-", suffix=".toml") as file:
            file.write(data)
            file.flush()
            Menu.load(Path(file.name))

    return Target([menu.DEFAULT_FILE.read_bytes()], read)


def subject_labels() -> Target:
    """A label file of a recipe: what people, or sure answers, say of a photo."""
    subject = LabelledSubject(Box(0.1, 0.2, 0.3, 0.4), {"mask": "worn", "light": 3.5}, group="a")
    known = SubjectLabels("mask", {"species": "dog"}, (subject, subject))
    return Target([known.to_json().encode()], SubjectLabels.from_json, (InvalidMessage,))


def answers_messages() -> Target:
    """The message of a recipe over MQTT."""
    at = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
    answers = {"mask": Choice("worn", 0.97, sure=True), "light": Score(3.5, 2.9, 4.2)}
    message = AnswersMessage(
        reference=_REFERENCE,
        recipe="mask",
        status=AnswersStatus.LABELLED,
        reason=None,
        subjects=(Subject(Box(0.1, 0.2, 0.3, 0.4), answers, Choice("worn_male", 0.9, sure=False)),),
        inputs={"species": "dog"},
        notice=True,
        model=Model("fuzz", "1", "0" * 64),
        captured_at=at,
        expires_at=at,
        steps_ms={"decode": 1.5},
        pictures={"why": "https://127.0.0.1/why.png"},
    )
    return Target([message.to_json().encode()], AnswersMessage.from_json, (InvalidMessage,))


TARGETS: Final[Mapping[str, Callable[[], Target]]] = {
    "pictures": pictures,
    "label-files": label_files,
    "class-names": class_names,
    "label-studio": label_studio,
    "queue-messages": queue_messages,
    "label-messages": label_messages,
    "nunchi-toml": settings_files,
    "recipe-toml": recipe_files,
    "menu-toml": menus,
    "subject-labels": subject_labels,
    "answers": answers_messages,
}


def changed(seeds: Sequence[bytes], draw: random.Random) -> bytes:
    """A seed with up to MAX_CHANGES changes."""
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.randint(0, MAX_CHANGES)):
        at = draw.randint(0, len(data))
        end = min(len(data), at + draw.choice((1, 1, 2, 4, 16, 256)))
        match draw.randrange(8):
            case 0 if data:
                data[min(at, len(data) - 1)] = draw.randrange(256)
            case 1 if data:
                data[min(at, len(data) - 1)] ^= 1 << draw.randrange(8)
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = data[at:end] * draw.choice((1, 2, 50))
            case 4:
                data[at:at] = draw.choice(_TOKENS)
            case 5:
                data[at:end] = draw.choice(_TOKENS)
            case 6:
                del data[at:]
            case _:
                other = draw.choice(seeds)
                data[at:] = other[draw.randint(0, len(other)) :]
    return bytes(data[:MAX_INPUT])


def attempt(target: Target, data: bytes, tally: Tally) -> str | None:
    """Parse one input and count the result; the traceback of an exception that is not expected."""
    started = time.perf_counter()
    try:
        target.parse(data)
        tally.accepted += 1
    except target.expected:
        tally.refused += 1
    except Exception:  # noqa: BLE001 - what is looked for
        tally.unexpected += 1
        return traceback.format_exc()
    finally:
        tally.slowest_s = max(tally.slowest_s, time.perf_counter() - started)
    return None


def fuzz(targets: Mapping[str, Target], *, seconds: float, seed: int, keep: Path) -> dict[str, Tally]:
    """Try changed inputs of the targets in turn for so long; at least each seed of each target."""
    tallies = {name: Tally() for name in targets}
    draw = random.Random(seed)  # noqa: S311 - the same inputs again
    for name, target in targets.items():
        for data in target.seeds:
            _report(name, data, attempt(target, data, tallies[name]), keep)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, target in targets.items():
            data = changed(target.seeds, draw)
            _report(name, data, attempt(target, data, tallies[name]), keep)
    return tallies


def _report(name: str, data: bytes, error: str | None, keep: Path) -> None:
    if error is None:
        return
    keep.mkdir(parents=True, exist_ok=True)
    path = keep / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    print(f"{path}:\n{error}", flush=True)


def main(arguments: Sequence[str]) -> int:
    """Fuzz, print a table; 1 when an exception was not expected."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description="Damaged inputs for every parser.")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="M", help="how long; default: 10")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the changes; default: 1")
    parser.add_argument("--only", choices=sorted(TARGETS), metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--keep", type=Path, default=Path("out/fuzz"), metavar="FOLDER", help="for inputs that fail")
    options = parser.parse_args(arguments)
    warnings.simplefilter("error")  # one on a user's terminal is a fault too
    names = [options.only] if options.only else list(TARGETS)
    targets = {name: TARGETS[name]() for name in names}
    tallies = fuzz(targets, seconds=60 * options.minutes, seed=options.seed, keep=options.keep)
    print(f"{'target':<16}{'inputs':>10}{'accepted':>10}{'refused':>10}{'unexpected':>12}{'slowest':>10}")
    for name, tally in tallies.items():
        inputs = tally.accepted + tally.refused + tally.unexpected
        row = f"{name:<16}{inputs:>10,}{tally.accepted:>10,}{tally.refused:>10,}{tally.unexpected:>12,}"
        print(f"{row}{1e3 * tally.slowest_s:>7,.0f} ms")
    return int(any(tally.unexpected for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
