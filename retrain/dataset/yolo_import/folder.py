"""The pictures of an imported folder: found with their labels, checked, and stored in the dataset bucket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from contracts.box_rules import People
from contracts.boxes import LabelledBox
from contracts.classes import Classes
from contracts.errors import InvalidLabelFile, InvalidText, NunchiError
from contracts.names import CROCKFORD, Reference, check_kiosk_id, new_image_id
from contracts.text_files import decoded
from contracts.yolo import each_once, format_labels, read_rows
from imaging.decoding import PhotoRejected
from retrain.bucket import DatasetBucket, Tree, in_threads
from retrain.dataset.pictures import stored_form
from retrain.dataset.vetting.exposure import exposed
from retrain.dataset.yolo_import.class_names import ClassMeaning
from retrain.dataset.yolo_import.listing import SUFFIXES, Listing
from retrain.errors import InvalidDataset
from retrain.progress import Say, silent

# The times of imported bursts lie where no kiosk's clock is, so that they are not taken for real times.
_FAR: Final = datetime(6000, 1, 1, tzinfo=UTC)
_MINUTES: Final = 1 << 29


@dataclass(frozen=True, slots=True)
class ImportedPicture:
    """A picture that can be imported: its file, and the name, people and digest that it is stored with.

    `sha256` is the file's, `jpeg_sha256` that of the JPEG to be stored. `doubled`: boxes that stood there again;
    `left_out`: the classes of the boxes that were left out.
    """

    path: Path
    reference: Reference
    people: tuple[LabelledBox, ...]
    sha256: str
    jpeg_sha256: str
    doubled: int = 0
    left_out: tuple[int, ...] = ()

    def label_file(self, classes: Classes) -> str:
        """The text of its label file."""
        return format_labels(self.people, classes)


@dataclass(frozen=True, slots=True)
class ScannedFolder:
    """The pictures of a folder. `invalid`: for each picture that can't be imported, its path and the reason.

    `copies`: pictures with the bytes and the labels of another one, which are imported once.
    """

    pictures: list[ImportedPicture]
    invalid: list[str]
    copies: tuple[str, ...] = ()


def scan_folder(
    listing: Listing, classes: ClassMeaning, *, kiosk: str, burst_per_folder: bool = False, say: Say = silent
) -> ScannedFolder:
    """Every picture of a folder, with its label file: beside it, or under `labels/` where it is under `images/`.

    A picture's name is derived from its bytes, so a repeated import changes nothing. Each picture is its own burst,
    unless `burst_per_folder`: then the pictures of a folder are one burst and go into one split, as frames of a video
    must. InvalidName when `kiosk` is not a kiosk's name, InvalidDataset when there is no picture.
    """
    check_kiosk_id(kiosk)
    if not listing.pictures:
        unread = "".join(f"\n  {each}" for each in listing.unread())
        raise InvalidDataset(
            f"{listing.folder} holds no picture ({', '.join(sorted(SUFFIXES))}); nothing was imported. Name a folder "
            f"with images/ and labels/{unread}"
        )

    def scan(path: Path) -> ImportedPicture | str:
        name = path.relative_to(listing.folder)
        try:
            people, left_out = _people(path, listing, classes)
            content = path.read_bytes()
            jpeg = stored_form(content)
        except PhotoRejected as rejection:
            return f"{listing.name(path)}: {rejection.detail}"
        except (NunchiError, OSError, ValueError) as error:
            return f"{listing.name(path)}: {error}"
        sha256 = hashlib.sha256(content).digest()
        image_id = _image_id(sha256, name.parent.as_posix() if burst_per_folder else None)
        return ImportedPicture(
            path,
            Reference(kiosk, image_id),
            people.boxes,
            sha256.hex(),
            hashlib.sha256(jpeg).hexdigest(),
            people.doubled,
            left_out,
        )

    pictures: dict[Reference, ImportedPicture] = {}
    invalid: list[str] = []
    copies: list[str] = []
    with in_threads(scan, listing.pictures) as scanned:
        for done, picture in enumerate(scanned, start=1):
            say(done, len(listing.pictures), "pictures looked at")
            if isinstance(picture, str):
                invalid.append(picture)
                continue
            first = pictures.setdefault(picture.reference, picture)
            name, copied = listing.name(picture.path), listing.name(first.path)
            if first.label_file(classes.classes) != picture.label_file(classes.classes):
                invalid.append(f"{name}: the same picture as {copied}, with other labels")
            elif first is not picture:
                copies.append(f"{name}, of {copied}")
    return ScannedFolder(list(pictures.values()), invalid, tuple(copies))


def without_exposed(bucket: DatasetBucket, scanned: ScannedFolder, listing: Listing) -> ScannedFolder:
    """Without the pictures that a training may have learned from, which prevents leakage into golden.

    InvalidReview when the exposed pictures are unknown.
    """
    learned = {sha256 for _, sha256 in exposed(bucket)}
    kept = [picture for picture in scanned.pictures if picture.jpeg_sha256 not in learned]
    refused = [
        f"{listing.name(picture.path)}: a training may have learned from it, so it can't judge"
        for picture in scanned.pictures
        if picture.jpeg_sha256 in learned
    ]
    return replace(scanned, pictures=kept, invalid=[*scanned.invalid, *refused])


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
        bucket.put_pair(
            tree, picture.reference, jpeg=jpeg, labels=picture.label_file(bucket.classes), note=json.dumps(note)
        )

    with in_threads(put, pictures) as results:
        for done, _ in enumerate(results, start=1):
            say(done, len(pictures), "pictures stored")


def _people(path: Path, listing: Listing, classes: ClassMeaning) -> tuple[People, tuple[int, ...]]:
    """The people of a picture, and the classes of its boxes that are left out.

    InvalidLabelFile when its label file is missing, invalid, or not its own.
    """
    read = [(file, *_read(file, classes)) for file in listing.labels_of(path)]
    if not read:
        raise InvalidLabelFile("the label file is missing; a picture without people needs an empty one")
    (file, people, left_out), *others = read
    for other, different, _ in others:
        if different.boxes != people.boxes:
            raise InvalidLabelFile(
                f"{listing.name(file)} and {listing.name(other)} hold different labels of it; delete the wrong one"
            )
    for file, *_ in read:
        if sharing := [other for other in listing.used_labels[file] if other != path]:
            raise InvalidLabelFile(
                f"{listing.name(file)} is also the label file of {listing.name(sharing[0])}; give each picture a name "
                "and a label file of its own"
            )
    return people, left_out


def _read(file: Path, classes: ClassMeaning) -> tuple[People, tuple[int, ...]]:
    """The people of a label file, and the classes of the boxes that are left out. InvalidLabelFile if it is invalid."""
    try:
        rows = list(read_rows(decoded(file.read_bytes()), classes.classes))
    except InvalidText as error:
        raise InvalidLabelFile(f"{file.name}: {error}") from None
    left_out = tuple(row.class_number for row in rows if row.class_number in classes.left_out)
    people = []
    for row in rows:
        if row.class_number in classes.left_out:
            continue
        label = classes.labels.get(row.class_number)
        if label is None:
            name = classes.name(row.class_number)
            called = f"{name!r}, which is no label" if name != str(row.class_number) else f"{name!r}, which has no name"
            raise InvalidLabelFile(
                f"line {row.number} of its labels is of class {called}; say what it is: --class "
                f"'{name}={classes.classes[0]}', or leave its boxes out: --leave-out '{name}'"
            )
        people.append(LabelledBox(label, row.box))
    return each_once(people), left_out


def _image_id(sha256: bytes, burst: str | None) -> str:
    """The same id for the same bytes and burst. Without a burst, one that holds no time of any calendar."""
    if burst is None:
        number = int.from_bytes(sha256)
        return "z" + "".join(CROCKFORD[number >> shift & 31] for shift in range(0, 125, 5))
    minute = int.from_bytes(hashlib.sha256(burst.encode()).digest()[:8]) % _MINUTES
    return new_image_id(_FAR + timedelta(minutes=2 * minute), sha256[:10])
