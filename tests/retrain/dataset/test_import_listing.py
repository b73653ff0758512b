"""What an import of a folder did not look at is told, by kind, with counts and first names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recipes.kiosk.labels import LABELS
from retrain.dataset.yolo_import.class_names import classes_in
from retrain.dataset.yolo_import.folder import scan_folder
from retrain.dataset.yolo_import.listing import list_folder
from retrain.dataset.yolo_import.summary import ImportedFolder
from retrain.errors import InvalidDataset
from tests.pictures import encoded, gradient

ROW = "0 0.5 0.5 0.4 0.4\n"


def own(folder: Path, *names: str, row: str = ROW) -> Path:
    """A folder with a picture and a label file for each name."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / "images" / f"{name}.jpg").write_bytes(encoded(gradient(100 + number, 96)))
        (folder / "labels" / f"{name}.txt").write_text(row)
    return folder


def imported(folder: Path) -> ImportedFolder:
    listing = list_folder(folder)
    classes = classes_in(listing, classes=LABELS)
    return ImportedFolder(listing, classes, scan_folder(listing, classes, kiosk="mine"))


def unread(folder: Path) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = imported(folder).to_fields()["not_read"]
    return told


def test_nothing_is_told_of_a_folder_that_was_read_whole(tmp_path: Path) -> None:
    own(tmp_path, "a", "b")
    (tmp_path / "data.yaml").write_text("names: [elder_male]\ntrain: images\nval: ./images\ntest: ../images\n")
    (tmp_path / "train.txt").write_text("data/images/a.jpg\ndata/images/b.jpg\n")
    whole = imported(tmp_path)
    assert whole.lines() == []
    assert whole.to_fields() == {
        "pictures": 2,
        "left_out": 0,
        "people": {"elder_male": 2, "elder_female": 0, "adult_male": 0, "adult_female": 0},
        "classes": {"from": ["data.yaml"], "labels": {"0": "elder_male"}, "left_out": []},
        "doubled_boxes": 0,
        "boxes_left_out": {},
        "copies": 0,
        "not_read": [],
    }


@pytest.mark.parametrize("suffix", [".bmp", ".BMP", ".tif", ".gif", ".avif", ".dng"])
def test_pictures_in_another_format_are_told_with_their_labels(tmp_path: Path, suffix: str) -> None:
    own(tmp_path, "a")
    (tmp_path / f"images/b{suffix}").write_bytes(b"picture")
    (tmp_path / "labels/b.txt").write_text(ROW)
    assert unread(tmp_path) == [
        {"kind": "orphan_labels", "count": 1, "first": ["labels/b.txt"]},
        {"kind": "other_pictures", "count": 1, "first": [f"images/b{suffix}"]},
    ]
    assert (
        f"{suffix.lower()} pictures, not read; convert them to JPEG or PNG: 1 (images/b{suffix})"
        in imported(tmp_path).lines()
    )


def test_label_files_without_a_picture_are_told(tmp_path: Path) -> None:
    """The first three by name; a text that is no label file is another file."""
    own(tmp_path, "a")
    for name in "bcde":
        (tmp_path / f"labels/{name}.txt").write_text(ROW)
    (tmp_path / "labels/empty.TXT").write_text("")
    (tmp_path / "README.txt").write_text("5 people have drawn these boxes")
    assert unread(tmp_path) == [
        {"kind": "orphan_labels", "count": 5, "first": ["labels/b.txt", "labels/c.txt", "labels/d.txt"]},
        {"kind": "other_files", "count": 1, "first": ["README.txt"]},
    ]
    assert imported(tmp_path).lines()[0] == (
        "label files without a picture: 5 (labels/b.txt, labels/c.txt, labels/d.txt and 2 more)"
    )


def test_links_are_told(tmp_path: Path) -> None:
    """A linked file is read; a linked folder is not, or a circle would never end."""
    folder = own(tmp_path / "mine", "a")
    elsewhere = own(tmp_path / "elsewhere", "b")
    (folder / "more").symlink_to(elsewhere)
    (folder / "circle").symlink_to(folder)
    (folder / "images/c.jpg").symlink_to(elsewhere / "images/b.jpg")
    (folder / "labels/c.txt").symlink_to(elsewhere / "labels/b.txt")
    (folder / "images/d.jpg").symlink_to(tmp_path / "gone.jpg")
    fields = imported(folder).to_fields()
    assert (fields["pictures"], fields["copies"]) == (1, 1)
    assert fields["not_read"] == [
        {"kind": "linked_folders", "count": 2, "first": ["circle", "more"]},
        {"kind": "broken_links", "count": 1, "first": ["images/d.jpg"]},
        {"kind": "linked_files", "count": 2, "first": ["images/c.jpg", "labels/c.txt"]},
    ]


@pytest.mark.parametrize(("linked", "other"), [("images", "labels"), ("labels", "images")])
def test_a_linked_folder_explains_what_is_missing(tmp_path: Path, linked: str, other: str) -> None:
    """The refusal names it, whichever of the two is the link."""
    real = own(tmp_path / "real", "a")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / linked).symlink_to(real / linked)
    (real / other).rename(folder / other)
    told = f"linked folders, not followed: 1 ({linked})"
    if linked == "images":
        with pytest.raises(InvalidDataset) as refused:
            imported(folder)
        assert "holds no picture" in str(refused.value)
        assert told in str(refused.value)
        return
    scanned = imported(folder)
    assert [reason.partition(";")[0] for reason in scanned.scanned.invalid] == [
        "images/a.jpg: the label file is missing"
    ]
    assert told in scanned.lines()


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("train: train/images\nval: images\n", ["data.yaml: train: train/images"]),
        ("train: ../train/images\nval: ../images\n", ["data.yaml: train: ../train/images"]),
        ("path: /nowhere\ntrain: gone\nval: images\n", ["data.yaml: train: gone"]),
        ("train: [images, gone]\nval: list.txt\n", ["data.yaml: train: gone", "data.yaml: val: list.txt"]),
        ("train: /etc\n", ["data.yaml: train: /etc"]),
        ("train: https://example.com/x.zip\n", ["data.yaml: train: https://example.com/x.zip"]),
        ("train: images\ntest:\n", []),
    ],
)
def test_paths_of_a_data_yaml_that_lead_nowhere_are_told(tmp_path: Path, text: str, missing: list[str]) -> None:
    own(tmp_path, "a")
    (tmp_path / "data.yaml").write_text(f"names: [elder_male]\n{text}")
    told = [{"kind": "missing_folders", "count": len(missing), "first": missing}] if missing else []
    assert unread(tmp_path) == told


def test_pictures_of_a_list_that_are_missing_are_told(tmp_path: Path) -> None:
    own(tmp_path, "a")
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.jpg\r\nC:\\old\\b.jpg\r\n")
    assert unread(tmp_path) == [
        {"kind": "missing_pictures", "count": 1, "first": ["train.txt: C:\\old\\b.jpg"]},
    ]


def test_hidden_files_are_told(tmp_path: Path) -> None:
    own(tmp_path, "a")
    for name in (".DS_Store", "images/._a.jpg"):
        (tmp_path / name).write_bytes(b"what a Mac leaves")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "b.jpg").write_bytes(b"as well")
    assert unread(tmp_path) == [
        {"kind": "hidden_files", "count": 3, "first": [".DS_Store", "__MACOSX", "images/._a.jpg"]}
    ]


def test_boxes_that_stand_twice_and_copies_are_told(tmp_path: Path) -> None:
    own(tmp_path, "a", row=2 * ROW)
    (tmp_path / "images/b.jpg").write_bytes((tmp_path / "images/a.jpg").read_bytes())
    (tmp_path / "labels/b.txt").write_text(ROW)
    whole = imported(tmp_path)
    assert (whole.to_fields()["doubled_boxes"], whole.to_fields()["copies"]) == (1, 1)
    assert whole.lines() == [
        "boxes that stand twice with the same label, counted once: 1",
        "copies of pictures, imported once: 1 (images/b.jpg, of images/a.jpg)",
    ]


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "export.zip").write_bytes(b"PK")
    with pytest.raises(InvalidDataset, match=r"export\.zip is a file; nothing was imported"):
        list_folder(tmp_path / "export.zip")
    with pytest.raises(InvalidDataset, match="gone does not exist; nothing was imported"):
        list_folder(tmp_path / "gone")


def test_a_name_that_is_no_text_is_shown(tmp_path: Path) -> None:
    """Linux allows any bytes in a name, and a terminal does not."""
    own(tmp_path, "a")
    (tmp_path / "images" / b"caf\xe9.bmp".decode(errors="surrogateescape")).write_bytes(b"picture")
    assert unread(tmp_path) == [{"kind": "other_pictures", "count": 1, "first": ["images/caf\ufffd.bmp"]}]
