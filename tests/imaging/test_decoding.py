"""Upload bytes become an upright picture, or a reason."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from contracts.messages import Reason
from imaging.decoding import (
    DECODE_SIDE,
    MAX_SCANS,
    MAX_SIDE,
    MAX_WHOLE_PIXELS,
    MIN_SIDE,
    DecodedPhoto,
    PhotoRejected,
    decode,
    encode_jpeg,
)
from tests.pictures import (
    bomb_png,
    encoded,
    gradient,
    in_several_scans,
    png_chunk,
    turned_by_exif,
    with_chunks,
    with_exif,
)

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
    assert (photo.jpeg is not None) == (kind == "JPEG")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright_as_its_exif_says(orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the Pillow transpose that makes the stored picture
    stored = gradient() if orientation == 1 else gradient().transpose(Image.Transpose(undo[orientation]))
    photo = decode(turned_by_exif(stored, orientation), max_pixels=MOST)
    assert photo.image.shape == (48, 64, 3)
    assert np.abs(photo.image.astype(int) - np.asarray(gradient()).astype(int)).mean() < 4
    assert (photo.turned, photo.jpeg is None) == (orientation != 1, orientation != 1)
    assert photo.size == (64, 48)


def sixteen_bits(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)


@pytest.mark.parametrize("side", [48, 2 * DECODE_SIDE], ids=["small", "shrunk"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "1", "I;16", "CMYK"])
def test_every_colour_mode_becomes_rgb_of_the_same_colours(mode: str, side: int) -> None:
    plain = gradient(side, side)
    picture = sixteen_bits(plain) if mode == "I;16" else plain.convert(mode)
    expected = (plain.convert("L") if mode == "I;16" else picture).convert("RGB").reduce(max(1, side // DECODE_SIDE))
    kind, tolerance = ("JPEG", 3) if mode == "CMYK" else ("PNG", 1)
    image = decode(encoded(picture, kind), max_pixels=MOST).image
    assert image.shape == (expected.height, expected.width, 3)
    assert np.abs(image.astype(int) - np.asarray(expected).astype(int)).max() <= tolerance


@pytest.mark.parametrize(("alpha", "grey"), [(0, 255), (128, 127), (255, 0)])
def test_transparent_pixels_become_white(alpha: int, grey: int) -> None:
    photo = decode(encoded(Image.new("RGBA", (32, 32), (0, 0, 0, alpha)), "PNG"), max_pixels=MOST)
    assert np.unique(photo.image).tolist() == [grey]


def test_a_far_larger_picture_is_shrunk_while_it_is_decoded_and_its_bytes_stay_good_for_a_dataset() -> None:
    photo = decode(encoded(gradient(4 * DECODE_SIDE, 3 * DECODE_SIDE)), max_pixels=MOST)
    assert photo.jpeg is not None
    assert photo.size == (4 * DECODE_SIDE, 3 * DECODE_SIDE)
    assert DECODE_SIDE <= min(photo.image.shape[:2]) < 2 * DECODE_SIDE


@pytest.mark.parametrize(("width", "height"), [(18_500, 2_150), (65_500, 32), (32, 65_500)])
def test_the_longer_side_is_bounded_too(width: int, height: int) -> None:
    photo = decode(encoded(Image.new("RGB", (width, height))), max_pixels=MOST)
    assert MAX_SIDE / 2 < max(photo.image.shape) <= MAX_SIDE


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
        (encoded(gradient())[:200], Reason.TRUNCATED),
        (encoded(gradient(), "WEBP")[:20], Reason.TRUNCATED),
        (encoded(gradient(MIN_SIDE - 1, 300)), Reason.TOO_SMALL),
        (bomb_png(20_000), Reason.TOO_MANY_PIXELS),
        (bomb_png(12_000), Reason.TOO_MANY_PIXELS),
        (bomb_png(2_000_000_000), Reason.TOO_MANY_PIXELS),
    ],
    ids=[
        "empty",
        "text",
        "zeros",
        "gif",
        "bmp",
        "half jpeg",
        "half png",
        "jpeg header",
        "webp header",
        "thin",
        "bomb",
        "under pillow's",
        "overflow",
    ],
)
def test_an_invalid_photo_is_rejected_with_its_reason(data: bytes, reason: Reason) -> None:
    assert refused(data) == reason


def test_a_picture_of_20_000_pixels_a_side_is_refused_before_it_is_decoded() -> None:
    """A real one, as a kiosk with a wrong camera setting could send it."""
    assert refused(encoded(Image.new("L", (20_000, 20_000)), quality=10)) == Reason.TOO_MANY_PIXELS


def test_the_pixel_limit_is_a_setting() -> None:
    data = encoded(gradient(100, 100))
    assert decode(data, max_pixels=10_000).image.shape == (100, 100, 3)
    assert refused(data, max_pixels=9_999) == Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.new("RGB", (3600, 3600)), "PNG"),
        encoded(Image.new("RGB", (3600, 3600)), "WEBP"),
        encoded(Image.new("RGB", (3600, 3600)), progressive=True),
        in_several_scans(encoded(Image.new("RGB", (3600, 3600)))),
    ],
    ids=["png", "webp", "progressive jpeg", "jpeg in several scans"],
)
def test_a_file_that_is_decoded_whole_has_a_lower_limit(data: bytes) -> None:
    assert refused(data) == Reason.TOO_MANY_PIXELS


def long_texts() -> bytes:
    """A PNG chunk that is 1 KB, and 4 MB once it is read: a character beyond 16 bits makes each take four bytes."""
    return png_chunk(b"iTXt", b"text\0\1\0\0\0" + zlib.compress(("\U0001f600" + "a" * 1_040_000).encode()))


def test_png_texts_that_would_fill_the_memory_are_rejected() -> None:
    assert refused(with_chunks(encoded(gradient(), "PNG"), *[long_texts()] * 5)) == Reason.TRUNCATED


SQUARE = (3492, 3492)  # as many pixels as are decoded whole
MEASURE = """
import re, sys
from pathlib import Path
from imaging.decoding import decode
kib = lambda name: int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
data = sys.stdin.buffer.read()
before = kib("VmRSS")
decode(data, max_pixels=int(sys.argv[1]))
print((kib("VmHWM") - before) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from Linux' /proc")
@pytest.mark.parametrize(
    ("picture", "kind", "options"),
    [
        (Image.new("RGBA", SQUARE, (9, 9, 9, 9)), "WEBP", {"lossless": True}),
        (Image.new("RGB", SQUARE), "WEBP", {"quality": 1}),
        (Image.new("LA", SQUARE), "PNG", {}),
        (Image.new("RGB", SQUARE), "PNG", {"transparency": (1, 2, 3)}),
        (Image.new("RGBA", (3840, 2159)), "PNG", {}),
        (Image.new("RGBA", (MAX_WHOLE_PIXELS // 32, 32)), "PNG", {}),
        (Image.new("CMYK", SQUARE), "JPEG", {"progressive": True}),
        (Image.new("CMYK", (11_520, 3_472)), "JPEG", {}),
        (Image.new("RGB", (18_500, 2_150)), "JPEG", {}),
    ],
    ids=lambda value: f"{value.mode} {value.size}" if isinstance(value, Image.Image) else str(value),
)
def test_no_accepted_upload_takes_more_than_220_mb(picture: Image.Image, kind: str, options: dict[str, object]) -> None:
    """The dearest picture of each kind, in a process of its own: the machine's memory is planned by this number."""
    data = encoded(picture, kind, **options)
    child = subprocess.run([sys.executable, "-c", MEASURE, str(MOST)], input=data, capture_output=True, check=True)
    assert int(child.stdout) < 220e6


def decoded_or_rejected(data: bytes) -> None:
    try:
        photo = decode(data, max_pixels=MOST)
    except PhotoRejected:
        return
    assert isinstance(photo, DecodedPhoto)
    assert photo.image.ndim == 3


KINDS = st.sampled_from(["JPEG", "PNG", "WEBP"])


@given(st.data())
def test_a_damaged_file_is_at_worst_rejected(data: st.DataObject) -> None:
    """Whatever happens to the bytes on their way, decoding returns a picture or raises PhotoRejected."""
    whole = bytearray(encoded(gradient(), data.draw(KINDS)))
    for position in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=8)):
        whole[position] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    decoded_or_rejected(bytes(whole[:cut]))


CHUNKS = [b"tRNS", b"PLTE", b"gAMA", b"cHRM", b"pHYs", b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fcTL", b"iCCP"]


@given(
    header=st.none()
    | st.tuples(st.sampled_from([1, 2, 4, 8, 16]), st.sampled_from([0, 2, 3, 4, 6])).map(
        lambda two: bytes([*two, 0, 0, 0])
    )
    | st.binary(min_size=5, max_size=5),
    chunks=st.lists(
        st.tuples(
            st.sampled_from(CHUNKS),
            st.binary(max_size=40),
        ),
        max_size=4,
    ),
)
def test_a_damaged_png_chunk_is_at_worst_rejected(header: bytes | None, chunks: list[tuple[bytes, bytes]]) -> None:
    """Damage that the checksums don't tell: whoever wrote the file computed them anew."""
    plain = encoded(gradient(), "PNG")
    damaged = header and plain[16:24] + header
    decoded_or_rejected(with_chunks(plain, *(png_chunk(kind, body) for kind, body in chunks), header=damaged))


@given(
    kind=KINDS,
    entries=st.lists(
        st.tuples(
            st.sampled_from([0x010E, 0x0112, 0x011A, 0x0128, 0x014A, 0x8769, 0x8825, 0x927C, 0xA005]),
            st.integers(0, 16),
            st.sampled_from([0, 1, 2, 4, 5, 1000, 2**31, 2**32 - 1]),
            st.binary(min_size=4, max_size=4) | st.integers(0, 200).map(lambda offset: offset.to_bytes(4, "little")),
        ),
        max_size=4,
    ),
    rest=st.binary(max_size=120),
)
def test_broken_exif_rejects_no_photo(kind: str, entries: list[tuple[int, int, int, bytes]], rest: bytes) -> None:
    """A camera's EXIF may be nonsense: the picture is read all the same."""
    sideways = (0x0112, 3, 1, b"\x06\0\0\0")
    image = decode(with_exif(gradient(), [sideways, *entries], rest, kind), max_pixels=MOST).image
    assert sorted(image.shape) == [3, 48, 64]


@given(kind=KINDS, kept=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_reported_as_truncated_at_any_length(kind: str, kept: float) -> None:
    """From its twelfth byte on, by which every format has said its name. What misses only an end mark is read."""
    whole = encoded(gradient(), kind)
    try:
        decode(whole[: 12 + int(kept * (len(whole) - 12))], max_pixels=MOST)
    except PhotoRejected as rejection:
        assert rejection.reason == Reason.TRUNCATED


def test_a_picture_is_nearly_the_same_after_encoding_for_the_dataset() -> None:
    image = np.asarray(gradient())
    again = np.asarray(Image.open(io.BytesIO(encode_jpeg(image))))
    assert np.abs(again.astype(int) - image.astype(int)).mean() < 3


def test_a_file_of_nothing_but_exif_segments_does_not_keep_a_processor_busy() -> None:
    segment = b"\xff\xe1" + (2 + 6).to_bytes(2) + b"Exif\0\0"
    jpeg = encoded(gradient())
    assert refused(jpeg[:2] + segment * 40_000 + jpeg[2:]) == Reason.NOT_AN_IMAGE
    assert decode(jpeg[:2] + segment * 8 + jpeg[2:], max_pixels=MOST).image.shape == (48, 64, 3)


@pytest.mark.parametrize("scans", [10, 20, MAX_SCANS + 1])
def test_a_progressive_jpeg_of_nothing_but_scans_does_not_keep_a_processor_busy(scans: int) -> None:
    """15 bytes each have libjpeg walk the whole picture: 8 MB of them, of a large one, take it minutes."""
    target = io.BytesIO()
    Image.new("RGB", (200, 100), "white").save(target, "JPEG", progressive=True)
    data = target.getvalue()
    at = data.rindex(b"\xff\xda")
    many = data[:at] + data[at:-2] * (scans - data.count(b"\xff\xda") + 1) + data[-2:]
    assert many.count(b"\xff\xda") == scans
    if scans > MAX_SCANS:
        assert refused(many) is Reason.NOT_AN_IMAGE
    elif scans > 10:
        assert refused(many) is Reason.TRUNCATED  # libjpeg warns: nothing is left to refine
    else:
        assert decode(many, max_pixels=MOST).image.shape == (100, 200, 3)
