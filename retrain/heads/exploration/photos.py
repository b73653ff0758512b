"""Reads and measures the labelled photos of a folder, or of a cloud's dataset, with why others can't be used.

A training stops at the first invalid label file (examples.py); a look at the data goes on, and lists them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from contracts.errors import InvalidMessage, InvalidName
from contracts.names import JSON_LABELS, Reference, image_id_time
from contracts.subject_labels import LabelledSubject, SubjectLabels
from imaging.decoding import DecodedPhoto, PhotoRejected, decode
from recipes.recipe import Recipe
from retrain.bucket import DatasetBucket, Tree, in_threads
from retrain.bursts import burst_of, iso_week
from retrain.dataset.gather import HASH_SIDE, perceptual_hash
from retrain.heads.dataset import GOLDEN, TRAIN, download
from retrain.heads.examples import PICTURES, unknown_answer
from retrain.heads.importing import FAR
from retrain.progress import Say, silent

_THUMB: Final = 8 * HASH_SIDE  # pixels of the shorter side, from which brightness and hash are taken


class Source(StrEnum):
    """Where the labels of a photo come from."""

    FILES = "label files of a folder"
    MODEL = "the model, where it was sure"
    REVIEW = "people, in a review"
    IMPORT = "an import"


@dataclass(frozen=True, slots=True)
class Measured:
    """A picture's bytes and pixels.

    `size`: width and height as stored; `decoded`: as the worker decodes it. `brightness` and `contrast`: mean and
    deviation of the grey values, 0-255. `turned`: by its EXIF.
    """

    size: tuple[int, int]
    decoded: tuple[int, int]
    brightness: float
    contrast: float
    turned: bool
    sha256: str
    phash: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A labelled photo. `part`: TRAIN or GOLDEN. `device` and `week`: of its name, where that tells them."""

    path: Path
    name: str
    part: str
    source: Source
    labels: SubjectLabels
    burst: str
    measured: Measured
    device: str | None = None
    week: str | None = None

    @property
    def subjects(self) -> list[Subject]:
        return [Subject(self, each, {**self.labels.inputs, **each.answers}) for each in self.labels.subjects]

    @property
    def groups(self) -> tuple[str, ...]:
        """Whom it shows, in order."""
        return tuple(sorted({subject.group for subject in self.subjects} or {self.burst}))


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject of a photo. `known`: inputs and answers."""

    photo: Photo
    labelled: LabelledSubject
    known: Mapping[str, str | float]

    @property
    def group(self) -> str:
        """Which person, animal or thing it is; where no label file says so, those of one moment are the same."""
        return self.labelled.group or self.photo.burst

    @property
    def texts(self) -> dict[str, str]:
        """What is known as text, by which `when` routes."""
        return {name: value for name, value in self.known.items() if isinstance(value, str)}

    @property
    def px(self) -> float:
        """The short side, in pixels of the picture as the worker decodes it."""
        x0, y0, x1, y1 = self.labelled.box.corners
        width, height = self.photo.measured.decoded
        return min((x1 - x0) * width, (y1 - y0) * height)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo that can't be used, and why. `detail` is for people, and may be empty."""

    name: str
    why: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was read. `stops`: a training of a folder refuses all of it for one invalid label file."""

    photos: Sequence[Photo]
    left_out: Sequence[LeftOut]
    stops: Sequence[LeftOut] = field(default_factory=tuple)

    @property
    def subjects(self) -> list[Subject]:
        return [subject for photo in self.photos for subject in photo.subjects]


def of_folder(recipe: Recipe, folder: Path, *, say: Say = silent) -> Gathered:
    """The labelled photos of a folder with images/ and labels/, as `nunchi recipe train` reads it."""
    labels, left_out, stops = _labels(recipe, folder)
    photos, unreadable = _photos(folder, labels, TRAIN, {}, say)
    orphans = [
        LeftOut(name, "label files without a picture")
        for file in sorted((folder / "labels").rglob(f"*{JSON_LABELS}"))
        if not _is_pictured(folder, name := file.relative_to(folder / "labels").as_posix())
    ]
    return Gathered(photos, [*left_out, *unreadable, *orphans], stops)


def of_bucket(bucket: DatasetBucket, recipe: Recipe, folder: Path, *, most: int, say: Say = silent) -> Gathered:
    """The photos that a training of a cloud would take, downloaded into `folder`, which is empty. They show people.

    `bucket` lists label files in JSON; of more than `most` photos that may teach, the latest, 0: all.
    """
    dataset = download(bucket, recipe, folder, most=most, say=say)
    left_out = [LeftOut(str(name), *_split(why)) for name, why in sorted(dataset.left_out.items())]
    photos: list[Photo] = []
    for part, references in ((TRAIN, dataset.train), (GOLDEN, dataset.golden)):
        labels = {
            dataset.photo(part, each): SubjectLabels.from_json(dataset.label_file(part, each).read_bytes())
            for each in references
        }
        read, unreadable = _photos(folder / part, labels, part, _sources(bucket), say)
        photos += read
        left_out += unreadable
    return Gathered(photos, left_out)


def _split(why: str) -> tuple[str, str]:
    """A reason and its detail, as in `its label file is invalid: …`."""
    reason, _, detail = why.partition(": ")
    return reason, detail


def _sources(bucket: DatasetBucket) -> dict[str, Source]:
    """Where the labels of each photo come from; as `download`, of a photo in several trees the checked one counts."""
    sources = {str(pair.reference): Source.MODEL for pair in bucket.pairs(Tree.AUTO)}
    for tree in (Tree.REVIEWED, Tree.GOLDEN):
        noted = set(bucket.keys(f"{tree}/notes/"))
        for pair in bucket.pairs(tree):
            checked = pair.reference.note_key(tree) in noted
            sources[str(pair.reference)] = Source.REVIEW if checked else Source.IMPORT
    return sources


def _labels(recipe: Recipe, folder: Path) -> tuple[dict[Path, SubjectLabels], list[LeftOut], list[LeftOut]]:
    """The label file of each photo; the photos without a usable one; and those whose label file stops a training."""
    labels, left_out, stops = dict[Path, SubjectLabels](), list[LeftOut](), list[LeftOut]()
    for photo in sorted((folder / "images").rglob("*")):
        if photo.suffix.lower() not in PICTURES:
            continue
        name = photo.relative_to(folder / "images").as_posix()
        if photo.suffix != ".jpg":
            left_out.append(LeftOut(name, "pictures whose name does not end in .jpg"))
            continue
        try:
            read = SubjectLabels.from_json((folder / "labels" / name).with_suffix(JSON_LABELS).read_bytes())
        except FileNotFoundError:
            left_out.append(LeftOut(name, "photos without a label file"))
        except InvalidMessage as error:
            stops.append(LeftOut(name, "invalid label files", str(error)))
        else:
            if read.recipe != recipe.name:
                left_out.append(LeftOut(name, "photos of another recipe", read.recipe))
            elif unknown := unknown_answer(recipe, read):
                stops.append(LeftOut(name, "label files with an answer that the recipe does not have", unknown))
            else:
                labels[photo] = read
    return labels, left_out, stops


def _is_pictured(folder: Path, name: str) -> bool:
    picture = folder / "images" / name
    return any(picture.with_suffix(suffix).exists() for suffix in PICTURES)


def _photos(
    folder: Path, labels: Mapping[Path, SubjectLabels], part: str, sources: Mapping[str, Source], say: Say
) -> tuple[list[Photo], list[LeftOut]]:
    """The photos of one folder, measured, and those that can't be decoded. `sources`: by name; empty for a folder."""
    photos, unreadable = list[Photo](), list[LeftOut]()
    references = dict(_references(labels))
    bursts = burst_of(references.values())
    with in_threads(_measured, list(labels)) as results:
        for done, (path, measured) in enumerate(zip(labels, results, strict=True), start=1):
            name = path.relative_to(folder / "images").as_posix()
            reference = references.get(path)
            taken = None if reference is None else image_id_time(reference.image_id)
            if isinstance(measured, str):
                unreadable.append(LeftOut(name, "photos that can't be read", measured))
            else:
                photo = Photo(
                    path=path,
                    name=name,
                    part=part,
                    source=sources.get(str(reference), Source.FILES),
                    labels=labels[path],
                    burst=path.stem if reference is None else str(bursts[reference]),
                    measured=measured,
                    device=None if reference is None else reference.kiosk_id,
                    week=None if reference is None or taken is None or taken >= FAR else iso_week(reference),
                )
                photos.append(photo)
            say(done, len(labels), "photos measured")
    return photos, unreadable


def _references(photos: Iterable[Path]) -> Iterable[tuple[Path, Reference]]:
    """The photos whose names are those of a device's photos."""
    for photo in photos:
        with suppress(InvalidName):
            yield photo, Reference(photo.parent.name, photo.stem)


def _measured(path: Path) -> Measured | str:
    """What is measured of a picture, or why it can't be read."""
    try:
        content = path.read_bytes()
        photo = decode(content)
    except (PhotoRejected, OSError) as error:
        return str(error)
    return _of(photo, hashlib.sha256(content).hexdigest())


def _of(photo: DecodedPhoto, sha256: str) -> Measured:
    picture = Image.fromarray(photo.image)
    small = picture.reduce(max(1, min(picture.size) // _THUMB))
    grey = np.asarray(small.convert("L"), np.float32)
    return Measured(
        size=photo.size,
        decoded=picture.size,
        brightness=round(float(grey.mean()), 1),
        contrast=round(float(grey.std()), 1),
        turned=photo.turned,
        sha256=sha256,
        phash=perceptual_hash(small),
    )
