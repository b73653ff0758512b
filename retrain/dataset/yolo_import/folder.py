"""The pictures of an imported folder: found with their labels, checked, and stored in the dataset bucket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from contracts.boxes import LabelledBox
from contracts.errors import InvalidLabelFile, NunchiError
from contracts.labels import Label
from contracts.names import CROCKFORD, Reference, check_kiosk_id, new_image_id
from contracts.yolo import format_labels, parse_labels
from imaging.decoding import PhotoRejected
from retrain.bucket import DatasetBucket, Tree, in_threads
from retrain.dataset.pictures import stored_form
from retrain.dataset.vetting.exposure import exposed
from retrain.errors import InvalidDataset
from retrain.progress import Say, silent

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
# What else is a picture by its name. Its bytes decide: a JPEG is read, another format is reported as invalid.
_OTHER_PICTURES: Final = frozenset(
    {".jpe", ".jfif", ".mpo", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".jp2", ".jxl", ".dng", ".pfm"}
)
# The times of imported bursts lie where no kiosk's clock is, so that they are not taken for real times.
_FAR: Final = datetime(6000, 1, 1, tzinfo=UTC)
_MINUTES: Final = 1 << 29


@dataclass(frozen=True, slots=True)
class ImportedPicture:
    """A picture that can be imported: its file, and the name, label file and digest that it is stored with.

    `sha256` is the file's, `jpeg_sha256` that of the JPEG to be stored.
    """

    path: Path
    reference: Reference
    label_file: str
    sha256: str
    jpeg_sha256: str


@dataclass(frozen=True, slots=True)
class ScannedFolder:
    """The pictures of a folder. `invalid`: for each picture that can't be imported, its path and the reason."""

    pictures: list[ImportedPicture]
    invalid: list[str]


def scan_folder(
    folder: Path, classes: Mapping[int, Label], *, kiosk: str, burst_per_folder: bool = False, say: Say = silent
) -> ScannedFolder:
    """Every picture below `folder`, with its label file: beside it, or under `labels/` where it is under `images/`.

    A picture's name is derived from its bytes, so a repeated import changes nothing. Each picture is its own burst,
    unless `burst_per_folder`: then the pictures of a folder are one burst and go into one split, as frames of a video
    must. InvalidName when `kiosk` is not a kiosk's name, InvalidDataset when there is no picture.
    """
    check_kiosk_id(kiosk)
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES | _OTHER_PICTURES and not path.name.startswith(".") and path.is_file()
    )
    if not paths:
        raise InvalidDataset(
            f"{folder} holds no picture ({', '.join(sorted(SUFFIXES))}); nothing was imported. Name a folder with "
            "images/ and labels/"
        )

    def scan(path: Path) -> ImportedPicture | str:
        name = path.relative_to(folder)
        try:
            content = path.read_bytes()
            label_file = format_labels(_people(path, classes))
            jpeg = stored_form(content)
        except PhotoRejected as rejection:
            return f"{name}: {rejection.detail}"
        except (NunchiError, OSError, ValueError) as error:
            return f"{name}: {error}"
        sha256 = hashlib.sha256(content).digest()
        image_id = _image_id(sha256, name.parent.as_posix() if burst_per_folder else None)
        return ImportedPicture(
            path, Reference(kiosk, image_id), label_file, sha256.hex(), hashlib.sha256(jpeg).hexdigest()
        )

    pictures: dict[Reference, ImportedPicture] = {}
    invalid = []
    with in_threads(scan, paths) as scanned:
        for done, picture in enumerate(scanned, start=1):
            say(done, len(paths), "pictures looked at")
            if isinstance(picture, str):
                invalid.append(picture)
                continue
            first = pictures.setdefault(picture.reference, picture)
            if first.label_file != picture.label_file:
                name, duplicated = picture.path.relative_to(folder), first.path.relative_to(folder)
                invalid.append(f"{name}: the same picture as {duplicated}, with other labels")
    return ScannedFolder(list(pictures.values()), invalid)


def without_exposed(bucket: DatasetBucket, scanned: ScannedFolder, folder: Path) -> ScannedFolder:
    """Without the pictures that a training may have learned from, which prevents leakage into golden.

    InvalidReview when the exposed pictures are unknown.
    """
    learned = {sha256 for _, sha256 in exposed(bucket)}
    kept = [picture for picture in scanned.pictures if picture.jpeg_sha256 not in learned]
    refused = [picture.path.relative_to(folder) for picture in scanned.pictures if picture.jpeg_sha256 in learned]
    return ScannedFolder(
        kept,
        [*scanned.invalid, *(f"{path}: a training may have learned from it, so it can't judge" for path in refused)],
    )


def store(bucket: DatasetBucket, tree: Tree, pictures: Sequence[ImportedPicture], say: Say = silent) -> None:
    """Store the pictures under `tree`. InvalidDataset when one has changed since the scan; earlier ones are stored."""

    def put(picture: ImportedPicture) -> None:
        content = picture.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != picture.sha256:
            raise InvalidDataset(f"{picture.path} changed while it was imported; import the folder again")
        jpeg = stored_form(content)
        note = {
            "schema": 1,
            "from": "import",
            "original_sha256": picture.sha256,
            "converted": not content.startswith(b"\xff\xd8"),
        }
        bucket.put_pair(tree, picture.reference, jpeg=jpeg, labels=picture.label_file, note=json.dumps(note))

    with in_threads(put, pictures) as results:
        for done, _ in enumerate(results, start=1):
            say(done, len(pictures), "pictures stored")


def _people(path: Path, classes: Mapping[int, Label]) -> tuple[LabelledBox, ...]:
    """The people of a picture's label file. InvalidLabelFile when the file is missing or invalid."""
    beside = path.with_suffix(".txt")
    parts = list(beside.parts)
    depths = [depth for depth, part in enumerate(parts[:-1]) if part == "images"]
    if depths:
        parts[depths[-1]] = "labels"
    label_file = next((file for file in (Path(*parts), beside) if file.is_file()), None)
    if label_file is None:
        raise InvalidLabelFile("the label file is missing; a picture without people needs an empty one")
    lines = []
    for number, line in enumerate(label_file.read_text(errors="replace").splitlines(), start=1):
        class_number, *rest = line.split() or [""]
        if not class_number:
            continue
        label = classes.get(int(class_number)) if class_number.isdecimal() else None
        if label is None:
            raise InvalidLabelFile(f"line {number} of its labels is of class {class_number[:20]!r}, which has no name")
        lines.append(f"{label.yolo_class} {' '.join(rest)}\n")
    return parse_labels("".join(lines))


def _image_id(sha256: bytes, burst: str | None) -> str:
    """The same id for the same bytes and burst. Without a burst, one that holds no time of any calendar."""
    if burst is None:
        number = int.from_bytes(sha256)
        return "z" + "".join(CROCKFORD[number >> shift & 31] for shift in range(0, 125, 5))
    minute = int.from_bytes(hashlib.sha256(burst.encode()).digest()[:8]) % _MINUTES
    return new_image_id(_FAR + timedelta(minutes=2 * minute), sha256[:10])
