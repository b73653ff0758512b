"""A recipe: what is looked for in a photo, and what is asked about it.

A recipe finds subjects, asks heads about regions of each in the order of the file, and joins answers if wanted. It is
data: `reading.py` reads it from `recipes/<name>/recipe.toml`, and everything else gets it from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any, Final

from recipes.colours import Palette

WHOLE: Final = "whole"  # the region that every finder has: the whole photo
FACE: Final = "face"
DECLARED: Final = "yes"  # the value of a declaration that was given
PERSON: Final = "person"
TOP: Final = "top"  # from the shoulders to the hips
BOTTOM: Final = "bottom"  # from the hips to the knees
PARTS: Final = (TOP, BOTTOM)  # of a body, which a photo may not show


class Finder(StrEnum):
    """What finds the subjects of a photo."""

    FACE = "face"  # faces of people; a subject's box is the head
    WHOLE = "whole"  # the photo itself is the one subject
    PERSON = "person"  # people whose face is seen; a subject's box is what is seen of head and body


# The regions that a finder's subjects have.
REGIONS: Final[Mapping[Finder, tuple[str, ...]]] = {
    Finder.FACE: (FACE, WHOLE),
    Finder.WHOLE: (WHOLE,),
    Finder.PERSON: (FACE, PERSON, TOP, BOTTOM, WHOLE),
}


class Many(StrEnum):
    """Which of the subjects of a photo are asked about."""

    ALL = "all"
    NEAREST = "nearest"  # the one that is large and near the middle line
    ONE = "one"  # with several, the photo is declined


class Net(StrEnum):
    """The frozen network whose features a head stands on."""

    LITE0 = "lite0"  # EfficientNet-Lite0, which has learned ImageNet: for anything
    FACE = "face"  # the kiosk's network for age and gender: for questions about faces


class Pool(StrEnum):
    """What a feature of a region is, of its values at the places of the network's map."""

    MEAN = "mean"  # how much of it there is; the answer can be explained
    MAX = "max"  # whether it is anywhere: for small signs


class Optimizer(StrEnum):
    """What moves the weights of a network that learns, too."""

    ADAMW = "adamw"
    NADAM = "nadam"
    ADAM = "adam"


class Metric(StrEnum):
    """What the judge compares runs by."""

    MACRO_F1 = "macro_f1"  # the mean over the classes of their F1 scores
    MAE = "mae"  # mean absolute error of a score; lower is better


class Teaches(StrEnum):
    """What a retraining makes of a recipe's dataset."""

    HEADS = "heads"  # small heads on the frozen features of a backbone: seconds to minutes, no GPU
    DETECTOR = "detector"  # a YOLOv5 that finds and labels at once: hours, a GPU


# The augmentations of a head, and how many views each adds (worker/models/views.py).
VIEWS: Final[Mapping[str, int]] = {"mirror": 1, "light": 2, "crop": 2, "rotate": 2, "blur": 1, "jpeg": 1}


@dataclass(frozen=True, slots=True)
class Find:
    """How subjects are found. `least_px`: the short side of the smallest subject, in pixels of the photo."""

    kind: Finder = Finder.FACE
    many: Many = Many.ALL
    least_px: int = 0


@dataclass(frozen=True, slots=True)
class Region:
    """The part of a photo that a head sees: a square around `of`, with `margin` of its side added at each side."""

    of: str = WHOLE
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Range:
    """The lowest and the highest value of a score."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A question about a region of a subject: one of `says`, or a number in the range `score`.

    `when`: earlier questions or inputs, and the value that each must have, for this head to be asked. Several heads may
    share a name, if no subject can be asked two of them. `stop_at`: values after which later heads are not asked.
    `colour`: the head measures the colour of its region, and learns nothing. `later`: the head may have learned nothing
    yet; then it says that. `gate`: confidence from which an answer teaches; `sure_from`: from which it is told as sure;
    None: the worker's settings.
    """

    name: str
    says: tuple[str, ...] = ()
    score: Range | None = None
    colour: Palette | None = None
    region: Region = Region()
    net: Net = Net.LITE0
    pool: Pool = Pool.MEAN
    when: Mapping[str, str] = field(default_factory=dict)
    stop_at: tuple[str, ...] = ()
    augment: tuple[str, ...] = ()
    class_weights: bool = True
    later: bool = False
    gate: float | None = None
    sure_from: float | None = None

    @property
    def title(self) -> str:
        """Its question, and when it is asked: of one of several heads with a name, too."""
        return f"{self.name}{self.condition}"

    @property
    def condition(self) -> str:
        """When it is asked, as `, if species is dog`; empty for always."""
        return "".join(f", if {name} is {value}" for name, value in self.when.items())


@dataclass(frozen=True, slots=True)
class Tune:
    """How much of the networks learns with the heads. `unfreeze`: their last blocks, and the layer after them; 0: none.

    Each of `optimizers` is tried; the network that is best on examples held back for this serves, if it is better there
    than the frozen one. `epochs`: how often each example is seen, at most.
    """

    unfreeze: int = 0
    optimizers: tuple[Optimizer, ...] = (Optimizer.ADAMW,)
    epochs: int = 10


@dataclass(frozen=True, slots=True)
class Judge:
    """How runs are compared: by `metric` of the question `of`, or of the joined classes; shown by the groups."""

    metric: Metric = Metric.MACRO_F1
    of: str = "joined"
    groups: tuple[str, ...] = ()
    folds: int = 5


@dataclass(frozen=True, slots=True)
class Show:
    """What is shown beside the answers. `why`: the question whose answer a picture explains; empty: no picture.

    `picture`: the name of the picture that the recipe's module draws from the answers; empty: none.
    """

    why: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Keep:
    """What stays of a photo after its answer, and what must be declared before it.

    `upload`: whether the photo stays in its bucket until it expires; `learn`: whether photos become training data;
    `consent`: the S3 user metadata that must say DECLARED, or the photo is declined unseen; empty: nothing must.
    """

    upload: bool = True
    learn: bool = True
    consent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One task. `notice`: whether a text must stand beside the answers whenever they are shown."""

    name: str
    find: Find
    heads: tuple[Head, ...]
    teaches: Teaches = Teaches.HEADS
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    join: tuple[str, ...] = ()
    judge: Judge = Judge()
    tune: Tune = Tune()
    notice: bool = False
    show: Show = Show()
    keep: Keep = Keep()

    @property
    def questions(self) -> tuple[str, ...]:
        """The names of the heads, each once, in order."""
        return tuple(dict.fromkeys(head.name for head in self.heads))

    @property
    def needs_trainer(self) -> bool:
        """Whether a retraining needs the trainer's environment (torch, ultralytics), and on AWS a GPU for it."""
        return self.teaches is Teaches.DETECTOR or self.tune.unfreeze > 0

    @property
    def declaration(self) -> dict[str, str]:
        """The S3 user metadata that a device must declare; empty where nothing must."""
        return {self.keep.consent: DECLARED} if self.keep.consent else {}

    def heads_of(self, question: str) -> tuple[Head, ...]:
        """The heads of a question: several, where `when` routes between them."""
        return tuple(head for head in self.heads if head.name == question)

    def says(self, question: str) -> tuple[str, ...]:
        """The values of a question, of all its heads, each once, in order; empty for a score."""
        return tuple(dict.fromkeys(value for head in self.heads_of(question) for value in head.says))

    def learns(self, question: str) -> bool:
        """Whether the heads of a question learn from labels; a colour is measured."""
        return all(head.colour is None for head in self.heads_of(question))

    @property
    def classes(self) -> tuple[str, ...]:
        """The joined classes in order: for mask, gender and age `worn_male_young`, …; empty without a join.

        The last question changes fastest, so a class's number is that of its values in a positional system.
        """
        if not self.join:
            return ()
        return tuple("_".join(values) for values in self.combinations())

    def combinations(self) -> Iterator[tuple[str, ...]]:
        """The values of the joined questions, in the order of the classes."""
        return product(*(self.says(question) for question in self.join))

    def class_of(self, answers: Mapping[str, str]) -> int | None:
        """The number of the joined class of a subject's answers; None if one of them is missing."""
        number = 0
        for question in self.join:
            says = self.says(question)
            if (value := answers.get(question)) is None:
                return None
            number = number * len(says) + says.index(value)
        return number

    def route(self, values: Sequence[str | None], inputs: Mapping[str, str]) -> list[int]:
        """The numbers of the heads that are asked, given the value that each head would say; None says a score.

        In order, as far as `when` allows, each question once, until a value stops it.
        """
        known, asked, questions = dict(inputs), list[int](), set[str]()
        for number, (head, value) in enumerate(zip(self.heads, values, strict=True)):
            if head.name in questions or not self.asked(head, known):
                continue
            asked.append(number)
            questions.add(head.name)
            if value is not None:
                known[head.name] = value
                if value in head.stop_at:
                    break
        return asked

    def asked(self, head: Head, known: Mapping[str, str]) -> bool:
        """Whether a head is asked about a subject of which `known` (inputs, and answers so far) is known."""
        return all(known.get(name) == value for name, value in head.when.items())


def answers(recipe: Recipe, manifest: Mapping[str, Any]) -> bool:
    """Whether the heads of a run's manifest answer what a recipe asks, in its order; unknown, where it may be later."""
    asked = [
        (
            head.name,
            list(head.says),
            None if head.score is None else [head.score.low, head.score.high],
            dict(head.when),
            head.colour,
            head.region.of if head.colour else None,
        )
        for head in recipe.heads
    ]
    try:
        said = [
            (
                head["name"],
                list(head.get("says", ())),
                None if "score" not in head else [float(end) for end in head["score"]],
                dict(head.get("when", {})),
                head.get("colour"),
                head["region"]["of"] if head.get("colour") else None,
            )
            for head in manifest["heads"]
        ]
        unknown = [bool(head.get("unknown")) for head in manifest["heads"]]
        join = tuple(manifest["join"]["questions"]) if manifest["join"] else ()
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    may_be_unknown = all(head.later or not each for head, each in zip(recipe.heads, unknown, strict=False))
    return said == asked and join == recipe.join and may_be_unknown
