"""A build, from the bucket to a folder. Read it from top to bottom: it is the order in which photos are left out.

The same objects, settings and earlier dataset give the same digest, in whatever order they are listed and read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from contracts.instants import from_text, to_text
from contracts.names import Reference
from contracts.weights import check_run_id
from contracts.yolo import format_labels, parse_labels
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset import layout
from retrain.dataset.balance import choose_train, choose_val
from retrain.dataset.gather import gather
from retrain.dataset.manifest import MANIFEST, DatasetManifest, Item
from retrain.dataset.photos import DatasetPhoto, Excluded, ExclusionReason, Split
from retrain.dataset.reading import Say, silent
from retrain.dataset.report.page import write_page
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.splits import splits
from retrain.dataset.vetting.duplicates import without_duplicates
from retrain.dataset.vetting.label_errors import contradiction
from retrain.dataset.vetting.preconditions import warnings_of
from retrain.judge.predictions import Predict


def build(
    bucket: DatasetBucket,
    folder: Path,
    *,
    build: str,
    settings: DatasetSettings,
    earlier: DatasetManifest | None,
    predict: Predict | None,
    at: datetime,
    say: Say = silent,
) -> DatasetManifest:
    """Build the dataset `build` in `folder`, which is made, or emptied if it holds an earlier one.

    `earlier` is what the incumbent learned from: photos that are not in it are new, others are replayed. `predict` is
    the teacher, who looks for wrong labels; without one, nobody does. `say(done, of, what)` is called for each photo.

    InvalidDataset when the folder holds something else, or the disk is full. A photo that is broken is left out.
    """
    check_run_id(build)
    layout.prepare(folder)
    gathered = gather(bucket, say)
    split_of = splits(
        gathered.listed,
        apart_s=settings.moment_seconds,
        val_share=settings.val_share,
        seed=settings.seed,
        earlier={item.reference: item.split for item in earlier.items} if earlier else {},
    )
    left_out = gathered.left_out

    def leave_out(photo: DatasetPhoto | Item, why: ExclusionReason, detail: str = "") -> None:
        left_out.append(Excluded(photo.reference, photo.source, why, detail))

    usable = []
    for photo in gathered.photos:
        if split_of[photo.reference] is Split.GOLDEN and photo.source is not Tree.GOLDEN:
            leave_out(photo, ExclusionReason.MOMENT_OF_GOLDEN)
        elif photo.odd and photo.source is Tree.AUTO:
            leave_out(photo, ExclusionReason.OUTLIER, photo.odd)
        else:
            usable.append(photo)

    usable, near = without_duplicates(usable, near_bits=settings.near_bits)
    for photo, kept in near:
        leave_out(photo, ExclusionReason.DUPLICATE, f"of {kept.reference}")

    new = frozenset(photo.reference for photo in usable) - _seen(usable, earlier)
    of = {split: [photo for photo in usable if split_of[photo.reference] is split] for split in Split}
    val_room = round(settings.val_share * settings.most_images)
    train, dropped_train = choose_train(of[Split.TRAIN], new, settings, room=settings.most_images - val_room)
    val, dropped_val = choose_val(of[Split.VAL], settings, room=val_room)
    for photo, why in dropped_train + dropped_val:
        leave_out(photo, why)

    checked = {photo.reference for photo in train if photo.source is Tree.REVIEWED}
    items = [
        Item(
            reference=photo.reference,
            split=split_of[photo.reference],
            source=photo.source,
            weight=settings.reviewed_weight if photo.reference in checked else 1,
            new=photo.reference in new,
            sha256=photo.sha256,
            bytes=photo.bytes,
            labels=format_labels(photo.people),
            phash=photo.phash,
            suspect=photo.odd,
        )
        for photo in sorted([*train, *val, *of[Split.GOLDEN]], key=lambda photo: photo.reference)
    ]
    lost = layout.write_pictures(bucket, items, folder, say)
    for item in items:
        if str(item.reference) in lost:
            leave_out(item, ExclusionReason.GONE, lost[str(item.reference)])
    items = [item for item in items if str(item.reference) not in lost]

    items = _looked_over(items, folder, predict, settings, say)
    out = [item for item in items if item.suspect and item.source is Tree.AUTO]
    items = [item for item in items if not (item.suspect and item.source is Tree.AUTO)]
    for item in out:
        leave_out(item, ExclusionReason.SUSPECT, item.suspect or "")

    manifest = DatasetManifest(
        build=build,
        made_at=from_text(to_text(at)),
        settings=settings.to_fields(),
        items=tuple(items),
        left_out=tuple(sorted(left_out, key=lambda one: one.reference)),
    )
    manifest = replace(manifest, warnings=warnings_of(manifest))
    with layout.room_for(folder, 0):
        write_page(folder, manifest, dropped=out, most=settings.sheet_photos)
        layout.remove(folder, out)
        layout.write_lists(folder, items)
        (folder / MANIFEST).write_text(manifest.to_json())
    return manifest


_UNREAD = frozenset({ExclusionReason.GONE, ExclusionReason.BAD_LABELS, ExclusionReason.UNREADABLE})


def _seen(photos: list[DatasetPhoto], earlier: DatasetManifest | None) -> frozenset[Reference]:
    """What the incumbent has seen, or was kept from: the same photo, labelled by the same. A person's look is news."""
    if earlier is None:
        return frozenset()
    items = {(item.reference, item.source): item.labels for item in earlier.items}
    left_out = {(one.reference, one.source) for one in earlier.left_out if one.why not in _UNREAD}
    return frozenset(
        photo.reference
        for photo in photos
        if (photo.reference, photo.source) in left_out
        or items.get((photo.reference, photo.source)) == format_labels(photo.people)
    )


def _looked_over(
    items: list[Item], folder: Path, predict: Predict | None, settings: DatasetSettings, say: Say
) -> list[Item]:
    """The items, marked where the teacher contradicts them. The golden set is the judge of teachers, too."""
    asked = [item for item in items if item.split is not Split.GOLDEN]
    if predict is None or not asked:
        return items
    say(0, len(asked), "photos looked over by the teacher")
    told = predict([layout.image_path(folder, item) for item in asked])
    looked = {}
    for item, prediction in zip(asked, told, strict=True):
        if prediction.error is not None:
            continue  # a teacher that says nothing contradicts nothing
        against = contradiction(parse_labels(item.labels), prediction.people, sure=settings.sure)
        looked[item.reference] = replace(item, suspect="; ".join(filter(None, (item.suspect, against))) or None)
    say(len(asked), len(asked), "photos looked over by the teacher")
    return [looked.get(item.reference, item) for item in items]
