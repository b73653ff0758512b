"""The folder of a dataset, as YOLO tools read it.

data.yaml                       names the classes and the splits; has no `path:`, so the folder may be moved
train.txt                       ./images/train/<stem>.jpg, a line repeated as often as its weight says
images/{train,val,golden}/      <stem>.jpg, the bytes that the bucket has
labels/{train,val,golden}/      <stem>.txt
"""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from contracts.labels import LABELS
from retrain.bucket import DatasetBucket, stem
from retrain.dataset.manifest import MANIFEST, Item
from retrain.dataset.photos import Split
from retrain.dataset.reading import Say, in_threads
from retrain.errors import InvalidDataset

INDEX: Final = "index.html"
SHEETS: Final = "sheets"
_MARK: Final = ".nunchi-dataset"  # somebody's own pictures in the same layout don't have it, and are never emptied
_OURS: Final = frozenset({_MARK, "data.yaml", "train.txt", "images", "labels", MANIFEST, INDEX, SHEETS})
# Beside the pictures: a block for each label file, the sheets, and what caches and a training's plots take.
_PER_PHOTO: Final = 8192
_BESIDE: Final = 64 << 20


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def prepare(folder: Path) -> None:
    """Make the folder, empty. One that was made here is emptied; InvalidDataset when it holds anything else."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InvalidDataset(f"{folder} is no folder; nothing was built. Name a new one")
    if folder.exists():
        there = {path.name for path in folder.iterdir()}
        others = sorted(there - _OURS if _MARK in there else there)
        if others:
            raise InvalidDataset(
                f"{folder} holds {', '.join(others[:3])}, which no build put there; nothing was touched. Name a new "
                "folder"
            )
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    with room_for(folder, 0):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARK).write_text("made by nunchi: a build into this folder empties it first\n")
        for split in Split:
            for kind in ("images", "labels"):
                (folder / kind / split).mkdir(parents=True)


def image_path(folder: Path, item: Item) -> Path:
    return folder / "images" / item.split / f"{stem(item.reference)}.jpg"


def labels_path(folder: Path, item: Item) -> Path:
    return folder / "labels" / item.split / f"{stem(item.reference)}.txt"


def write_pictures(
    bucket: DatasetBucket,
    items: Sequence[Item],
    folder: Path,
    say: Say,
    *,
    free: Callable[[Path], int] = _free,
) -> dict[str, str]:
    """Each item's JPEG, from the bucket, and its labels, from the item; which were lost, by photo, and how.

    Lost are photos that have gone, or have other bytes than the item says: nothing of theirs is written.
    """
    need = sum(item.bytes + _PER_PHOTO for item in items) + _BESIDE if items else 0

    def write(item: Item) -> str | None:
        jpeg = bucket.get(item.reference.pair_keys(item.source)[0])
        if jpeg is None:
            return "has gone"
        if hashlib.sha256(jpeg).hexdigest() != item.sha256:
            return "has changed"
        image_path(folder, item).write_bytes(jpeg)
        labels_path(folder, item).write_text(item.labels)
        return None

    lost = {}
    with room_for(folder, need, free), in_threads(write, items) as results:
        for done, (item, how) in enumerate(zip(items, results, strict=True), start=1):
            if how is not None:
                lost[str(item.reference)] = how
            say(done, len(items), "photos stored")
    return lost


def remove(folder: Path, items: Iterable[Item]) -> None:
    """Take pictures and labels out again."""
    for item in items:
        image_path(folder, item).unlink()
        labels_path(folder, item).unlink()


def write_lists(folder: Path, items: Sequence[Item]) -> None:
    """`data.yaml` and `train.txt`: from here on, YOLO tools can read the folder."""
    lines = [
        f"./images/train/{stem(item.reference)}.jpg\n" * item.weight for item in items if item.split is Split.TRAIN
    ]
    names = "".join(f"  {label.yolo_class}: {label}\n" for label in LABELS)
    with room_for(folder, 0):
        (folder / "train.txt").write_text("".join(lines))
        (folder / "data.yaml").write_text(
            "# Splits beside this file. `test` is the golden set: for judging, never for training.\n"
            f"train: train.txt\nval: images/{Split.VAL}\ntest: images/{Split.GOLDEN}\nnames:\n{names}"
        )


@contextmanager
def room_for(folder: Path, need: int, free: Callable[[Path], int] = _free) -> Generator[None, None, None]:
    """InvalidDataset when the disk has no `need` bytes for what the block writes, or when it is full all the same."""
    if need and (there := free(folder)) < need:
        raise InvalidDataset(
            f"the dataset needs {_megabytes(need)}, and there are {_megabytes(there)} free at {folder}; no picture was "
            "written. Make room, or name a folder on another disk"
        )
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        wanted = f"; the dataset needs {_megabytes(need)}" if need else ""
        raise InvalidDataset(
            f"the disk is full at {folder}{wanted}; the dataset is not whole, and nothing was published. Make room, or "
            "name a folder on another disk"
        ) from error


def _megabytes(count: int) -> str:
    return f"{-(-count // 1_000_000):,} MB"
