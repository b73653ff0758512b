"""A build in the bucket, and back in a folder; and what happens when the disk is full."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import ContractError
from recipes.kiosk.labels import LABELS
from retrain.bucket import DatasetBucket, Tree, stem
from retrain.dataset.layout import prepare, room_for, write_pictures
from retrain.dataset.publication import builds, fetch, find, load, publish
from retrain.errors import InvalidDataset
from tests.retrain.dataset.shop import built, empty_bucket, fill, photo_id, put


@pytest.fixture
def bucket() -> Iterator[DatasetBucket]:
    with empty_bucket() as bucket:
        fill(bucket, 6)
        fill(bucket, 2, tree=Tree.GOLDEN, kiosk="k2")
        yield bucket


def differences(compared: filecmp.dircmp[str]) -> list[str]:
    own = [*compared.left_only, *compared.right_only, *compared.diff_files]
    return own + [one for sub in compared.subdirs.values() for one in differences(sub)]


def test_a_build_is_fetched_as_it_was_built(bucket: DatasetBucket, tmp_path: Path) -> None:
    """To the byte, its page and its sheets included."""
    manifest = built(bucket, tmp_path / "here", sheet_photos=4)
    assert publish(bucket, tmp_path / "here") == manifest
    assert fetch(bucket, "b1", tmp_path / "there") == manifest
    assert differences(filecmp.dircmp(tmp_path / "here", tmp_path / "there")) == []
    assert builds(bucket) == ["b1"]
    assert load(bucket, "b1") == find(bucket, "b1") == manifest


def test_pictures_are_not_stored_twice(bucket: DatasetBucket, tmp_path: Path) -> None:
    built(bucket, tmp_path)
    before = bucket.keys("")
    publish(bucket, tmp_path)
    assert sorted(set(bucket.keys("")) - set(before)) == ["builds/b1/index.html", "builds/b1/manifest.json"]


def test_a_build_never_changes(bucket: DatasetBucket, tmp_path: Path) -> None:
    first = built(bucket, tmp_path)
    publish(bucket, tmp_path)
    built(bucket, tmp_path)
    assert publish(bucket, tmp_path) == first
    put(bucket, photo_id(99_999))
    built(bucket, tmp_path)
    with pytest.raises(InvalidDataset, match="build b1 is in s3://dataset with other photos or labels"):
        publish(bucket, tmp_path)
    assert find(bucket, "b1") == first


def test_a_page_without_a_manifest_is_no_build(bucket: DatasetBucket, tmp_path: Path) -> None:
    """As a publication leaves it that was cut off; the next one goes through."""
    bucket.put("builds/b1/index.html", b"half", "text/html")
    assert (builds(bucket), find(bucket, "b1")) == ([], None)
    with pytest.raises(InvalidDataset, match="there is no build b1 in s3://dataset; see them all: nunchi dataset show"):
        fetch(bucket, "b1", tmp_path / "d")
    built(bucket, tmp_path / "d")
    publish(bucket, tmp_path / "d")
    assert bucket.get("builds/b1/index.html") == (tmp_path / "d/index.html").read_bytes()


def test_photos_that_have_gone_or_changed_are_named(bucket: DatasetBucket, tmp_path: Path) -> None:
    manifest = built(bucket, tmp_path / "d", val_share=0)
    publish(bucket, tmp_path / "d")
    gone, changed = (item.reference for item in manifest.items[:2])
    bucket._s3.delete_object(Bucket="dataset", Key=gone.pair_keys("auto")[0])
    bucket.put(changed.pair_keys("auto")[0], b"other", "image/jpeg")
    with pytest.raises(InvalidDataset) as refused:
        fetch(bucket, "b1", tmp_path / "e")
    assert str(refused.value) == (
        f"of build b1, {gone} has gone, {changed} has changed; the folder {tmp_path / 'e'} is not that build. Build it "
        "anew, or do without them: nunchi dataset fetch --missing-ok"
    )
    assert not (tmp_path / "e/manifest.json").exists()
    assert fetch(bucket, "b1", tmp_path / "e", missing_ok=True) == manifest
    assert len(list((tmp_path / "e").glob("*/train/*"))) == 8
    assert stem(gone) not in (tmp_path / "e/train.txt").read_text()


def test_labels_are_those_of_the_build_whatever_became_of_them(bucket: DatasetBucket, tmp_path: Path) -> None:
    manifest = built(bucket, tmp_path / "d", val_share=0)
    publish(bucket, tmp_path / "d")
    item = manifest.items[0]
    bucket.put(item.reference.pair_keys("auto")[1], b"", "text/plain")
    fetch(bucket, "b1", tmp_path / "e")
    assert (tmp_path / f"e/labels/train/{stem(item.reference)}.txt").read_text() == item.label_file(LABELS) != ""


@pytest.mark.parametrize("build", ["", "../b1", "B 1", "b1/manifest.json"])
def test_what_can_t_be_a_build_s_id_names_no_key(bucket: DatasetBucket, tmp_path: Path, build: str) -> None:
    with pytest.raises(ContractError):
        fetch(bucket, build, tmp_path / "d")


def test_a_dataset_that_does_not_fit_is_not_begun(bucket: DatasetBucket, tmp_path: Path) -> None:
    manifest = built(bucket, tmp_path / "d")
    prepare(tmp_path / "e")
    with pytest.raises(InvalidDataset) as refused:
        write_pictures(
            bucket, manifest.items, tmp_path / "e", lambda *_: None, free=lambda _: 3_000_000, classes=LABELS
        )
    assert str(refused.value) == (
        f"the dataset needs 68 MB, and there are 3 MB free at {tmp_path / 'e'}; no picture was written. Make room, or "
        "name a folder on another disk"
    )
    assert not list((tmp_path / "e").glob("images/*/*"))


def test_a_disk_that_fills_meanwhile_is_told_as_that(tmp_path: Path) -> None:
    """/dev/full answers every write as a full disk does."""
    with pytest.raises(InvalidDataset) as refused, room_for(tmp_path, 5_000_000, lambda _: 6_000_000):
        Path("/dev/full").write_text("a label")
    assert str(refused.value) == (
        f"the disk is full at {tmp_path}; the dataset needs 5 MB; the dataset is not complete, and nothing was "
        "published. Make room, or name a folder on another disk"
    )


def test_another_fault_of_the_disk_is_told_as_itself(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), room_for(tmp_path, 0):
        (tmp_path / "no/such").write_text("a label")
