"""A linear model on features for each head of a recipe: logistic regression for choices, ridge for scores.

How strongly the weights are held back is chosen by cross-validation over groups: the subjects of one person or animal
are all learned from, or all judged. What the held-out folds answer also fits the calibration, and gives the figures: no
example is judged by a model that has learned from it.

A network that learned with the heads has seen the examples itself, so folds of the same ones hold nothing out. Then the
examples are in three parts (`Parts`), and only what was never seen gives calibration and figures.

One number is searched, over five values, and its error is flat around the best: a grid finds it, and a search as for
YOLOs (retrain/fit/search.py) would only find it later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.formulas.calibration import BetaCalibration
from recipes.reading import JOINED
from recipes.recipe import VIEWS, Head, Net, Pool, Range, Recipe, Region
from retrain.errors import InvalidDataset
from retrain.fit.calibration import fit_beta
from retrain.heads.examples import Example, Examples, Floats
from retrain.progress import Say, silent

STRENGTHS: Final = (3e-5, 3e-4, 3e-3, 3e-2, 3e-1)  # C of a logistic regression, 1 / alpha of a ridge, of one example
LEAST_OF_VALUE: Final = 5  # subjects, of each value of a choice
LEAST_OF_SCORE: Final = 20
PARTS: Final = 3
TO_DO: Final = "learn from", "choose by", "judge by"  # with each part
FIFTHS: Final = 5
COVERED: Final = 0.8  # of the true scores are inside the interval
ROUNDS: Final = 300  # of the solver, at most
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Parts:
    """The part of each example, by its row: learned from, chosen by, or never seen before the figures."""

    of_row: Ints

    LEARN = 0
    CHOOSE = 1
    HELD = 2


@dataclass(frozen=True, slots=True)
class Begun:
    """A head that was learned from one part, and chosen by another: where it begins to learn with its network."""

    head: Head
    rows: Ints
    truth: NDArray[Any]  # of the rows: the value's index, or the score
    weights: Floats  # (features, values), on features as the network gives them
    bias: Floats  # (values,)
    loss: float  # on the part to choose by; of a score in parts of its range


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What models that had not learned from them say about a head's examples, in the order of `rows`.

    `said`: probabilities of the values, (examples, values), or scores, (examples, 1). `truth`: the index of the right
    value, or the right score.
    """

    rows: Ints
    said: Floats
    truth: NDArray[Any]


@dataclass(frozen=True, slots=True)
class FittedHead:
    """Weights on features of mean 0 and variance 1, as `heads.npz` holds them, and how sure they may be."""

    head: Head
    weights: Floats  # (features, values)
    bias: Floats  # (values,)
    mean: Floats
    scale: Floats
    strength: float
    held_out: HeldOut
    calibration: BetaCalibration | None = None  # of a choice
    half_width: float = 0.0  # of a score's interval


@dataclass(frozen=True, slots=True)
class UnfittedHead:
    """A head that has no weights: it measures a colour, or its pictures are still to come."""

    head: Head


AnyFitted = FittedHead | UnfittedHead


def fit_heads(
    recipe: Recipe, examples: Examples, parts: Parts | None = None, *, say: Say = silent
) -> tuple[AnyFitted, ...]:
    """Every head of the recipe. InvalidDataset names each head that has too few examples, and may not learn later.

    `parts`: of examples whose features come from a network that has learned from some of them.
    """
    rows = [_rows_of(recipe, head, examples) for head in recipe.heads]
    lacks = [_lacks(head, some, examples) for head, some in zip(recipe.heads, rows, strict=True)]
    if few := [lack for head, each in zip(recipe.heads, lacks, strict=True) for lack in each if not head.later]:
        raise InvalidDataset("too few examples, nothing was trained:\n" + "\n".join(few))
    fitted = list[AnyFitted]()
    for number, (head, some, few) in enumerate(zip(recipe.heads, rows, lacks, strict=True), start=1):
        if head.colour is not None or few:
            fitted.append(UnfittedHead(head))
            why = "measures" if head.colour is not None else f"learns later: {'; '.join(few)}"
            say(number, len(rows), f"head {head.name} {why}")
        else:
            learned = _fit_head(recipe, head, some, examples, parts)
            fitted.append(learned)
            say(number, len(rows), f"head {head.name}: {len(some):,} subjects, strength {learned.strength:g}")
    return tuple(fitted)


def split(recipe: Recipe, examples: Examples) -> Parts:
    """Three fifths to learn from, a fifth to choose by, a fifth that is never seen; no group is in two parts.

    Spread evenly over what the recipe is judged by. InvalidDataset, before anything is computed for it, if a head or
    the joined answer has too little in one of the parts.
    """
    of = recipe.judge.of or recipe.heads[0].name
    names = recipe.join if of == JOINED else (of,)
    # Spread by values: a score has too many.
    known = ["_".join(str(each.known.get(name)) for name in names if recipe.says(name)) for each in examples.every]
    groups = np.array([each.group for each in examples.every])
    if (count := len(set(groups))) < PARTS:
        raise InvalidDataset(
            f"the examples show {count} people, animals or things, and {PARTS} are needed to learn from, to choose by, "
            "and to judge by; nothing was trained. Add pictures of others, or leave out tune"
        )
    of_fold = _spread(_common(known, groups, FIFTHS), groups, min(FIFTHS, count))
    part = np.full(len(groups), Parts.LEARN, np.intp)
    part[of_fold == 0], part[of_fold == 1] = Parts.CHOOSE, Parts.HELD
    parts = Parts(part)
    if lacks := _lacks_to_tune(recipe, examples, parts):
        raise InvalidDataset(
            "too few examples for a network to learn with the heads, nothing was trained. Label more people, animals "
            "or things, or leave out tune:\n" + "\n".join(lacks)
        )
    return parts


def _common(known: Sequence[str], groups: NDArray[Any], folds: int) -> Ints:
    """A number for each value that so many groups have; the others have that of the commonest one."""
    of_value: dict[str, set[str]] = {}
    for value, group in zip(known, groups, strict=True):
        of_value.setdefault(value, set()).add(group)
    commonest = max(sorted(of_value), key=lambda value: len(of_value[value]))
    numbers = {value: place for place, value in enumerate(sorted(of_value)) if len(of_value[value]) >= folds}
    return np.array([numbers.get(value, numbers.get(commonest, 0)) for value in known], np.intp)


def _lacks_to_tune(recipe: Recipe, examples: Examples, parts: Parts) -> list[str]:
    lacks, held = list[str](), dict[str, set[int]]()
    for head in recipe.heads:
        rows = _rows_of(recipe, head, examples)
        if head.colour is None and not _lacks(head, rows, examples):
            lacks += _lacks_in_parts(head, rows, examples, parts)
        elif not head.later:
            lacks += _lacks(head, rows, examples)
        held.setdefault(head.name, set()).update(int(row) for row in rows if parts.of_row[row] == Parts.HELD)
    if recipe.join and (whole := len(set.intersection(*(held[name] for name in recipe.join)))) < LEAST_OF_SCORE:
        of = ", ".join(recipe.join)
        lacks.append(f"{of}: {whole} subjects with an answer to each to {TO_DO[Parts.HELD]}, {LEAST_OF_SCORE} needed")
    return lacks


def begin(recipe: Recipe, examples: Examples, parts: Parts) -> list[Begun]:
    """The heads that can learn, of the part to learn from."""
    begun = []
    for head in recipe.heads:
        rows = _rows_of(recipe, head, examples)
        if head.colour is not None or _lacks(head, rows, examples):
            continue
        learned = parts.of_row[rows] == Parts.LEARN
        plain = _features_of(head, examples)[rows, :1].astype(np.float32)
        truth = _truth(head, rows, examples)
        mean, scale = _moments(plain[learned, 0])
        standard = (plain - mean) / scale
        strength, loss = _chosen(head, standard, truth, parts.of_row[rows])
        weights, bias = _learn_of(head)(*_flat(standard[learned], truth[learned]), strength)
        folded = np.asarray(weights / scale[:, None], np.float32)
        loss /= 1.0 if head.score is None else (head.score.high - head.score.low) ** 2
        begun.append(Begun(head, rows, truth, folded, np.asarray(bias - mean @ folded, np.float32), loss))
    return begun


def learned_of(fitted: Sequence[AnyFitted]) -> list[FittedHead]:
    """The heads that have learned."""
    return [each for each in fitted if isinstance(each, FittedHead)]


def fit_join(recipe: Recipe, fitted: Sequence[AnyFitted]) -> BetaCalibration | None:
    """The calibration of the joined answer: from the product of the scores to whether all are right. None without."""
    if not recipe.join:
        return None
    scores, right = joined(recipe, fitted)
    if len(scores) < LEAST_OF_SCORE:
        raise InvalidDataset(
            f"only {len(scores)} held-out subjects have an answer to each of {', '.join(recipe.join)}, of "
            f"{LEAST_OF_SCORE} needed to calibrate the joined answer; nothing was trained. Label more of "
            "them, or leave out join"
        )
    return fit_beta(scores, right, least=0.0)


def joined(recipe: Recipe, fitted: Sequence[AnyFitted]) -> tuple[Floats, NDArray[np.bool_]]:
    """Of subjects whose joined questions are all known: the product of their scores, and whether all answers hold."""
    product: dict[int, float] = {}
    holds: dict[int, bool] = {}
    counts: dict[int, int] = {}
    for each in learned_of(fitted):
        if each.head.name not in recipe.join:
            continue
        best = each.held_out.said.argmax(axis=1)
        for row, score, right in zip(
            each.held_out.rows, each.held_out.said.max(axis=1), best == each.held_out.truth, strict=True
        ):
            product[row] = product.get(row, 1.0) * float(score)
            holds[row] = holds.get(row, True) and bool(right)
            counts[row] = counts.get(row, 0) + 1
    whole = [row for row, count in sorted(counts.items()) if count == len(recipe.join)]
    return np.array([product[row] for row in whole], np.float32), np.array([holds[row] for row in whole], bool)


def _rows_of(recipe: Recipe, head: Head, examples: Examples) -> Ints:
    """The examples that a head is asked about, whose answer is known, and whose photo shows what it looks at."""
    if head.colour is not None:
        return np.empty(0, np.intp)

    def teaches(example: Example) -> bool:
        known = {name: value for name, value in example.known.items() if isinstance(value, str)}
        value = example.known.get(head.name)
        return recipe.asked(head, known) and (value in head.says if head.says else value is not None)

    rows = np.array([example.row for example in examples.every if teaches(example)], dtype=np.intp)
    shown: Ints = rows[np.isfinite(_features_of(head, examples)[rows, 0, 0])]
    return shown


def views_on(recipe: Recipe, seen: tuple[Net, Region]) -> list[str]:
    """The augmentations of a region's stored views, in their order: those of all heads that look at it."""
    heads = [head for head in recipe.heads if (head.net, head.region) == seen]
    return list(dict.fromkeys(name for head in heads for name in head.augment))


def own_views(head: Head, stored: Sequence[str]) -> list[int]:
    """The places of a head's own views among the stored ones: mirrored letters teach nobody to read."""
    places, at = [0], 1
    for name in stored:
        if name in head.augment:
            places += range(at, at + VIEWS[name])
        at += VIEWS[name]
    return places


def _features_of(head: Head, examples: Examples) -> NDArray[np.float16]:
    """Of the region that a head looks at, (subjects, views, features)."""
    return examples.features[region_name(head) + ("" if head.pool is Pool.MEAN else f":{head.pool}")]


def region_name(head: Head) -> str:
    """The name of a region in a file of crops, and of its features pooled by the mean (worker/models/features.py)."""
    return f"{head.net}:{head.region.of}:{head.region.margin:g}"


def _lacks(head: Head, rows: Ints, examples: Examples) -> list[str]:
    if head.colour is not None:
        return []
    if head.score is not None:
        return [] if len(rows) >= LEAST_OF_SCORE else [f"{head.name}: {len(rows)} subjects, {LEAST_OF_SCORE} needed"]
    known = [(examples.every[row].known[head.name], examples.every[row].group) for row in rows]
    values = [value for value, _ in known]
    lacks = [
        f"{head.name} = {value}: {values.count(value)} subjects, {LEAST_OF_VALUE} needed"
        for value in head.says
        if values.count(value) < LEAST_OF_VALUE
    ]
    groups = {value: len({group for each, group in known if each == value}) for value in head.says}
    return lacks + [
        f"{head.name} = {value}: of one person, animal or thing only, so nothing can be held out"
        for value in head.says
        if groups[value] == 1 and values.count(value) >= LEAST_OF_VALUE
    ]


def _lacks_in_parts(head: Head, rows: Ints, examples: Examples, parts: Parts) -> list[str]:
    """What a head that has enough examples lacks in one of the parts."""
    truth, part = _truth(head, rows, examples), parts.of_row[rows]
    if head.score is not None:
        return [
            f"{head.name}: {count} subjects to {TO_DO[place]}, {LEAST_OF_VALUE} needed"
            for place, count in enumerate(np.bincount(part, minlength=PARTS))
            if count < LEAST_OF_VALUE
        ]
    return [
        f"{head.name} = {value}: no subject to {TO_DO[place]}"
        for place in range(PARTS)
        for number, value in enumerate(head.says)
        if not ((truth == number) & (part == place)).any()
    ]


def _fit_head(recipe: Recipe, head: Head, rows: Ints, examples: Examples, parts: Parts | None) -> FittedHead:
    features, truth = _own_features(recipe, head, rows, examples), _truth(head, rows, examples)
    choice = head.score is None
    part = np.full(len(rows), Parts.LEARN) if parts is None else parts.of_row[rows]
    seen = part != Parts.HELD
    mean, scale = _moments(features[seen, 0])
    standard = (features - mean) / scale
    learn = _learn_of(head)
    if parts is None:
        groups = np.array([examples.every[row].group for row in rows])
        of_fold = _folds(truth if choice else None, groups, recipe.judge.folds)
        # The views cost eight times as much, and hardly change which strength is best.
        tried = {
            strength: _loss_of(head)(_held_out(standard[:, :1], truth, of_fold, learn, strength), truth)
            for strength in STRENGTHS
        }
        strength = min(tried, key=lambda each: (tried[each], each))
        held_out = HeldOut(rows, _held_out(standard, truth, of_fold, learn, strength), truth)
        weights, bias = learn(*_flat(standard, truth), strength)
    else:
        strength, _ = _chosen(head, standard[:, :1], truth, part)
        weights, bias = learn(*_flat(standard[seen], truth[seen]), strength)
        held_out = HeldOut(rows[~seen], _says(standard[~seen, 0], weights, bias), truth[~seen])
    said, truth = held_out.said, held_out.truth
    if not choice:
        half_width = float(np.quantile(np.abs(_in_range(said[:, 0], head.score) - truth), COVERED))
        return FittedHead(head, weights, bias, mean, scale, strength, held_out, half_width=half_width)
    calibration = fit_beta(said.max(axis=1), said.argmax(axis=1) == truth, least=1 / len(head.says))
    return FittedHead(head, weights, bias, mean, scale, strength, held_out, calibration)


def _own_features(recipe: Recipe, head: Head, rows: Ints, examples: Examples) -> Floats:
    """The features of a head's examples in its own views, (examples, views, features)."""
    stored = _features_of(head, examples)
    return stored[rows][:, own_views(head, views_on(recipe, (head.net, head.region)))].astype(np.float32)


def _truth(head: Head, rows: Ints, examples: Examples) -> NDArray[Any]:
    known = [examples.every[row].known[head.name] for row in rows]
    return np.array([head.says.index(str(value)) for value in known]) if head.says else np.array(known, np.float32)


def _moments(plain: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation of each feature; one that is constant here says nothing."""
    return plain.mean(axis=0), plain.std(axis=0) + 1e-3


def _learn_of(head: Head) -> Learn:
    return _logistic(head) if head.score is None else _ridge


def _loss_of(head: Head) -> Callable[[Floats, NDArray[Any]], float]:
    return _log_loss if head.score is None else told_error(head.score)


def _chosen(head: Head, standard: Floats, truth: NDArray[Any], part: Ints) -> tuple[float, float]:
    """The strength that is best on the part to choose by, of models of the part to learn from, and its loss there."""
    learned, chosen = part == Parts.LEARN, part == Parts.CHOOSE
    tried = {}
    for strength in STRENGTHS:
        weights, bias = _learn_of(head)(*_flat(standard[learned], truth[learned]), strength)
        tried[strength] = _loss_of(head)(_says(standard[chosen, 0], weights, bias), truth[chosen])
    strength = min(tried, key=lambda each: (tried[each], each))
    return strength, tried[strength]


Learn = Callable[[Floats, NDArray[Any], Floats, float], tuple[Floats, Floats]]


def _held_out(standard: Floats, truth: NDArray[Any], of_fold: Ints, learn: Learn, strength: float) -> Floats:
    """What each fold's examples get, in their plain view, from the others' model."""
    said: Floats | None = None
    for fold in np.unique(of_fold):
        inside, outside = of_fold == fold, of_fold != fold
        weights, bias = learn(*_flat(standard[outside], truth[outside]), strength)
        answers = _says(standard[inside, 0], weights, bias)
        if said is None:
            said = np.empty((len(truth), answers.shape[1]), np.float32)
        said[inside] = answers
    assert said is not None  # noqa: S101 - there are at least two folds
    return said


def _says(standard: Floats, weights: Floats, bias: Floats) -> Floats:
    """Probabilities of the values, or scores."""
    answers = standard @ weights + bias
    if weights.shape[1] > 1:
        answers = np.exp(answers - answers.max(axis=1, keepdims=True))
        answers /= answers.sum(axis=1, keepdims=True)
    return np.asarray(answers, np.float32)


def _flat(standard: Floats, truth: NDArray[Any]) -> tuple[Floats, NDArray[Any], Floats]:
    """Rows of all views, their truths, and weights that make one example of all views of a subject."""
    subjects, views, width = standard.shape
    return (
        np.ascontiguousarray(standard.reshape(subjects * views, width)),
        np.repeat(truth, views),
        np.full(subjects * views, 1 / views, np.float32),
    )


def _folds(truth: NDArray[Any] | None, groups: NDArray[Any], folds: int) -> Ints:
    """The fold of each example: no group is in two, and values are spread evenly. The same for the same examples."""
    folds = min(folds, len(set(groups)))
    if truth is not None:  # each value must be in two folds at least, and no fold may ask for more than there are
        folds = min([folds, *(len(set(groups[truth == value])) for value in np.unique(truth))])
    if folds < 2:
        raise InvalidDataset(
            "all examples show one person, animal or thing, so nothing can be held out; nothing was trained. Say in "
            "the label files whom each subject shows: group"
        )
    return _spread(truth, groups, folds)


def _spread(truth: NDArray[Any] | None, groups: NDArray[Any], folds: int) -> Ints:
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold  # noqa: PLC0415 - slow to import

    splitter = GroupKFold(folds) if truth is None else StratifiedGroupKFold(folds, shuffle=True, random_state=1)
    of_fold = np.empty(len(groups), np.intp)
    for fold, (_, held) in enumerate(splitter.split(groups, truth, groups)):
        of_fold[held] = fold
    return of_fold


def _logistic(head: Head) -> Learn:
    def learn(rows: Floats, truth: NDArray[Any], weight: Floats, strength: float) -> tuple[Floats, Floats]:
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow to import

        model = LogisticRegression(
            C=strength, max_iter=ROUNDS, tol=1e-3, class_weight="balanced" if head.class_weights else None
        )
        model.fit(rows, truth, sample_weight=weight)
        weights, bias = np.zeros((rows.shape[1], len(head.says)), np.float32), np.full(len(head.says), -30, np.float32)
        if len(model.classes_) == 2 and len(model.coef_) == 1:  # one column: of the second value
            weights[:, model.classes_[1]], bias[model.classes_] = model.coef_[0], 0.0
            bias[model.classes_[1]] = model.intercept_[0]
        else:
            weights[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
        return weights, bias

    return learn


def _ridge(rows: Floats, truth: NDArray[Any], weight: Floats, strength: float) -> tuple[Floats, Floats]:
    from sklearn.linear_model import Ridge  # noqa: PLC0415 - slow to import

    model = Ridge(alpha=1 / strength)
    model.fit(rows, truth, sample_weight=weight)
    return np.asarray(model.coef_, np.float32)[:, None], np.array([model.intercept_], np.float32)


def _log_loss(said: Floats, truth: NDArray[Any]) -> float:
    return float(-np.log(np.clip(said[np.arange(len(truth)), truth], 1e-6, 1)).mean())


def told_error(limits: Range | None) -> Callable[[Floats, NDArray[Any]], float]:
    """Of what is told: a score beyond its range is told as the end of it, and is no error there."""
    return lambda said, truth: float(((_in_range(said[:, 0], limits) - truth) ** 2).mean())


def _in_range(scores: Floats, limits: Range | None) -> Floats:
    return scores if limits is None else np.clip(scores, limits.low, limits.high)
