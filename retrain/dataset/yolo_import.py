"""Your own labelled pictures, in YOLO's layout, into the dataset bucket: as reviewed, to learn from, or as golden."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from PIL import Image

from contracts.errors import InvalidLabelFile
from contracts.labels import Label
from contracts.names import CROCKFORD, Reference, check_kiosk_id, new_image_id
from contracts.yolo import format_labels, parse_labels
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset.reading import Say, in_threads, silent
from retrain.dataset.vetting.exposure import exposed_pictures
from retrain.errors import InvalidDataset

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_QUALITY: Final = 95
_MOST_PIXELS: Final = 64_000_000
_ORIENTATION: Final = 0x0112
# Moments that were asked for lie in a time that no kiosk's clock shows, so that nobody takes them for real.
_FAR: Final = datetime(6000, 1, 1, tzinfo=UTC)
_MINUTES: Final = 1 << 29


@dataclass(frozen=True, slots=True)
class ImportedPicture:
    """A picture that can be imported: where it is, what it will be called, and who is in it.

    `sha256` is the file's, `jpeg_sha256` that of what is stored.
    """

    path: Path
    reference: Reference
    labels: str
    sha256: str
    jpeg_sha256: str


@dataclass(frozen=True, slots=True)
class FoundPictures:
    """What a folder holds; `broken` says, of each picture that can't be imported, why."""

    pictures: list[ImportedPicture]
    broken: list[str]


def look_through(
    folder: Path,
    classes: Mapping[int, Label],
    *,
    kiosk: str,
    moment_a_folder: bool = False,
    say: Say = silent,
) -> FoundPictures:
    """Every picture below `folder` that has labels: beside it, or under `labels/` where it is under `images/`.

    A picture's name comes from its bytes, so importing it again changes nothing. It holds no time, and each picture is
    a moment of its own, unless `moment_a_folder`: then those of one folder go into one split, as frames of one video
    must. InvalidName when the kiosk's name is none, InvalidDataset when there is no picture.
    """
    check_kiosk_id(kiosk)
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not paths:
        raise InvalidDataset(
            f"{folder} holds no picture ({', '.join(sorted(SUFFIXES))}); nothing was imported. Name a folder with "
            "images/ and labels/"
        )

    def look(path: Path) -> ImportedPicture | str:
        place = path.relative_to(folder)
        try:
            content = path.read_bytes()
            labels = _labels(path, classes)
            jpeg = as_jpeg(content)
        except InvalidLabelFile as error:
            return f"{place}: {error}"
        except Exception as error:  # noqa: BLE001 - broken pictures raise a dozen kinds; each is named, none ends it
            return f"{place}: {error}"
        sha256 = hashlib.sha256(content).digest()
        image_id = _image_id(sha256, place.parent.as_posix() if moment_a_folder else None)
        return ImportedPicture(path, Reference(kiosk, image_id), labels, sha256.hex(), hashlib.sha256(jpeg).hexdigest())

    pictures: dict[Reference, ImportedPicture] = {}
    broken = []
    with in_threads(look, paths) as looked:
        for done, one in enumerate(looked, start=1):
            say(done, len(paths), "pictures looked at")
            if isinstance(one, str):
                broken.append(one)
            elif pictures.setdefault(one.reference, one).labels != one.labels:
                twin = pictures[one.reference].path.relative_to(folder)
                broken.append(f"{one.path.relative_to(folder)}: the same picture as {twin}, with other labels")
    return FoundPictures(list(pictures.values()), broken)


def untaught(bucket: DatasetBucket, found: FoundPictures, folder: Path) -> FoundPictures:
    """Without the pictures that a training may have learned from: who has seen them can't be judged by them.

    InvalidReview when nobody can know which those are.
    """
    seen = exposed_pictures(bucket)
    judges: list[ImportedPicture] = []
    broken = list(found.broken)
    for own in found.pictures:
        if own.jpeg_sha256 in seen:
            broken.append(f"{own.path.relative_to(folder)}: a training may have learned from it, so it can't judge")
        else:
            judges.append(own)
    return FoundPictures(judges, broken)


def store(bucket: DatasetBucket, tree: Tree, pictures: Sequence[ImportedPicture], say: Say = silent) -> None:
    """Put them under `tree`; InvalidDataset when one has changed since it was looked at, those before it are stored."""

    def put(own: ImportedPicture) -> None:
        content = own.path.read_bytes()
        if hashlib.sha256(content).hexdigest() != own.sha256:
            raise InvalidDataset(f"{own.path} changed while it was imported; import the folder again")
        jpeg = as_jpeg(content)
        note = {"schema": 1, "from": "import", "original_sha256": own.sha256, "converted": jpeg != content}
        bucket.put_pair(tree, own.reference, jpeg=jpeg, labels=own.labels, note=json.dumps(note))

    with in_threads(put, pictures) as results:
        for done, _ in enumerate(results, start=1):
            say(done, len(pictures), "pictures stored")


def as_jpeg(content: bytes) -> bytes:
    """A JPEG as it is, or a PNG, WebP or unusual JPEG made one; whatever Pillow raises when it is no whole picture."""
    with Image.open(io.BytesIO(content), formats=["JPEG", "PNG", "WEBP"]) as picture:
        if picture.width * picture.height > _MOST_PIXELS:
            raise ValueError(f"{picture.width} × {picture.height} pixels are too many")
        if picture.getexif().get(_ORIENTATION, 1) not in (0, 1):
            raise ValueError(
                "EXIF turns it, and nothing says whether its boxes were drawn before or after; turn the picture "
                "itself, as with mogrify -auto-orient, and check its boxes"
            )
        picture.load()
        if picture.format in ("JPEG", "MPO") and picture.mode in ("RGB", "L"):
            return content
        transparent = picture.has_transparency_data
        if transparent:
            ground = Image.new("RGBA", picture.size, "white")
            upright = Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
        else:
            upright = picture.convert("RGB")
    target = io.BytesIO()
    upright.save(target, "JPEG", quality=_QUALITY, subsampling=0)
    return target.getvalue()


def _labels(path: Path, classes: Mapping[int, Label]) -> str:
    """The text of a picture's label file in our classes; InvalidLabelFile when there is none, or it says no people."""
    parts = list(path.with_suffix(".txt").parts)
    places = [number for number, part in enumerate(parts[:-1]) if part == "images"]
    beside = path.with_suffix(".txt")
    if places:
        parts[places[-1]] = "labels"
    found = next((one for one in (Path(*parts), beside) if one.is_file()), None)
    if found is None:
        raise InvalidLabelFile("it has no label file; an empty one says that nobody is there")
    lines = []
    for number, line in enumerate(found.read_text(errors="replace").splitlines(), start=1):
        kind, *rest = line.split() or [""]
        if not kind:
            continue
        label = classes.get(int(kind)) if kind.isdecimal() else None
        if label is None:
            raise InvalidLabelFile(f"line {number} of its labels is of class {kind[:20]!r}, which has no name")
        lines.append(f"{label.yolo_class} {' '.join(rest)}\n")
    return format_labels(parse_labels("".join(lines)))


def _image_id(sha256: bytes, moment: str | None) -> str:
    """The same for the same bytes. Without a moment, one that holds no time of any calendar."""
    if moment is None:
        number = int.from_bytes(sha256)
        return "z" + "".join(CROCKFORD[number >> shift & 31] for shift in range(0, 125, 5))
    minute = int.from_bytes(hashlib.sha256(moment.encode()).digest()[:8]) % _MINUTES
    return new_image_id(_FAR + timedelta(minutes=2 * minute), sha256[:10])
