"""Bring your own labelled pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contracts.boxes import LabelledBox
from contracts.errors import InvalidName
from contracts.names import image_id_time
from contracts.yolo import format_labels
from recipes.kiosk.labels import LABELS, Label
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset import publication
from retrain.dataset.yolo_import.class_names import ClassMeaning, classes_in
from retrain.dataset.yolo_import.folder import ScannedFolder, scan_folder, store, without_exposed
from retrain.dataset.yolo_import.listing import list_folder
from retrain.errors import InvalidDataset
from tests.imaging.heics import GRADIENT
from tests.imaging.jpegs import cut, jpeg, metadata_of, pixels, with_camera_metadata
from tests.pictures import encoded, gradient, turned_by_exif
from tests.retrain.dataset.shop import HEAD, built, empty_bucket


@pytest.fixture
def bucket() -> Iterator[DatasetBucket]:
    with empty_bucket() as bucket:
        yield bucket


def picture(number: int) -> Image.Image:
    return gradient(120 + number, 96)


def own(
    folder: Path,
    name: str,
    *,
    labels: str | None = format_labels([LabelledBox(Label.ELDER_MALE, HEAD)], LABELS),
    content: bytes = b"",
) -> bytes:
    """A picture `images/<name>` and its labels; the picture's bytes."""
    path = folder / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content or encoded(picture(len(list(folder.rglob("*")))))
    path.write_bytes(content)
    if labels is not None:
        text = (folder / "labels" / name).with_suffix(".txt")
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_text(labels)
    return content


def scanned(folder: Path, *, burst_per_folder: bool = False) -> ScannedFolder:
    listing = list_folder(folder)
    return scan_folder(listing, classes_in(listing, classes=LABELS), kiosk="mine", burst_per_folder=burst_per_folder)


def test_pictures_are_stored_as_they_are_and_once_more_changes_nothing(bucket: DatasetBucket, tmp_path: Path) -> None:
    content = {own(tmp_path, f"{name}.jpg"): name for name in ("train/a", "train/b", "val/c")}
    store(bucket, Tree.REVIEWED, scanned(tmp_path).pictures)
    pairs = bucket.pairs(Tree.REVIEWED)
    assert {bucket.image(pair) for pair in pairs} == content.keys()
    assert {bucket.labels(pair) for pair in pairs} == {format_labels([LabelledBox(Label.ELDER_MALE, HEAD)], LABELS)}
    assert {pair.reference.kiosk_id for pair in pairs} == {"mine"}
    note = json.loads(bucket.get(pairs[0].reference.note_key("reviewed")) or b"")
    assert (note["schema"], note["from"], note["converted"]) == (1, "import", False)
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").rename(tmp_path / "images")
    store(bucket, Tree.REVIEWED, scanned(tmp_path).pictures)
    assert [pair.reference for pair in bucket.pairs(Tree.REVIEWED)] == [pair.reference for pair in pairs]


def test_what_was_imported_can_be_learned_from(bucket: DatasetBucket, tmp_path: Path) -> None:
    for number in range(8):
        turned = picture(0).rotate(40 * number)
        own(tmp_path / "own", f"{number}.png", content=encoded(turned, "PNG"))
    store(bucket, Tree.REVIEWED, scanned(tmp_path / "own").pictures)
    assert len(built(bucket, tmp_path / "d").items) == 8


def test_a_picture_that_a_training_may_have_learned_from_is_not_imported_as_golden(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    """Whatever it is called by then; of a build that was only looked at, too, for nobody knows who used it."""
    for number in range(8):
        own(tmp_path / "own", f"{number}.png", content=encoded(picture(0).rotate(40 * number), "PNG"))
    store(bucket, Tree.REVIEWED, scanned(tmp_path / "own").pictures)
    built(bucket, tmp_path / "d")
    publication.publish(bucket, tmp_path / "d")
    own(tmp_path / "exam", "exposed.png", content=encoded(picture(0), "PNG"))
    own(tmp_path / "exam", "fresh.png", content=encoded(picture(5), "PNG"))
    kept = without_exposed(bucket, scanned(tmp_path / "exam"), list_folder(tmp_path / "exam"))
    assert [one.path.name for one in kept.pictures] == ["fresh.png"]
    assert kept.invalid == ["images/exposed.png: a training may have learned from it, so it can't judge"]


def test_each_picture_is_its_own_burst_unless_folders_are_bursts(tmp_path: Path) -> None:
    for name in ("one/a.jpg", "one/b.jpg", "two/c.jpg"):
        own(tmp_path, name)
    assert {image_id_time(one.reference.image_id) for one in scanned(tmp_path).pictures} == {None}
    one, other, third = [
        image_id_time(one.reference.image_id) for one in scanned(tmp_path, burst_per_folder=True).pictures
    ]
    assert one == other != third
    assert one is not None
    assert third is not None
    assert abs((one - third).total_seconds()) >= 120
    assert one.year >= 6000


def test_what_is_stored_has_the_pictures_pixels_and_nothing_of_its_camera(
    bucket: DatasetBucket, tmp_path: Path
) -> None:
    data = own(tmp_path, "IMG_1.JPG", content=with_camera_metadata(picture(0)))
    store(bucket, Tree.REVIEWED, scanned(tmp_path).pictures)
    [pair] = bucket.pairs(Tree.REVIEWED)
    stored = bucket.image(pair) or b""
    assert metadata_of(stored) == set()
    assert np.array_equal(pixels(stored), pixels(data))


def test_a_phones_heic_is_imported_by_its_bytes_whatever_it_is_called(bucket: DatasetBucket, tmp_path: Path) -> None:
    own(tmp_path, "a.heic", content=GRADIENT)
    own(tmp_path, "b.HEIC", content=encoded(picture(1)))
    store(bucket, Tree.REVIEWED, scanned(tmp_path).pictures)
    assert sorted(pixels(bucket.image(pair) or b"").shape for pair in bucket.pairs(Tree.REVIEWED)) == [
        (48, 64, 3),
        (96, 121, 3),
    ]


def test_png_and_webp_become_jpeg(bucket: DatasetBucket, tmp_path: Path) -> None:
    clear = picture(0).convert("RGBA")
    clear.putalpha(0)
    own(tmp_path, "a.png", content=encoded(clear, "PNG"))
    own(tmp_path, "b.webp", content=encoded(picture(1), "WEBP"))
    own(tmp_path, "c.JPEG", content=encoded(picture(2).convert("CMYK")))
    store(bucket, Tree.GOLDEN, scanned(tmp_path).pictures)
    stored = {bucket.image(pair) or b"" for pair in bucket.pairs(Tree.GOLDEN)}
    assert {one[:3] for one in stored} == {b"\xff\xd8\xff"}
    assert len(stored) == 3
    (tmp_path / "white.jpg").write_bytes(max(stored, key=lambda one: one == min(stored, key=len)))
    with Image.open(tmp_path / "white.jpg") as white:
        assert (white.mode, white.getpixel((0, 0))) == ("RGB", (255, 255, 255))


def test_labels_may_lie_beside_the_picture_or_in_a_tree_beside_its_own(tmp_path: Path) -> None:
    (tmp_path / "split/images/deep").mkdir(parents=True)
    (tmp_path / "split/labels/deep").mkdir(parents=True)
    (tmp_path / "split/images/deep/a.jpg").write_bytes(encoded(picture(0)))
    (tmp_path / "split/labels/deep/a.txt").write_text("2 0.5 0.5 0.5 0.5\n\n")
    (tmp_path / "b.jpg").write_bytes(encoded(picture(1)))
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "._b.jpg").write_bytes(b"what a Mac leaves")
    assert [(one.path.name, one.label_file(LABELS)) for one in scanned(tmp_path).pictures] == [
        ("b.jpg", ""),
        ("a.jpg", "2 0.500000 0.500000 0.500000 0.500000\n"),
    ]


def test_each_invalid_picture_is_named_with_the_reason(tmp_path: Path) -> None:
    same = own(tmp_path, "0.jpg")
    own(tmp_path, "1.jpg", content=same, labels="")
    own(tmp_path, "2.jpg", labels=None)
    own(tmp_path, "3.jpg", labels="7 0.5 0.5 0.5 0.5")
    own(tmp_path, "4.jpg", labels="0 0.5 0.5 0.5 1.5")
    own(tmp_path, "5.jpg", labels="0 0.1 0.1 0.2 0.1 0.2 0.3")
    own(tmp_path, "9.jpg", labels="0 0.5 0.5 0.4 0.4\n1 0.5 0.5 0.4 0.4\n")
    own(tmp_path, "6.jpg", content=turned_by_exif(picture(0), 6))
    own(tmp_path, "7.jpg", content=encoded(picture(0))[:500])
    own(tmp_path, "8.jpg", content=encoded(picture(0), "GIF"))
    own(tmp_path, "a.jpg", content=cut(jpeg(), 0.6, end=True))
    folder = scanned(tmp_path)
    assert [one.path.name for one in folder.pictures] == ["0.jpg"]
    expected = [
        "images/1.jpg: the same picture as images/0.jpg, with other labels",
        "images/2.jpg: the label file is missing; a picture without people needs an empty one",
        "images/3.jpg: line 1 of its labels is of class '7', which has no name",
        "images/4.jpg: line 1 is '0 0.5 0.5 0.5 1.5': a box leaves the picture",
        "images/5.jpg: line 1 is an outline of points",
        "images/6.jpg: EXIF turns it",
        "images/7.jpg: the file is truncated",
        "images/8.jpg: the file is not a JPEG, PNG or WebP",
        "images/9.jpg: the same box is labelled elder_male and elder_female",
        "images/a.jpg: the file is truncated",
    ]
    assert [one[: len(start)] for one, start in zip(folder.invalid, expected, strict=True)] == expected


def test_a_folder_without_pictures_and_a_bad_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="holds no picture"):
        scanned(tmp_path)
    with pytest.raises(InvalidName):
        scan_folder(list_folder(tmp_path), ClassMeaning(LABELS, {}), kiosk="My Kiosk")


def test_a_picture_that_changes_meanwhile_is_not_stored(bucket: DatasetBucket, tmp_path: Path) -> None:
    own(tmp_path, "a.jpg")
    folder = scanned(tmp_path)
    own(tmp_path, "a.jpg")
    with pytest.raises(InvalidDataset, match=r"a\.jpg changed while it was imported"):
        store(bucket, Tree.REVIEWED, folder.pictures)
    assert bucket.keys("") == []


def test_a_picture_that_is_there_twice_is_imported_once(tmp_path: Path) -> None:
    own(tmp_path, "b.jpg", content=own(tmp_path, "a.jpg"))
    folder = scanned(tmp_path)
    assert [one.path.name for one in folder.pictures] == ["a.jpg"]
    assert (folder.invalid, folder.copies) == ([], ("images/b.jpg, of images/a.jpg",))


@pytest.mark.parametrize("names", [("a.jpg", "a.png"), ("a.jpg", "a.JPG"), ("a.webp", "a.jpeg")])
def test_two_pictures_that_share_a_label_file_are_invalid(tmp_path: Path, names: tuple[str, str]) -> None:
    """Nothing says whose labels they are."""
    for name in names:
        own(tmp_path, name)
    folder = scanned(tmp_path)
    assert folder.pictures == []
    assert [one.partition(";")[0] for one in folder.invalid] == [
        f"images/{name}: labels/a.txt is also the label file of images/{other}"
        for name, other in (sorted(names), sorted(names, reverse=True))
    ]


def test_two_label_files_of_a_picture_must_agree(tmp_path: Path) -> None:
    """One beside it and one under labels/, or `.txt` and `.TXT`."""
    for name, other in (("a", "images/a.txt"), ("b", "labels/b.TXT"), ("c", "images/c.txt")):
        own(tmp_path, f"{name}.jpg", labels="0 0.5 0.5 0.4 0.4\n")
        (tmp_path / other).write_text(f"{int(name != 'c')} 0.5 0.5 0.4 0.4\n")
    folder = scanned(tmp_path)
    assert [one.path.name for one in folder.pictures] == ["c.jpg"]
    assert [one.partition(";")[0] for one in folder.invalid] == [
        "images/a.jpg: labels/a.txt and images/a.txt hold different labels of it",
        "images/b.jpg: labels/b.TXT and labels/b.txt hold different labels of it",
    ]


@pytest.mark.parametrize("name", ["a.txt", "a.TXT", "a.Txt"])
@pytest.mark.parametrize(
    "content",
    [
        b"0 0.5 0.5 0.4 0.4\n",
        b"\xef\xbb\xbf0 0.5 0.5 0.4 0.4\r\n",
        "0 0.5 0.5 0.4 0.4\r\n".encode("utf-16"),
        b"0.0\t0.5\t0.5\t0.4\t0.4  ",
        b"0 0.5 0.5 0.4 0.4\n0 0.5 0.5 0.4 0.4\n",
    ],
)
def test_the_forms_of_a_label_file_are_read_alike(tmp_path: Path, name: str, content: bytes) -> None:
    own(tmp_path, "a.jpg", labels=None)
    (tmp_path / "images" / name).write_bytes(content)
    [one] = scanned(tmp_path).pictures
    assert one.label_file(LABELS) == "0 0.500000 0.500000 0.400000 0.400000\n"


def test_a_label_file_that_is_no_text_is_invalid(tmp_path: Path) -> None:
    own(tmp_path, "a.jpg", labels=None)
    (tmp_path / "images" / "a.txt").write_bytes(b"\xff\xd8\xff")
    assert scanned(tmp_path).invalid == ["images/a.jpg: a.txt: it is not text in UTF-8 or UTF-16; save it as UTF-8"]


def test_folders_may_be_called_in_capitals(tmp_path: Path) -> None:
    """As on systems that don't tell them apart."""
    own(tmp_path, "a.jpg")
    (tmp_path / "images").rename(tmp_path / "Images")
    (tmp_path / "labels").rename(tmp_path / "LABELS")
    assert [one.path.name for one in scanned(tmp_path).pictures] == ["a.jpg"]
