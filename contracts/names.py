"""Names on the wire: kiosk ids, image ids, S3 keys, MQTT topics.

Every name is `[a-z0-9/._-]` only, so that URL encoding, shells and topic filters never matter. An invalid name
raises InvalidName where it enters; after that, code holds a `Reference` and needs no check.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.errors import InvalidName
from contracts.instants import from_epoch_ms, to_epoch_ms

CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # base32 without i, l, o, u: no look-alikes
KIOSK_PATTERN: Final = "[a-z0-9-]{1,32}"
IMAGE_PATTERN: Final = "[0-9a-hjkmnp-tv-z]{26}"
REFERENCE_PATTERN: Final = f"{KIOSK_PATTERN}/{IMAGE_PATTERN}"

UPLOADS: Final = "uploads/"
RESULTS: Final = "results/"
WHYS: Final = "why/"  # pictures that show why a result answers as it does: parts of photos, which leave with them
# In the dataset bucket, beside the trees of `messages.DatasetTree`: human-checked pairs to train on and to judge by,
# dataset builds, and the progress of trainings.
REVIEWED: Final = "reviewed/"
GOLDEN: Final = "golden/"
BUILDS: Final = "builds/"
TRAININGS: Final = "trainings/"
# In the weights bucket.
RUNS: Final = "runs/"
POINTER: Final = "current.json"
IMAGE_SUFFIX: Final = ".jpg"
YOLO_LABELS: Final = ".txt"  # suffixes of label files: of the kiosk, and of every other recipe
JSON_LABELS: Final = ".json"
RESULT_SUFFIX: Final = ".json"

_KIOSK = re.compile(KIOSK_PATTERN)
_IMAGE = re.compile(IMAGE_PATTERN)
# ULID libraries write capitals, and cameras `.JPG`: neither is read, but both get an answer.
_UPLOAD_KEY = re.compile(
    rf"{UPLOADS}({KIOSK_PATTERN})/({IMAGE_PATTERN}|[0-9A-HJKMNP-TV-Z]{{26}})(\.[A-Za-z0-9]{{1,8}})?"
)
_RESULT_KEY = re.compile(rf"{RESULTS}({KIOSK_PATTERN})/({IMAGE_PATTERN})\.json")
_PAIR_IMAGE_KEY = re.compile(rf"[a-z]+/images/({KIOSK_PATTERN})/({IMAGE_PATTERN})\.jpg")
_INSTANCE = re.compile("[a-z0-9-]{1,64}")


def check_kiosk_id(text: str) -> str:
    """`text` itself if it is a kiosk id; otherwise InvalidName."""
    if not isinstance(text, str) or not _KIOSK.fullmatch(text):
        raise InvalidName(f"{text!r} is not a kiosk id: use 1 to 32 of a-z, 0-9 and '-'")
    return text


def check_image_id(text: str) -> str:
    """`text` itself if it is an image id (a lower-case ULID); otherwise InvalidName."""
    if not isinstance(text, str) or not _IMAGE.fullmatch(text):
        raise InvalidName(
            f"{text!r} is not an image id: it must be a lower-case ULID, 26 of {CROCKFORD}, "
            "as in 01jd8v2k5e9m3x7q4r6t0w1y2z"
        )
    return text


def check_instance_id(text: str) -> str:
    """`text` itself if it can name a worker's instance in a topic; otherwise InvalidName."""
    if not isinstance(text, str) or not _INSTANCE.fullmatch(text):
        raise InvalidName(f"{text!r} is not an instance id: use 1 to 64 of a-z, 0-9 and '-'")
    return text


def new_image_id(captured_at: datetime, randomness: bytes | None = None) -> str:
    """A fresh image id for a photo taken at `captured_at`: 48 bits of milliseconds, then 80 random bits.

    `randomness`: 10 bytes, drawn from the system's source when not given.
    """
    random_part = secrets.token_bytes(10) if randomness is None else randomness
    ms = to_epoch_ms(captured_at)
    if len(random_part) != 10 or not 0 <= ms < 1 << 48:
        raise InvalidName(f"no image id can hold {len(random_part)} random bytes and the time {captured_at}")
    number = ms << 80 | int.from_bytes(random_part)
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def image_id_time(image_id: str) -> datetime | None:
    """When the photo was taken, by the clock of the kiosk that named it: a hint, never a proof.

    None when the id holds no valid time: it was made at random, not from a clock.
    """
    ms = 0
    for letter in check_image_id(image_id)[:10]:
        ms = ms << 5 | CROCKFORD.index(letter)
    try:
        return from_epoch_ms(ms)
    except OverflowError:
        return None


@dataclass(frozen=True, order=True, slots=True)
class Reference:
    """One photo: the kiosk that took it and its image id. Every key of the photo derives from it."""

    kiosk_id: str
    image_id: str

    def __post_init__(self) -> None:
        check_kiosk_id(self.kiosk_id)
        check_image_id(self.image_id)

    def __str__(self) -> str:
        return f"{self.kiosk_id}/{self.image_id}"

    @classmethod
    def parse(cls, text: str) -> Reference:
        """From `<kiosk>/<image>`; anything else raises InvalidName."""
        kiosk_id, _, image_id = text.partition("/")
        return cls(kiosk_id, image_id)

    @property
    def upload_key(self) -> str:
        return f"{UPLOADS}{self}{IMAGE_SUFFIX}"

    @property
    def result_key(self) -> str:
        return f"{RESULTS}{self}{RESULT_SUFFIX}"

    @property
    def why_key(self) -> str:
        """The picture that shows why the result answers as it does."""
        return f"{WHYS}{self}.png"

    @property
    def drawn_key(self) -> str:
        """The picture that a recipe draws from its answers; it leaves with the photo, like the other one."""
        return f"{WHYS}{self}.svg"

    def pair_keys(self, tree: str, suffix: str = YOLO_LABELS) -> tuple[str, str]:
        """Keys of the image and its label file in the dataset bucket, under `auto`, `reviewed` and so on.

        `suffix`: of the label file; YOLO's for the kiosk.
        """
        return f"{tree}/images/{self}{IMAGE_SUFFIX}", f"{tree}/labels/{self}{suffix}"

    def note_key(self, tree: str) -> str:
        """The key of the review note, beside the pair."""
        return f"{tree}/notes/{self}.json"


def parse_upload_key(key: str) -> Reference:
    """The photo that an upload's key names, whatever its suffix; a key of any other form raises InvalidName.

    Only `.jpg` is read as a photo. Other suffixes, and an image id in capitals, are recognised so that the kiosk gets
    an answer.
    """
    return _parsed(_UPLOAD_KEY, key, f"the key of an upload: write to {UPLOADS}<kiosk>/<image>{IMAGE_SUFFIX}")


def swept_upload(key: str) -> Reference:
    """As `parse_upload_key`, but InvalidName for an image id in capitals: S3 lists these in another order."""
    reference = parse_upload_key(key)
    if not key.startswith(f"{UPLOADS}{reference}"):
        raise InvalidName(f"{key!r} has its image id in capitals; no sweep answers it, only its event")
    return reference


def parse_result_key(key: str) -> Reference:
    """The photo whose result, `key` holds; a key of any other form raises InvalidName.

    A picture is written after its result, so either says that there is a result.
    """
    return _parsed(_RESULT_KEY, key, f"the key of a result: {RESULTS}<kiosk>/<image>{RESULT_SUFFIX}")


def parse_pair_key(key: str) -> Reference:
    """The photo whose image in the dataset bucket `key` holds; a key of any other form raises InvalidName."""
    return _parsed(_PAIR_IMAGE_KEY, key, f"the key of a training image: <tree>/images/<kiosk>/<image>{IMAGE_SUFFIX}")


def _parsed(pattern: re.Pattern[str], key: str, what: str) -> Reference:
    match = pattern.fullmatch(key)
    if match is None:
        raise InvalidName(f"{key!r} is not {what}")
    return Reference(match[1], match[2].lower())


def label_topic(kiosk_id: str) -> str:
    return f"nunchi/{check_kiosk_id(kiosk_id)}/label"


def worker_status_topic(instance_id: str) -> str:
    return f"nunchi/worker/{check_instance_id(instance_id)}/status"
