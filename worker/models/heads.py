"""Heads: small linear models on the frozen features of a backbone, one for each question of a recipe.

    photo ─► finder ─► subjects ─► a crop of each region ─► backbone ─► features ─► every head ─► Seen

Heads with the same region share its features. Every head answers about every subject; which of the answers count is the
recipe's (worker/photos/answering.py). A manifest of kind "heads" has:

    "recipe"                       the name of the recipe whose questions the heads answer
    "files": {"heads", "lite0", "face", "finder"}   arrays as below; networks as of backbone.py, or the run's own if
                                                    they have learned; faces.py: those in use
    "find": {"kind", "least_px", "finder": as in cascade.py}
    "heads": [{"name", "says": […], "net", "region": {"of", "margin"}, "calibration"}         of its likeliest value
             | {"name", "score": [low, high], "net", "region", "half_width"}                  of the interval
             | {"name", "says", "colour", "region"}                                           measured (colour.py)
             | {"name", "says", "net", "region", "unknown": true}]                            has learned nothing yet
               with "pool": "max", where it is not the mean
    "join": {"questions": […], "calibration"} | null            of the product of the joined answers' scores

The file `heads` is NumPy's .npz, float32: for head i, if it has learned, `i.weights` (features, values) and `i.bias`
(values) on features of mean 0 and variance 1, and their `i.mean` and `i.scale` (features), which are folded into the
weights at loading.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from contracts.answers_message import UNKNOWN, UNSEEN
from contracts.boxes import Box
from contracts.formulas.calibration import BetaCalibration
from contracts.messages import Model
from recipes.colours import Palette
from recipes.recipe import WHOLE, Finder, Net, Pool, Range, Recipe, Region, answers
from worker.models.backbone import FEATURES, NETWORKS, Backbone, pooled
from worker.models.colour import colour_of
from worker.models.detector import Image
from worker.models.evidence import Evidence, places_of
from worker.models.finders import Find, finder_of
from worker.models.manifests import InvalidModel, ModelManifest
from worker.models.onnx_runtime import Floats
from worker.models.regions import FoundSubject, crop, outline, shows

RETRAIN: Final = "Train the recipe again: nunchi recipe train"


@dataclass(frozen=True, slots=True)
class SeenChoice:
    """What a head says: its likeliest value, the network's own score for it, the calibrated confidence; both 0-1."""

    value: str
    score: float
    confidence: float


@dataclass(frozen=True, slots=True)
class SeenScore:
    """What a head scores, and the interval that held the true value in 8 of 10 cases of the training."""

    value: float
    low: float
    high: float


SeenAnswer = SeenChoice | SeenScore


@dataclass(frozen=True, slots=True)
class Seen:
    """A subject, and what each head answers, in the order of the recipe. `join`: of the product of joined scores.

    `evidence`: for the value that a head says, by the head's number; of the heads that the recipe explains.
    """

    box: Box
    answers: tuple[SeenAnswer, ...]
    join: BetaCalibration | None = None
    evidence: Mapping[int, Evidence] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ChoiceHead:
    """Logits of the values = features @ weights + bias."""

    net: Net
    region: Region
    pool: Pool
    says: tuple[str, ...]
    weights: Floats  # (features, values)
    bias: Floats  # (values,)
    calibration: BetaCalibration

    def answers(self, features: Floats) -> list[SeenAnswer]:
        """What it says about each row of features, (n, features)."""
        scores = softmax(_logits(features, self.weights, self.bias))
        best = scores.argmax(axis=1)
        return [
            SeenChoice(self.says[index], float(row[index]), self.calibration(float(row[index])))
            for index, row in zip(best, scores, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class ScoreHead:
    """A number = features @ weights + bias, kept inside its range."""

    net: Net
    region: Region
    pool: Pool
    range: Range
    weights: Floats  # (features, 1)
    bias: Floats  # (1,)
    half_width: float

    def answers(self, features: Floats) -> list[SeenAnswer]:
        """What it scores each row of features, (n, features)."""
        low, high = self.range.low, self.range.high
        values = np.clip(_logits(features, self.weights, self.bias), low, high)[:, 0]
        return [
            SeenScore(float(value), max(low, float(value) - self.half_width), min(high, float(value) + self.half_width))
            for value in values
        ]


@dataclass(frozen=True, slots=True)
class ColourHead:
    """The colour of a region; its confidence is the share of the region that has it."""

    region: Region
    palette: Palette

    def answer(self, image: Image, subject: FoundSubject) -> SeenChoice:
        """What it measures on a subject."""
        height, width = image.shape[:2]
        everything = (0.0, 0.0), (float(width), 0.0), (float(width), float(height)), (0.0, float(height))
        corners = everything if self.region.of == WHOLE else outline(image, subject, self.region.of)
        shares = None if corners is None else colour_of(image, corners, subject.face, self.palette)
        return NOT_SEEN if shares is None else SeenChoice(shares.name, shares.share, shares.share)


@dataclass(frozen=True, slots=True)
class UnknownHead:
    """A head that has learned nothing yet."""

    region: Region


NOT_SEEN: Final = SeenChoice(UNSEEN, 0.0, 0.0)
NOT_KNOWN: Final = SeenChoice(UNKNOWN, 0.0, 0.0)
LearnedHead = ChoiceHead | ScoreHead
AnyHead = LearnedHead | ColourHead | UnknownHead


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadsModel:
    """Finder, backbone and heads of a recipe. `explained`: the numbers of the heads whose answers get evidence."""

    model: Model
    find: Find
    least_px: int
    backbones: Mapping[Net, Backbone]
    heads: tuple[AnyHead, ...]
    join: BetaCalibration | None
    explained: tuple[int, ...] = ()

    def detect(self, images: Sequence[Image]) -> list[list[Seen]]:
        """The subjects of each image, with every head's answer."""
        return [[self._seen(image, subject) for subject in self._found(image)] for image in images]

    def _found(self, image: Image) -> list[FoundSubject]:
        height, width = image.shape[:2]

        def large_enough(subject: FoundSubject) -> bool:
            box = subject.box
            return bool(min((box.x1 - box.x0) * width, (box.y1 - box.y0) * height) >= self.least_px)

        return [subject for subject in self.find(image) if large_enough(subject)]

    def _seen(self, image: Image, subject: FoundSubject) -> Seen:
        answers, evidence = dict[int, SeenAnswer](), dict[int, Evidence]()
        learned = dict[int, LearnedHead]()
        for number, head in enumerate(self.heads):
            if isinstance(head, ColourHead):
                answers[number] = head.answer(image, subject)
            elif not shows(image, subject, head.region):
                answers[number] = NOT_SEEN
            elif isinstance(head, UnknownHead):
                answers[number] = NOT_KNOWN
            else:
                learned[number] = head
        for net, region in dict.fromkeys((head.net, head.region) for head in learned.values()):
            # The maps are kept for this region only: 245 KiB.
            maps = self.backbones[net].maps([crop(image, subject, region, NETWORKS[net].side)])
            looking = {number: head for number, head in learned.items() if (head.net, head.region) == (net, region)}
            features = {pool: pooled(maps, pool) for pool in {head.pool for head in looking.values()}}
            for number, head in looking.items():
                [answers[number]] = head.answers(features[head.pool])
                if number in self.explained and isinstance(head, ChoiceHead):
                    said = head.says.index(str(answers[number].value))
                    evidence[number] = Evidence(subject, region, places_of(maps[0], head.weights, said))
        return Seen(subject.box, tuple(answers[number] for number in range(len(self.heads))), self.join, evidence)


def _logits(features: Floats, weights: Floats, bias: Floats) -> Floats:
    """Row by row: a product of matrices would depend in its last bits on how many subjects are asked about at once."""
    return np.stack([row @ weights + bias for row in features])


def softmax(logits: Floats) -> Floats:
    """Probabilities of each row, (n, values)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)


def load_heads(manifest: ModelManifest, recipe: Recipe) -> HeadsModel:
    """The model of a manifest of kind "heads"; InvalidModel if a part is wrong, or answers another recipe."""
    fields = manifest.fields
    arrays = _arrays(manifest)
    with manifest.loading("heads, finder or calibration", RETRAIN):
        _check_recipe(manifest, recipe)
        heads = tuple(_head(number, each, arrays) for number, each in enumerate(fields["heads"]))
        join = fields["join"]
        return HeadsModel(
            model=manifest.model,
            find=finder_of(manifest, Finder(fields["find"]["kind"]), fields["find"].get("finder", {})),
            least_px=int(fields["find"]["least_px"]),
            backbones={net: Backbone(manifest.file(net).read_bytes()) for net in _nets(heads)},
            heads=heads,
            join=None if join is None else _rising(BetaCalibration.from_fields(join["calibration"])),
            explained=_explained(recipe, heads),
        )


def _explained(recipe: Recipe, heads: Sequence[AnyHead]) -> tuple[int, ...]:
    """The numbers of the heads that have maps to show: of the question to explain, and pooled by the mean."""
    return tuple(
        number
        for number, (asked, head) in enumerate(zip(recipe.heads, heads, strict=True))
        if asked.name == recipe.show.why and isinstance(head, ChoiceHead) and head.pool is Pool.MEAN
    )


def _check_recipe(manifest: ModelManifest, recipe: Recipe) -> None:
    if not answers(recipe, manifest.fields):
        says = [(head["name"], head.get("says", head.get("score"))) for head in manifest.fields["heads"]]
        join = manifest.fields["join"] and manifest.fields["join"]["questions"]
        wanted = [(head.name, list(head.says) or head.score) for head in recipe.heads]
        raise InvalidModel(
            f"{manifest.path}: its heads answer {says}, joined {join}; the recipe {recipe.name!r} asks {wanted}, "
            f"joined {list(recipe.join)}, with its own `when`; it is not loaded. {RETRAIN}"
        )


def _arrays(manifest: ModelManifest) -> Mapping[str, Floats]:
    file = io.BytesIO(manifest.file("heads").read_bytes())
    with manifest.loading("file of weights", RETRAIN, OSError, zipfile.BadZipFile), np.load(file) as stored:
        return {name: np.asarray(stored[name], dtype=np.float32) for name in stored.files}


def _head(number: int, fields: Mapping[str, Any], arrays: Mapping[str, Floats]) -> AnyHead:
    region = Region(str(fields["region"]["of"]), float(fields["region"]["margin"]))
    if "colour" in fields:
        return ColourHead(region, Palette(fields["colour"]))
    if fields.get("unknown"):
        return UnknownHead(region)
    scores = "score" in fields
    values = 1 if scores else len(fields["says"])
    weights, bias = _folded(number, values, arrays)
    net, pool = Net(fields["net"]), Pool(fields.get("pool", Pool.MEAN))
    if scores:
        half_width = float(fields["half_width"])
        if not (math.isfinite(half_width) and half_width >= 0):
            raise ValueError(f"the interval of {fields['name']} is {half_width}")
        return ScoreHead(net, region, pool, Range(*map(float, fields["score"])), weights, bias, half_width)
    calibration = _rising(BetaCalibration.from_fields(fields["calibration"]))
    return ChoiceHead(net, region, pool, tuple(fields["says"]), weights, bias, calibration)


def _folded(number: int, values: int, arrays: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """Weights and bias on the backbone's features, of those on features of mean 0 and variance 1."""
    mean, scale = arrays[f"{number}.mean"], arrays[f"{number}.scale"]
    weights, bias = arrays[f"{number}.weights"], arrays[f"{number}.bias"]
    shapes = {"mean": mean.shape, "scale": scale.shape, "weights": weights.shape, "bias": bias.shape}
    wanted = {"mean": (FEATURES,), "scale": (FEATURES,), "weights": (FEATURES, values), "bias": (values,)}
    if shapes != wanted:
        raise ValueError(f"the arrays of head {number} have the shapes {shapes}, not {wanted}")
    if not all(np.isfinite(each).all() for each in (mean, scale, weights, bias)) or not (scale > 0).all():
        raise ValueError(f"a number of head {number} is not finite, or a scale is not positive")
    folded = weights / scale[:, None]
    return np.ascontiguousarray(folded), np.asarray(bias - mean @ folded, dtype=np.float32)


def _rising(calibration: BetaCalibration) -> BetaCalibration:
    if not calibration.rises(0.0):
        raise ValueError("a calibration does not rise with the score: it was fitted to noise")
    return calibration


def _nets(heads: Sequence[AnyHead]) -> set[Net]:
    return {head.net for head in heads if isinstance(head, ChoiceHead | ScoreHead)}
