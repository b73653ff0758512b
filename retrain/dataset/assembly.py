"""Assembly of a dataset, from the bucket to a folder: gather, select, store, vet, as photos are excluded.

The same objects, settings and earlier dataset give the same digest, in whatever order they are listed and read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from contracts.classes import Classes
from contracts.instants import from_text, to_text
from contracts.names import Reference
from contracts.weights import check_run_id
from contracts.yolo import format_labels
from recipes.detects import Detects
from retrain.bucket import DatasetBucket, Tree
from retrain.dataset import layout
from retrain.dataset.balance import choose_train, choose_val, supported_by_checks
from retrain.dataset.gather import Gathered, gather
from retrain.dataset.manifest import MANIFEST, DatasetManifest, Item
from retrain.dataset.photos import UNREAD, DatasetPhoto, Excluded, ExclusionReason, Split
from retrain.dataset.report.page import write_page
from retrain.dataset.settings import DatasetSettings
from retrain.dataset.splits import splits
from retrain.dataset.vetting.duplicates import without_duplicates
from retrain.dataset.vetting.label_errors import find_label_errors
from retrain.dataset.vetting.label_gates import label_gates
from retrain.dataset.vetting.preconditions import warnings_of
from retrain.judge.predictions import Predict
from retrain.progress import Say, silent
from retrain.review.confidences import Results, with_confidence

_VETTING: Final = "photos looked over by the teacher"


def build(
    bucket: DatasetBucket,
    folder: Path,
    *,
    build: str,
    settings: DatasetSettings,
    detects: Detects,
    earlier: DatasetManifest | None,
    predict: Predict | None,
    at: datetime,
    results: Results | None = None,
    say: Say = silent,
) -> DatasetManifest:
    """Build the dataset `build` in `folder`, which is created, or emptied if it holds an earlier one.

    `earlier`: the dataset of the incumbent; photos that are not in it are new, others are replayed. `predict`: the
    teacher that looks for label errors; None skips that. `results` have the confidences that a raised gate of a label
    needs; without them no auto-label passes one. `say(done, total, what)` is called for each photo.

    InvalidDataset when the folder holds anything else, or the disk is full. Invalid photos are excluded.
    """
    check_run_id(build)
    layout.prepare(folder)
    gathered = gather(bucket, say)
    gathered = taught(gathered, results, settings, detects.classes)
    selected, unselected = select(gathered, settings, detects, earlier)
    lost = layout.write_pictures(bucket, selected, folder, say, classes=detects.classes)  # those gone or changed since
    stored = [item for item in selected if item.reference not in lost]
    items, suspects = vet(stored, folder, predict, settings, rare=detects.rare, say=say)
    excluded = [
        *gathered.excluded,
        *unselected,
        *(_excluded(item, ExclusionReason.GONE, lost[item.reference]) for item in selected if item.reference in lost),
        *(_excluded(item, ExclusionReason.SUSPECT, item.label_error or "") for item in suspects),
    ]
    manifest = DatasetManifest(
        build=build,
        made_at=from_text(to_text(at)),
        classes=tuple(map(str, detects.classes)),
        settings=asdict(settings),
        items=tuple(items),
        excluded=tuple(sorted(excluded, key=lambda photo: photo.reference)),
    )
    manifest = replace(manifest, warnings=warnings_of(manifest))
    with layout.room_for(folder):
        write_page(folder, manifest, suspects=suspects, most=settings.sheet_photos, colours=detects.colours)
        layout.remove(folder, suspects)
        layout.write_lists(folder, items, manifest.classes)
        (folder / MANIFEST).write_text(manifest.to_json())
    return manifest


def taught(gathered: Gathered, results: Results | None, settings: DatasetSettings, classes: Classes) -> Gathered:
    """Without the auto photos that don't pass the gate of one of their labels."""
    gates = label_gates(gathered.notes.values(), settings.promise, classes)
    doubtful = [photo for photo in gathered.photos if photo.source is Tree.AUTO and photo.labels & gates.raised.keys()]
    decisions = results.of(photo.reference for photo in doubtful) if results else {}
    refused = {}
    for photo in doubtful:
        decision = decisions.get(photo.reference)
        known = decision.message.people if decision else ()
        if (why := gates.refusal(with_confidence(person, known) for person in photo.people)) is not None:
            refused[photo.reference] = _excluded(photo, ExclusionReason.BELOW_LABEL_GATE, why)
    photos = [photo for photo in gathered.photos if photo.reference not in refused]
    return replace(gathered, photos=photos, excluded=[*gathered.excluded, *refused.values()])


def select(
    gathered: Gathered, settings: DatasetSettings, detects: Detects, earlier: DatasetManifest | None
) -> tuple[list[Item], list[Excluded]]:
    """The photos of each split, and the excluded ones: leakage, outliers, duplicates, then what is over the limits."""
    split_of = splits(
        gathered.listed,
        apart_s=settings.moment_seconds,
        val_share=settings.val_share,
        seed=settings.seed,
        earlier={item.reference: item.split for item in earlier.items} if earlier else {},
    )
    excluded = []
    usable = []
    for photo in gathered.photos:
        if split_of[photo.reference] is Split.GOLDEN and photo.source is not Tree.GOLDEN:
            excluded.append(_excluded(photo, ExclusionReason.MOMENT_OF_GOLDEN))
        elif photo.label_error and photo.source is Tree.AUTO:
            excluded.append(_excluded(photo, ExclusionReason.OUTLIER, photo.label_error))
        else:
            usable.append(photo)
    usable, duplicates = without_duplicates(usable, near_bits=settings.near_bits)
    excluded += [_excluded(photo, ExclusionReason.DUPLICATE, f"of {kept.reference}") for photo, kept in duplicates]

    new = frozenset(photo.reference for photo in usable) - _known(usable, earlier, detects.classes)
    by_split = {split: [photo for photo in usable if split_of[photo.reference] is split] for split in Split}
    val_room = round(settings.val_share * settings.most_images)
    supported, unsupported = supported_by_checks(usable, by_split[Split.TRAIN], settings, detects.classes)
    train, over_train = choose_train(supported, new, settings, detects, room=settings.most_images - val_room)
    val, over_val = choose_val(by_split[Split.VAL], settings, room=val_room)
    excluded += [_excluded(photo, why) for photo, why in unsupported + over_train + over_val]
    items = [
        _item(photo, split, settings, new=photo.reference in new)
        for split, photos in ((Split.TRAIN, train), (Split.VAL, val), (Split.GOLDEN, by_split[Split.GOLDEN]))
        for photo in photos
    ]
    return sorted(items, key=lambda item: item.reference), excluded


def vet(
    items: Sequence[Item],
    folder: Path,
    predict: Predict | None,
    settings: DatasetSettings,
    *,
    rare: frozenset[str],
    say: Say,
) -> tuple[list[Item], list[Item]]:
    """Look for label errors with the teacher. A photo with one is excluded if only a model labelled it, else marked.

    The golden set is not vetted: it judges the teacher, too.
    """
    vetted = [item for item in items if item.split is not Split.GOLDEN]
    errors: dict[Reference, str] = {}
    if predict is not None and vetted:
        say(0, len(vetted), _VETTING)
        predictions = predict([layout.image_path(folder, item) for item in vetted])
        for item, prediction in zip(vetted, predictions, strict=True):
            # A photo that the teacher can't read has no predictions to contradict its labels.
            if prediction.error is None:
                error = find_label_errors(item.people, prediction.people, sure=settings.sure, rare=rare)
                errors |= {item.reference: error} if error else {}
        say(len(vetted), len(vetted), _VETTING)
    marked = [
        replace(item, label_error="; ".join(filter(None, (item.label_error, errors.get(item.reference)))) or None)
        for item in items
    ]
    by_suspicion: dict[bool, list[Item]] = {False: [], True: []}
    for item in marked:
        by_suspicion[item.label_error is not None and item.source is Tree.AUTO].append(item)
    return by_suspicion[False], by_suspicion[True]


def _excluded(photo: DatasetPhoto, why: ExclusionReason, detail: str = "") -> Excluded:
    return Excluded(photo.reference, photo.source, why, detail)


def _item(photo: DatasetPhoto, split: Split, settings: DatasetSettings, *, new: bool) -> Item:
    repeated = split is Split.TRAIN and photo.source is Tree.REVIEWED
    known = {field.name: getattr(photo, field.name) for field in fields(photo)}
    return Item(**known, split=split, weight=settings.reviewed_weight if repeated else 1, new=new)


def _known(photos: Sequence[DatasetPhoto], earlier: DatasetManifest | None, classes: Classes) -> frozenset[Reference]:
    """Photos that the incumbent was trained on, or that its build excluded: of the same source, with the same labels.

    A person's check makes a photo new.
    """
    if earlier is None:
        return frozenset()
    items = {(item.reference, item.source): item for item in earlier.items}
    excluded = {(photo.reference, photo.source) for photo in earlier.excluded if photo.why not in UNREAD}

    def same_labels(photo: DatasetPhoto) -> bool:
        item = items.get((photo.reference, photo.source))
        # Compared as text: a label file may have more decimals than a manifest keeps.
        return item is not None and item.label_file(classes) == format_labels(photo.people, classes)

    return frozenset(
        photo.reference for photo in photos if (photo.reference, photo.source) in excluded or same_labels(photo)
    )
