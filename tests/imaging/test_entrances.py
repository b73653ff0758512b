"""Every entrance gives the same answer about the same bytes: worker, kiosk's box, import, build, judgement, send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from contracts.messages import Reason
from imaging import heic
from imaging.decoding import DECODE_SIDE, MIN_SIDE, PhotoRejected, decode, encode_jpeg
from ops.commands.photo import PhotoUnreadable, upload_of
from retrain.dataset.gather import _size_and_hash
from retrain.dataset.pictures import stored_form, upright
from retrain.fit.quantise import preprocess
from tests.imaging.heics import GRADIENT
from tests.imaging.jpegs import cut, hole, jpeg, scene, with_camera_metadata, without_end
from tests.pictures import encoded, gradient, turned_by_exif
from worker.models.predict import predict_all


def grey_16() -> Image.Image:
    return Image.fromarray(np.asarray(scene().convert("L")).astype(np.uint16) * 257)


def clear(mode: str) -> Image.Image:
    picture = scene().convert(mode)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


PICTURES = {
    "jpeg": jpeg(),
    "progressive": jpeg(progressive=True),
    "grey": encoded(scene().convert("L")),
    "cmyk": encoded(scene().convert("CMYK")),
    "png": encoded(scene(), "PNG"),
    "grey of 16 bits": encoded(grey_16(), "PNG"),
    "palette": encoded(scene().convert("P"), "PNG"),
    "palette with a clear colour": encoded(scene().convert("P"), "PNG", transparency=3),
    "alpha": encoded(clear("RGBA"), "PNG"),
    "grey with alpha": encoded(clear("LA"), "PNG"),
    "bilevel": encoded(scene().convert("1"), "PNG"),
    "webp": encoded(clear("RGBA"), "WEBP", lossless=True),
    "metadata": with_camera_metadata(scene()),
    "no end": without_end(jpeg()),
    "video after it": jpeg() + b"\0\0\xff\xda\x01" * 150,
    "tiny": encoded(scene(MIN_SIDE, MIN_SIDE)),
}
REJECTED = {
    "empty": b"",
    "text": b"hello",
    "gif": encoded(scene(), "GIF"),
    "bmp": encoded(scene(), "BMP"),
    "cut": cut(jpeg(), 0.6, end=False),
    "cut, with an end": cut(jpeg(), 0.6, end=True),
    "hole": hole(jpeg(), 0.4, 0.1),
    "cut png": encoded(scene(), "PNG")[:-4000],
    "too small": encoded(scene(MIN_SIDE - 1, 200)),
}


def answer(entrance: Callable[[bytes], object], data: bytes) -> Reason | None:
    """Why the entrance rejects the bytes; None when it takes them."""
    try:
        entrance(data)
    except PhotoRejected as rejection:
        return rejection.reason
    return None


@pytest.mark.parametrize("data", PICTURES.values(), ids=PICTURES.keys())
def test_what_is_imported_has_the_colours_that_the_worker_sees(data: bytes) -> None:
    photo, stored = decode(data), stored_form(data)
    if photo.jpeg is None:
        assert stored == encode_jpeg(photo.image)
    else:
        assert np.array_equal(decode(stored).image, photo.image)


def test_a_grey_picture_of_16_bits_is_not_imported_as_white() -> None:
    ramp = np.arange(320 * 240, dtype=np.uint32).reshape(240, 320) % 65536
    stored = decode(stored_form(encoded(Image.fromarray(ramp.astype(np.uint16)), "PNG"))).image
    assert abs(stored.mean() - (ramp >> 8).mean()) < 2


@pytest.mark.parametrize("data", REJECTED.values(), ids=REJECTED.keys())
def test_what_the_worker_rejects_is_not_imported_for_the_same_reason(data: bytes) -> None:
    reason = answer(decode, data)
    assert reason is not None
    assert [answer(entrance, data) for entrance in (stored_form, upright, _size_and_hash)] == [reason] * 3


@pytest.mark.parametrize("data", [*PICTURES.values(), *REJECTED.values()], ids=[*PICTURES, *REJECTED])
def test_judgement_decodes_as_the_worker_does(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    seen, lines = list[Any](), list[Any]()
    predict_all([path], lambda image: seen.append(image) or [], lines.append)
    reason = answer(decode, data)
    if reason is None:
        assert np.array_equal(seen[0], decode(data).image)
        assert preprocess(path, 64, any_shape=False).shape == (1, 3, 64, 64)
    else:
        assert lines[0]["error"].startswith(f"{reason}: ")


@settings(max_examples=60)
@given(
    st.sampled_from([*PICTURES.values()]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
    st.floats(0.3, 1),
)
def test_damaged_bytes_get_one_answer_at_every_entrance(
    data: bytes, changes: list[tuple[float, int]], share: float
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[min(len(damaged) - 1, int(place * len(damaged)))] = value
    content = bytes(damaged[: int(share * len(damaged))])
    reason = answer(decode, content)
    answers = {answer(entrance, content) for entrance in (lambda data: decode(data, side=None), stored_form, upright)}
    # A changed byte may make EXIF turn the picture: then only what would store its boxes refuses it.
    assert answers == {reason} or (reason is None and decode(content).turned)


def test_a_picture_turned_by_exif_is_turned_for_the_worker_and_refused_where_boxes_come_with_it() -> None:
    data = turned_by_exif(scene(), 6)
    assert decode(data).image.shape == (320, 240, 3)
    with pytest.raises(PhotoRejected, match="EXIF turns it"):
        stored_form(data)


def test_a_phones_heic_is_imported_and_sent_with_its_colours(tmp_path: Path) -> None:
    photo = tmp_path / "IMG_0001.HEIC"
    photo.write_bytes(GRADIENT)
    for content in (stored_form(GRADIENT), upload_of(photo)):
        image = decode(content).image
        assert image.shape == (48, 64, 3)
        assert np.abs(image.astype(int) - np.asarray(gradient()).astype(int)).mean() < 6


def test_a_worker_reads_no_heic() -> None:
    assert answer(decode, GRADIENT) is Reason.NOT_AN_IMAGE


@given(st.floats(0.03, 0.95))
def test_a_heic_that_is_cut_is_refused_with_words_that_help(share: float) -> None:
    with pytest.raises(PhotoRejected, match="Settings > Camera > Formats > Most Compatible"):
        heic.as_jpeg(GRADIENT[: int(share * len(GRADIENT))])


def test_send_uploads_a_file_as_it_is_and_names_a_heic_that_it_cannot_read(tmp_path: Path) -> None:
    photo, phone = tmp_path / "a.heic", tmp_path / "b.jpg"
    photo.write_bytes(jpeg())  # what a file is called says nothing
    assert upload_of(photo) == jpeg()
    phone.write_bytes(GRADIENT[:200])
    with pytest.raises(PhotoUnreadable, match=r"b\.jpg was not sent: .*Most Compatible"):
        upload_of(phone)


def test_size_is_that_of_the_file_at_any_side() -> None:
    size = (2 * DECODE_SIDE, DECODE_SIDE + 7)
    data = encoded(scene(*size))
    assert {decode(data, side=side).size for side in (MIN_SIDE, DECODE_SIDE, None)} == {size}
