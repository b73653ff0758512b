"""Photos of a burst: the sharpest are kept, and nothing but pixels leaves the device."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from kiosk.device.burst import Burst, BurstRules, sharpest
from kiosk.device.photos import LONGEST_SIDE, Photo, read
from kiosk.device.sharpness import sharpness

SAMPLE = Path("samples/kiosk-one-person.jpg")


def _jpeg(image: Image.Image, **options: object) -> bytes:
    written = io.BytesIO()
    image.save(written, "JPEG", quality=90, **options)
    return written.getvalue()


def test_the_more_a_photo_is_blurred_the_less_sharp_it_is() -> None:
    """A real face, blurred by 0 to 6 pixels."""
    grey = Image.open(SAMPLE).convert("L")

    values = [sharpness(np.asarray(grey.filter(ImageFilter.GaussianBlur(radius)))) for radius in (0, 1, 2, 4, 6)]

    assert values == sorted(values, reverse=True)
    assert values[0] > 10 * values[-1]


def test_a_sharp_edge_of_the_picture_does_not_count() -> None:
    """Shelves at the side are sharp in every photo."""
    plain = np.full((100, 100), 128, np.uint8)
    plain[:, ::2] = 0
    plain[20:80, 20:80] = 128

    assert sharpness(plain) == 0


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (3, 40), (40, 3), (5, 5)])
def test_a_tiny_photo_is_not_sharp(shape: tuple[int, int]) -> None:
    """And no error."""
    assert sharpness(np.zeros(shape, np.uint8)) == 0


def test_the_sharpest_are_kept_in_the_order_in_which_they_were_taken() -> None:
    """Unreadable ones are left out; of equal ones the first."""
    photos = [Photo(b"%d" % number, 720, value) for number, value in enumerate([5.0, 9.0, 1.0, 9.0, 7.0])]

    assert [photo.jpeg for photo in sharpest([None, *photos], 3)] == [b"1", b"3", b"4"]
    assert sharpest([None], 3) == []


def test_metadata_does_not_leave_the_device() -> None:
    """No EXIF, no thumbnail, no comment, no colour profile; turned upright by its orientation, then forgotten."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "a camera of shop 1"
    turned = Image.open(SAMPLE).rotate(90, expand=True)
    original = _jpeg(turned, exif=exif, comment=b"counter 1", icc_profile=b"profile")

    photo = read(original)

    assert photo is not None
    image = Image.open(io.BytesIO(photo.jpeg))
    assert (image.size, photo.height) == ((1280, 720), 720)
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert not any(text in photo.jpeg for text in (b"shop 1", b"counter 1", b"profile", b"Exif"))


def test_a_large_photo_is_made_as_small_as_an_answer_needs() -> None:
    """More pixels only cost upload time."""
    photo = read(_jpeg(Image.new("RGB", (3840, 2160), "grey")))

    assert photo is not None
    assert max(Image.open(io.BytesIO(photo.jpeg)).size) <= LONGEST_SIDE


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", b"GIF89a", SAMPLE.read_bytes()[:5000], _jpeg(Image.new("L", (9000, 9000)))]
)
def test_what_is_no_photo_is_none(data: bytes) -> None:
    """Cut off, another format, or 81 million pixels."""
    assert read(data) is None


def test_photos_of_a_burst_are_at_least_200_ms_apart() -> None:
    """Two photos of one moment are one photo: they would count twice."""
    burst = Burst("v", BurstRules(count=3))

    taken = [burst.add(b"", at) for at in (0, 199 - 10, 195, 380, 400, 900, 1500)]

    assert taken == [True, False, True, False, True, False, False]
    assert burst.complete


def test_a_burst_waits_for_its_last_photo_no_longer_than_a_second_over_its_time() -> None:
    """A camera may deliver fewer."""
    assert BurstRules().longest_s == pytest.approx(1.9)
