"""The dataset of a recipe's heads, downloaded from the dataset bucket: what teaches, and the golden photos that judge.

    <folder>/train/images/<device>/<image>.jpg, labels/….json      by people, and by the model where it was sure
    <folder>/golden/…                                              for judging, never trained on

Of a photo in several trees golden takes precedence over reviewed, and reviewed over auto. No photo of a golden burst
teaches, nor one of a person or animal that a golden photo shows: the same one would be learned and judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import InvalidMessage
from contracts.names import Reference
from contracts.subject_labels import SubjectLabels
from recipes.recipe import Recipe
from retrain.bucket import DatasetBucket, Pair, Tree, in_threads
from retrain.bursts import burst_of
from retrain.heads.examples import unknown_answer
from retrain.progress import Say

TRAIN, GOLDEN = "train", "golden"


@dataclass(frozen=True, slots=True)
class HeadsDataset:
    """What was downloaded. `bursts`: the burst of each photo; `left_out`: references with a reason."""

    folder: Path
    train: tuple[Reference, ...]
    golden: tuple[Reference, ...]
    bursts: Mapping[Reference, Reference]
    left_out: Mapping[Reference, str]

    def photo(self, part: str, reference: Reference) -> Path:
        return self.folder / part / "images" / f"{reference}.jpg"

    def label_file(self, part: str, reference: Reference) -> Path:
        return self.folder / part / "labels" / f"{reference}.json"


def download(bucket: DatasetBucket, recipe: Recipe, folder: Path, *, most: int, say: Say) -> HeadsDataset:
    """Download the pairs; of more than `most` that may teach, the latest. `bucket` lists label files in JSON."""
    pairs: dict[Reference, Pair] = {}
    for tree in (Tree.AUTO, Tree.REVIEWED, Tree.GOLDEN):
        pairs.update({pair.reference: pair for pair in bucket.pairs(tree)})
    bursts = burst_of(pairs)
    golden = sorted(reference for reference, pair in pairs.items() if pair.tree is Tree.GOLDEN)
    judged = {bursts[reference] for reference in golden}
    teaching = [reference for reference in sorted(pairs) if pairs[reference].tree is not Tree.GOLDEN]
    left_out = {reference: "the same moment as a golden photo" for reference in teaching if bursts[reference] in judged}
    may_teach = [reference for reference in teaching if reference not in left_out]
    by_age = sorted(may_teach, key=lambda reference: pairs[reference].added_at)
    left_out |= dict.fromkeys(by_age[: -most or None], "older than the latest ones") if most else {}
    chosen = [reference for reference in may_teach if reference not in left_out]
    wanted = [(TRAIN, reference) for reference in chosen] + [(GOLDEN, reference) for reference in golden]

    def fetch(item: tuple[str, Reference]) -> str | None:
        part, reference = item
        return _write(bucket, recipe, pairs[reference], folder / part)

    kept: dict[str, list[Reference]] = {TRAIN: [], GOLDEN: []}
    with in_threads(fetch, wanted) as results:
        for done, ((part, reference), why_not) in enumerate(zip(wanted, results, strict=True), start=1):
            if why_not is None:
                kept[part].append(reference)
            else:
                left_out[reference] = why_not
            say(done, len(wanted), "photos downloaded")
    judges = {group for reference in kept[GOLDEN] for group in _groups(folder, GOLDEN, reference)}
    for reference in kept[TRAIN]:
        if judges & _groups(folder, TRAIN, reference):
            left_out[reference] = "a golden photo shows the same person or animal"
    kept[TRAIN] = _without(kept[TRAIN], left_out, folder)
    return HeadsDataset(folder, tuple(kept[TRAIN]), tuple(kept[GOLDEN]), bursts, left_out)


def _write(bucket: DatasetBucket, recipe: Recipe, pair: Pair, folder: Path) -> str | None:
    """Write picture and label file, with the photo's inputs; why not, if one is missing or invalid."""
    image, labels = bucket.image(pair), bucket.labels(pair)
    if image is None or labels is None:
        return "deleted meanwhile"
    try:
        read = SubjectLabels.from_json(labels)
    except InvalidMessage as error:
        return f"its label file is invalid: {error}"
    if read.recipe != recipe.name:
        return f"it is of the recipe {read.recipe}"
    if unknown := unknown_answer(recipe, read):
        return unknown
    place = folder / "images" / f"{pair.reference}.jpg"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(image)
    label_file = folder / "labels" / f"{pair.reference}.json"
    label_file.parent.mkdir(parents=True, exist_ok=True)
    label_file.write_text(labels)
    return None


def _groups(folder: Path, part: str, reference: Reference) -> set[str]:
    """Which persons or animals the label file of a downloaded photo names."""
    labels = SubjectLabels.from_json((folder / part / "labels" / f"{reference}.json").read_text())
    return {subject.group for subject in labels.subjects if subject.group is not None}


def _without(kept: Sequence[Reference], left_out: Mapping[Reference, str], folder: Path) -> list[Reference]:
    """The photos that teach; the files of the others are deleted, for a training reads the whole folder."""
    for reference in kept:
        if reference in left_out:
            (folder / TRAIN / "images" / f"{reference}.jpg").unlink()
    return [reference for reference in kept if reference not in left_out]


def moments(dataset: HeadsDataset, references: Sequence[Reference]) -> list[str]:
    """The burst of each photo, as text."""
    return [str(dataset.bursts[reference]) for reference in references]
