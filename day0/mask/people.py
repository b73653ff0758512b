"""The people whom masks are drawn on: grown-ups of one split, balanced over gender and age."""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from day0.finder import HEAD_MARGINS, face_finder
from day0.mask.head import Head
from day0.photos import Photo
from day0.portrait_dataset import LeftOut
from worker.models.detector import Image
from worker.models.faces import Face
from worker.models.regions import FoundSubject, faces_of

ADULT: Final = 18  # years; a band that begins earlier (FairFace's 10-19) is left out
UNKNOWN_SHARE: Final = 0.06  # of the people: adults of unknown age, who teach the other questions
TURNED: Final = 1.0  # radians; further away landmarks are guesses, and a mask would miss the nose
CHIN: Final = 0.88  # a height on the head; above it a mask at the chin would hardly be in the photo

NOT_FOUND: Final = "no face found"
SEVERAL: Final = "several faces found"
AWAY: Final = "face turned away"
CUT_OFF: Final = "chin outside the photo"


@dataclass(frozen=True, slots=True)
class Person:
    """A person's photo, and the subject as the worker finds it there, without a mask."""

    photo: Photo
    image: Image
    face: Face
    subject: FoundSubject

    @property
    def answers(self) -> dict[str, str]:
        """What is known of the person, in the recipe's words."""
        age = age_of(self.photo)
        return {"gender": gender_of(self.photo)} | ({} if age is None else {"age": age})


def gender_of(photo: Photo) -> str:
    """The recipe's value."""
    return "female" if photo.female else "male"


def age_of(photo: Photo) -> str | None:
    """The recipe's value; None where the age is unknown, or its band reaches over a border."""
    low, high = photo.age_low, photo.age_high if photo.age_high is not None else 120
    if low is None or low < ADULT:
        return None
    if low >= 60:
        return "elder"
    if high < 30:
        return "under_30"
    return "under_60" if low >= 30 and high < 60 else None


def people(photos: Sequence[Photo], split: str, count: int, seed: int, left_out: LeftOut) -> Iterator[Person]:
    """At most `count` people of the split, in turn of each gender and age, until their photos are used up.

    The order of a group's photos is drawn by the seed. `left_out` counts those whose photo can't be drawn on.
    """
    grown = [photo for photo in photos if photo.split == split and photo.age_group in ("adult", "elder", "unknown")]
    grown = [photo for photo in grown if photo.age_low is None or photo.age_low >= ADULT]
    unknown = [photo for photo in grown if age_of(photo) is None]
    known = [photo for photo in grown if age_of(photo) is not None]
    few = min(round(count * UNKNOWN_SHARE), len(unknown))
    yield from _in_turn(known, count - few, seed, left_out)
    yield from _in_turn(unknown, few, seed, left_out)


def _in_turn(photos: Sequence[Photo], count: int, seed: int, left_out: LeftOut) -> Iterator[Person]:
    groups: dict[tuple[str | None, str], deque[Photo]] = defaultdict(deque)
    for photo in sorted(photos, key=lambda photo: hashlib.sha256(f"{seed} {photo.person}".encode()).digest()):
        groups[age_of(photo), gender_of(photo)].append(photo)
    turns = deque(groups[key] for key in sorted(groups, key=str))
    while count and turns:
        group = turns.popleft()
        while group:
            found = _found(group.popleft())
            if isinstance(found, Person):
                yield found
                count -= 1
                turns.append(group)
                break
            left_out.reasons[found] += 1


def _found(photo: Photo) -> Person | str:
    """The person of a photo, or why there is none."""
    image = photo.read()
    subjects = faces_of(image, face_finder(), HEAD_MARGINS)
    if len(subjects) != 1 or (face := subjects[0].face) is None:
        return SEVERAL if subjects else NOT_FOUND
    head = Head.of(face)
    if abs(head.turn) > TURNED:
        return AWAY
    x, y = head.place(0, CHIN)
    if not (0 <= x < image.shape[1] and 0 <= y < image.shape[0]):
        return CUT_OFF
    return Person(photo, image, face, subjects[0])
