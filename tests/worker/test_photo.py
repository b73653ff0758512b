"""Upload bytes become an upright picture, or a reason."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from contracts.messages import Reason
from tests.pictures import bomb_png, encoded, gradient, turned_by_exif
from worker.photo import DECODE_SIDE, Photo, PhotoRejected, decode, encode_jpeg

MOST = 40_000_000


def refused(data: bytes, max_pixels: int = MOST) -> Reason:
    with pytest.raises(PhotoRejected) as caught:
        decode(data, max_pixels=max_pixels)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_jpeg_png_and_webp_are_read_whatever_their_name(kind: str) -> None:
    photo = decode(encoded(gradient(), kind), max_pixels=MOST)
    assert photo.image.shape == (48, 64, 3)
    assert photo.image.dtype == np.uint8
    assert photo.image.flags.c_contiguous
    assert photo.upright_jpeg == (kind == "JPEG")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright_as_its_exif_says(orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the Pillow transpose that makes the stored picture
    stored = gradient() if orientation == 1 else gradient().transpose(Image.Transpose(undo[orientation]))
    photo = decode(turned_by_exif(stored, orientation), max_pixels=MOST)
    assert photo.image.shape == (48, 64, 3)
    assert np.abs(photo.image.astype(int) - np.asarray(gradient()).astype(int)).mean() < 4
    assert photo.upright_jpeg == (orientation == 1)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16", "CMYK"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    picture = gradient().convert("L").convert(mode) if mode == "I;16" else gradient().convert(mode)
    photo = decode(encoded(picture, "JPEG" if mode == "CMYK" else "PNG"), max_pixels=MOST)
    assert photo.image.shape == (48, 64, 3)


def test_what_is_see_through_becomes_white() -> None:
    photo = decode(encoded(Image.new("RGBA", (32, 32), (0, 0, 0, 0)), "PNG"), max_pixels=MOST)
    assert photo.image.min() == 255


def test_a_far_larger_picture_is_shrunk_while_it_is_decoded_and_its_bytes_stay_good_for_a_dataset() -> None:
    photo = decode(encoded(gradient(4 * DECODE_SIDE, 3 * DECODE_SIDE)), max_pixels=MOST)
    assert photo.upright_jpeg
    assert DECODE_SIDE <= min(photo.image.shape[:2]) < 2 * DECODE_SIDE


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"hello, I am a text file\n", Reason.NOT_AN_IMAGE),
        (b"\x00" * 4096, Reason.NOT_AN_IMAGE),
        (encoded(gradient(), "GIF"), Reason.NOT_AN_IMAGE),
        (encoded(gradient(), "BMP"), Reason.NOT_AN_IMAGE),
        (encoded(gradient(400, 300))[:-900], Reason.TRUNCATED),
        (encoded(gradient(400, 300), "PNG")[:-200], Reason.TRUNCATED),
        (encoded(gradient(15, 300)), Reason.TOO_SMALL),
        (bomb_png(20_000), Reason.TOO_MANY_PIXELS),
        (bomb_png(12_000), Reason.TOO_MANY_PIXELS),
        (bomb_png(2_000_000_000), Reason.TOO_MANY_PIXELS),
    ],
    ids=["empty", "text", "zeros", "gif", "bmp", "half jpeg", "half png", "thin", "bomb", "under pillow's", "overflow"],
)
def test_what_is_no_photo_is_refused_with_its_reason(data: bytes, reason: Reason) -> None:
    assert refused(data) == reason


def test_a_picture_of_20_000_pixels_a_side_is_refused_before_it_is_decoded() -> None:
    """A real one, as a kiosk with a wrong camera setting could send it."""
    assert refused(encoded(Image.new("L", (20_000, 20_000)), quality=10)) == Reason.TOO_MANY_PIXELS


def test_the_pixel_limit_is_a_setting() -> None:
    data = encoded(gradient(100, 100))
    assert decode(data, max_pixels=10_000).image.shape == (100, 100, 3)
    assert refused(data, max_pixels=9_999) == Reason.TOO_MANY_PIXELS


@given(st.data())
def test_no_damage_does_worse_than_a_rejection(data: st.DataObject) -> None:
    """Whatever happens to the bytes on their way, decoding returns a picture or raises PhotoRejected."""
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP"]))
    whole = bytearray(encoded(gradient(), kind))
    for position in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8)):
        whole[position] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        photo = decode(bytes(whole[:cut]), max_pixels=MOST)
    except PhotoRejected:
        return
    assert isinstance(photo, Photo)
    assert photo.image.ndim == 3


def test_a_picture_is_nearly_the_same_after_encoding_for_the_dataset() -> None:
    image = np.asarray(gradient())
    again = np.asarray(Image.open(io.BytesIO(encode_jpeg(image))))
    assert np.abs(again.astype(int) - image.astype(int)).mean() < 3
