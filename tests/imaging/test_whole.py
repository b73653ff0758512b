"""Whether a picture is whole is judged by its pixels, and its segments are walked."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from contracts.messages import Reason
from imaging.decoding import PhotoRejected, decode
from imaging.jpeg import END, MAX_SEGMENTS, parse
from tests.imaging.jpegs import (
    cut,
    hole,
    jpeg,
    metadata_of,
    pixels,
    scan_starts,
    scene,
    with_camera_metadata,
    without_end,
)
from tests.pictures import encoded, png_chunk, turned_by_exif

BASELINE, PROGRESSIVE = jpeg(), jpeg(progressive=True)
GREY = encoded(scene().convert("L"), quality=92)
RESTARTS = jpeg(restart_marker_blocks=4)
FILES = st.sampled_from([BASELINE, PROGRESSIVE, GREY, RESTARTS])
VIDEO = b"\0\0\0\x18ftypmp42" + b"\0\0\xff\xda\x01" * 300 + b"Exif\0\0" * 200 + b"\xff\xd8\xff\xd9"


def reason(data: bytes) -> Reason | None:
    try:
        decode(data)
    except PhotoRejected as rejection:
        return rejection.reason
    return None


def after_start(data: bytes, more: bytes) -> bytes:
    return data[:2] + more + data[2:]


@pytest.mark.parametrize(
    "whole", [BASELINE, PROGRESSIVE, GREY, RESTARTS], ids=["baseline", "progressive", "grey", "rst"]
)
@pytest.mark.parametrize(
    "change",
    [
        without_end,
        lambda data: data[:-1],
        lambda data: data + VIDEO,
        lambda data: data + bytes(10_000),
        lambda data: without_end(data) + bytes(10_000),
        lambda data: without_end(data) + bytes(500) + END,
        lambda data: data + data,
        lambda data: without_end(data) + data,
        lambda data: without_end(data) + b"\xff\xff\xff" + END,
        lambda data: after_start(data, b"\xff\xff\xff"),
        lambda data: after_start(data, b"junk"),
        lambda data: after_start(data, b"\xff\xe1\x00\x06\xff\xda\xff\xd9" * 150),
        lambda data: after_start(data, b"\xff\xfe\x04\x00" + b"\xff\xda\x00\x0cExif\0\0" * 102 + b"\0\0"),
        lambda data: after_start(data, b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0\x07"),
    ],
    ids=[
        "no end",
        "half an end",
        "video",
        "zeros after",
        "zeros for an end",
        "zeros before the end",
        "twice",
        "no end, twice",
        "fill before the end",
        "fill",
        "junk",
        "markers in metadata",
        "scans in a comment",
        "unknown Adobe transform",
    ],
)
def test_a_file_with_every_pixel_is_a_photo_whatever_else_is_in_it(
    whole: bytes, change: Callable[[bytes], bytes]
) -> None:
    photo = decode(change(whole))
    assert np.array_equal(photo.image, decode(whole).image)
    assert photo.jpeg is not None
    assert photo.jpeg.endswith(END)
    assert np.array_equal(pixels(photo.jpeg), pixels(whole))


@settings(max_examples=60)
@given(FILES, st.floats(0.2, 0.97), st.booleans())
def test_a_file_cut_anywhere_is_truncated_with_or_without_an_end_mark(whole: bytes, share: float, end: bool) -> None:
    assert reason(cut(whole, share, end=end)) is Reason.TRUNCATED


@settings(max_examples=60)
@given(st.sampled_from([BASELINE, PROGRESSIVE, GREY]), st.floats(0.05, 0.6), st.floats(0.05, 0.3))
def test_a_hole_in_the_middle_is_truncated(whole: bytes, start: float, length: float) -> None:
    assert reason(hole(whole, start, length)) is Reason.TRUNCATED


@pytest.mark.parametrize("length", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("whole", [BASELINE, GREY], ids=["baseline", "grey"])
def test_a_download_that_ends_in_zeros_is_truncated(whole: bytes, length: float) -> None:
    """As a file looks whose length was reserved before its bytes came."""
    assert reason(hole(whole, 1 - length, length, zeros=True)) is Reason.TRUNCATED


def test_a_progressive_file_that_ends_between_two_scans_is_truncated() -> None:
    """libjpeg does not warn: each scan that is there is whole."""
    starts = scan_starts(PROGRESSIVE)
    assert len(starts) == 10
    for start in starts[1:]:
        header = PROGRESSIVE.rindex(b"\xff\xda", 0, start)
        assert reason(PROGRESSIVE[:header] + END) is Reason.TRUNCATED
        assert reason(PROGRESSIVE[:header]) is Reason.TRUNCATED


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_sampling_that_turbojpeg_does_not_know_is_decoded_and_its_cuts_are_found(
    progressive: bool, share: float
) -> None:
    whole = encoded(scene().convert("CMYK"), quality=92, subsampling=2, progressive=progressive)
    assert decode(whole).image.shape == (240, 320, 3)
    assert reason(cut(whole, share, end=True)) is Reason.TRUNCATED
    assert reason(cut(whole, share, end=False)) is Reason.TRUNCATED
    assert reason(without_end(whole)) is None


def test_more_segments_than_a_camera_writes_are_refused_at_once() -> None:
    assert reason(after_start(BASELINE, b"\xff\xfe\x00\x02" * (MAX_SEGMENTS + 1))) is Reason.NOT_AN_IMAGE


@given(st.integers(0, 400))
def test_a_changed_byte_of_pixels_in_a_png_is_found_by_its_checksum(place: int) -> None:
    """Pillow does not look at it, and shows stripes or nothing."""
    whole = encoded(scene(96, 64), "PNG")
    at = whole.index(b"IDAT") + 4 + place
    assert reason(whole) is None
    assert reason(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :]) is Reason.TRUNCATED


def test_a_png_without_its_end_is_a_photo_if_every_pixel_is_there() -> None:
    whole = encoded(scene(96, 64), "PNG")
    assert np.array_equal(decode(whole[:-12]).image, decode(whole).image)
    assert reason(whole + png_chunk(b"teXt", b"after the end")) is None


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 3}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_is_stored_has_the_same_pixels_and_no_metadata(mode: str, options: dict[str, object]) -> None:
    data = with_camera_metadata(scene().convert(mode), **options)
    assert metadata_of(data) >= {0xE1, 0xE2, 0xFE}
    stored = decode(data).for_dataset()
    assert metadata_of(stored) == set()
    for secret in (b"SERIAL", b"GPS", b"OWNER", b"PROFILE", b"Maker", b"Exif"):
        assert secret not in stored
    assert np.array_equal(pixels(stored), pixels(data))
    assert decode(stored).for_dataset() == stored


def test_a_thumbnail_in_jfif_is_not_stored() -> None:
    thumbnail = b"JFIF\0\1\2\0\0\1\0\1\x02\x02" + b"FACE" * 3
    data = b"\xff\xd8\xff\xe0" + (len(thumbnail) + 2).to_bytes(2) + thumbnail + BASELINE[20:]
    stored = decode(data).for_dataset()
    assert b"FACE" not in stored
    assert np.array_equal(pixels(stored), pixels(data))


def test_a_turned_photo_is_stored_upright_without_its_metadata() -> None:
    photo = decode(turned_by_exif(scene(), 6))
    assert photo.size == (240, 320)
    stored = photo.for_dataset()
    assert metadata_of(stored) == set()
    assert pixels(stored).shape == (320, 240, 3)


@given(FILES, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6))
def test_any_bytes_are_parsed_or_refused_and_what_is_left_is_parsed_to_itself(
    whole: bytes, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(whole)
    for place, value in changes:
        data[min(len(data) - 1, int(place * len(data)))] = value
    try:
        bare = decode(bytes(data)).jpeg
    except PhotoRejected:
        return
    if bare is not None:
        assert parse(bare).bare == bare


def test_a_user_never_sees_pillows_warnings(recwarn: pytest.WarningsRecorder) -> None:
    clear = Image.new("P", (64, 64))
    clear.info["transparency"] = bytes(range(8))
    target = io.BytesIO()
    clear.save(target, "PNG", transparency=bytes(range(8)))
    decode(target.getvalue())
    broken = encoded(scene(), exif=b"Exif\0\0II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01")
    decode(broken)
    assert [str(one.message) for one in recwarn] == []
