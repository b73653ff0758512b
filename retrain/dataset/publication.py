"""Published datasets: the manifest and the page of a build in the bucket. The pictures stay in their trees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from contracts.names import BUILDS
from contracts.weights import check_run_id
from retrain.bucket import DatasetBucket
from retrain.dataset import layout
from retrain.dataset.manifest import MANIFEST, DatasetManifest
from retrain.errors import InvalidDataset
from retrain.progress import Say, silent

_SHEET: Final = re.compile(r"sheets/[a-z0-9_-]+\.jpg")


def build_key(build: str, path: str) -> str:
    """The key of a build's file; InvalidName or InvalidMessage when the id is invalid."""
    return f"{BUILDS}{check_run_id(build)}/{path}"


def publish(bucket: DatasetBucket, folder: Path) -> DatasetManifest:
    """Store the page and the manifest of the build in `folder`; the manifest is last, and is never overwritten.

    Idempotent. InvalidDataset when another dataset is stored under its id.
    """
    manifest = DatasetManifest.read(folder)
    stored = find(bucket, manifest.build)
    if stored is None:
        for sheet in sorted((folder / layout.SHEETS).glob("*.jpg")):
            key = build_key(manifest.build, f"{layout.SHEETS}/{sheet.name}")
            bucket.put(key, sheet.read_bytes(), "image/jpeg")
        page = (folder / layout.INDEX).read_bytes()
        bucket.put(build_key(manifest.build, layout.INDEX), page, "text/html; charset=utf-8")
        content = (folder / MANIFEST).read_bytes()
        if bucket.put_once(build_key(manifest.build, MANIFEST), content, "application/json"):
            return manifest
        stored = find(bucket, manifest.build)
    if stored is None or stored.digest != manifest.digest:
        raise InvalidDataset(
            f"build {manifest.build} is in s3://{bucket.name} with other photos or labels; builds never change, so "
            "this one was not stored. Build it anew under another id"
        )
    return stored


def find(bucket: DatasetBucket, build: str) -> DatasetManifest | None:
    """The manifest of a build; None when there is no such build."""
    key = build_key(build, MANIFEST)
    content = bucket.get(key)
    return None if content is None else DatasetManifest.from_json(content, f"s3://{bucket.name}/{key}")


def load(bucket: DatasetBucket, build: str) -> DatasetManifest:
    """The manifest of a build; InvalidDataset when there is no such build."""
    manifest = find(bucket, build)
    if manifest is None:
        raise InvalidDataset(f"there is no build {build} in s3://{bucket.name}; see them all: nunchi dataset show")
    return manifest


def builds(bucket: DatasetBucket) -> list[str]:
    """The ids of all published builds, in order. A build without a manifest is incomplete, and not listed."""
    suffix = f"/{MANIFEST}"
    return [key.removeprefix(BUILDS).removesuffix(suffix) for key in bucket.keys(BUILDS) if key.endswith(suffix)]


def fetch(
    bucket: DatasetBucket, build: str, folder: Path, *, missing_ok: bool = False, say: Say = silent
) -> DatasetManifest:
    """Write a build into a folder, each picture checked against its digest.

    InvalidDataset when there is no such build, or photos of it were deleted or changed. `missing_ok` does without those
    photos; the manifest still lists them.
    """
    manifest = load(bucket, build)
    layout.prepare(folder)
    lost = layout.write_pictures(bucket, manifest.items, folder, say, classes=manifest.classes)
    if lost and not missing_ok:
        named = ", ".join(f"{photo} {reason}" for photo, reason in sorted(lost.items())[:5])
        raise InvalidDataset(
            f"of build {build}, {named}{f' and {len(lost) - 5} more' if len(lost) > 5 else ''}; the folder {folder} is "
            "not that build. Build it anew, or do without them: nunchi dataset fetch --missing-ok"
        )
    layout.write_lists(folder, [item for item in manifest.items if item.reference not in lost], manifest.classes)
    prefix = build_key(build, "")
    for key in bucket.keys(prefix):
        path = key.removeprefix(prefix)
        content = bucket.get(key) if path == layout.INDEX or _SHEET.fullmatch(path) else None
        if content is not None:
            with layout.room_for(folder):
                (folder / path).parent.mkdir(exist_ok=True)
                (folder / path).write_bytes(content)
    with layout.room_for(folder):
        (folder / MANIFEST).write_text(manifest.to_json())
    return manifest
