"""The folder of a dataset, as YOLO tools read it.

data.yaml                       names the classes and the splits; has no `path:`, so the folder may be moved
train.txt                       ./images/train/<stem>.jpg, each line repeated by the photo's weight
images/{train,val,golden}/      <stem>.jpg, the same bytes as in the bucket
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

from contracts.classes import Classes
from contracts.names import Reference
from contracts.private_folder import GITIGNORE, make_private
from retrain.bucket import DatasetBucket, in_threads, stem
from retrain.dataset.manifest import MANIFEST, Item
from retrain.dataset.photos import Split
from retrain.errors import InvalidDataset
from retrain.progress import Say

INDEX: Final = "index.html"
SHEETS: Final = "sheets"
_MARK: Final = ".nunchi-dataset"  # a folder of other pictures in the same layout lacks it, and is never emptied
_WRITTEN_HERE: Final = frozenset(
    {_MARK, GITIGNORE, "data.yaml", "train.txt", "images", "labels", MANIFEST, INDEX, SHEETS}
)
# What file managers leave in any folder that a person opens.
_LITTER: Final = frozenset({".ds_store", "thumbs.db", "desktop.ini", ".directory", ".localized"})
# Bytes beside the pictures: a block for each label file; the sheets, caches and a training's plots.
_PER_PHOTO: Final = 8192
_EXTRA: Final = 64 << 20


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def is_litter(path: Path) -> bool:
    """Whether a file manager made the file, as `.DS_Store` or `Thumbs.db`: it says nothing about the folder."""
    return path.name.lower() in _LITTER or path.name.startswith("._")


def prepare(folder: Path) -> None:
    """Create the folder, or empty that of an earlier build. InvalidDataset when it holds anything else."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InvalidDataset(f"{folder} is not a folder; nothing was built. Name a new one")
    if folder.exists():
        names = {path.name for path in folder.iterdir() if not is_litter(path)}
        others = sorted(names - _WRITTEN_HERE if _MARK in names else names)
        if others:
            raise InvalidDataset(
                f"{folder} holds {', '.join(others[:3])}, which is not part of a dataset; nothing was changed. Name a "
                "new folder"
            )
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    with room_for(folder):
        make_private(folder)
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
    classes: Classes,
    free: Callable[[Path], int] = _free,
) -> dict[Reference, str]:
    """Write each item's JPEG from the bucket, and its labels. Returns the lost photos, each with the reason.

    A photo is lost, and not written, when it was deleted or its digest is not the item's.
    """
    need = sum(item.bytes + _PER_PHOTO for item in items) + _EXTRA if items else 0

    def write(item: Item) -> str | None:
        jpeg = bucket.get(item.reference.pair_keys(item.source)[0])
        if jpeg is None:
            return "has gone"
        if hashlib.sha256(jpeg).hexdigest() != item.sha256:
            return "has changed"
        image_path(folder, item).write_bytes(jpeg)
        labels_path(folder, item).write_text(item.label_file(classes))
        return None

    lost = {}
    with room_for(folder, need, free), in_threads(write, items) as results:
        for done, (item, reason) in enumerate(zip(items, results, strict=True), start=1):
            if reason is not None:
                lost[item.reference] = reason
            say(done, len(items), "photos stored")
    return lost


def remove(folder: Path, items: Iterable[Item]) -> None:
    """Delete the pictures and label files of these items."""
    for item in items:
        image_path(folder, item).unlink()
        labels_path(folder, item).unlink()


def write_lists(folder: Path, items: Sequence[Item], classes: Classes) -> None:
    """Write `data.yaml` and `train.txt`, so that YOLO tools can read the folder."""
    lines = [
        f"./images/train/{stem(item.reference)}.jpg\n" * item.weight for item in items if item.split is Split.TRAIN
    ]
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(classes))
    with room_for(folder):
        (folder / "train.txt").write_text("".join(lines))
        (folder / "data.yaml").write_text(
            "# Splits beside this file. `test` is the golden set: for judging, never for training.\n"
            f"train: train.txt\nval: images/{Split.VAL}\ntest: images/{Split.GOLDEN}\nnames:\n{names}"
        )


@contextmanager
def room_for(folder: Path, need: int = 0, free: Callable[[Path], int] = _free) -> Generator[None, None, None]:
    """InvalidDataset when fewer than `need` bytes are free before the block, or the disk is full while it writes."""
    if need and (available := free(folder)) < need:
        raise InvalidDataset(
            f"the dataset needs {_megabytes(need)}, and there are {_megabytes(available)} free at {folder}; no picture "
            "was written. Make room, or name a folder on another disk"
        )
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        needed = f"; the dataset needs {_megabytes(need)}" if need else ""
        raise InvalidDataset(
            f"the disk is full at {folder}{needed}; the dataset is not complete, and nothing was published. Make room, "
            "or name a folder on another disk"
        ) from error


def _megabytes(count: int) -> str:
    return f"{-(-count // 1_000_000):,} MB"
