"""Trains the heads: words said by synthetic voices, varied, through the frozen embedding, into a small network."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from kiosk.voice.engine.heads import FOLDER, OTHER, Heads, features
from voice_build.augment import Sound, babble, noise, varied
from voice_build.corpus import Part, Sounds, Utterance

VARIANTS: Final[dict[Part, int]] = {"train": 12, "validate": 6}
HIDDEN: Final = 128
EPOCHS: Final = 30
FALSE: Final = 0.02  # of others may be taken for a word, on the voices that validate
SEED: Final = 1
Vector = Callable[[Sound], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Examples:
    """Embeddings, one a row, and the word of each."""

    vectors: NDArray[np.float32]
    words: tuple[str, ...]


def examples(utterances: Sequence[Utterance], sounds: Sounds, vector: Vector, part: Part, *, variants: int) -> Examples:
    """Variants of all utterances of a part, and backgrounds without a word."""
    random = np.random.default_rng([SEED, len(part)])
    mine = [one for one in utterances if one.part == part and one.kind in ("word", "other")]
    others = [sounds.of(one) for one in mine if one.kind == "other"]
    rows, words = list[NDArray[np.float32]](), list[str]()
    for utterance in mine:
        for _ in range(variants):
            rows.append(vector(varied(sounds.of(utterance), others, random)))
            words.append(utterance.words[0] if utterance.words else OTHER)
    for background in _backgrounds(others, random, 30 * variants):
        rows.append(vector(background))
        words.append(OTHER)
    return Examples(np.stack(rows), tuple(words))


def _backgrounds(others: Sequence[Sound], random: np.random.Generator, count: int) -> Iterator[Sound]:
    for at in range(count):
        seconds = float(random.uniform(0.4, 2.0))
        level = np.float32(random.uniform(0.05, 0.9))
        if at % 3:
            yield level * babble(others, random, seconds=seconds, voices=int(random.integers(1, 7)))
        else:
            yield level * noise(random, seconds=seconds, slope=float(random.uniform(0, 2)))


def fitted(train: Examples, validate: Examples) -> tuple[Heads, dict[str, Any]]:
    """The heads, and what the voices that validate say of them."""
    rows = features(train.vectors)
    scaler = StandardScaler().fit(rows)
    network = MLPClassifier((HIDDEN,), alpha=1.0, max_iter=EPOCHS, random_state=SEED)
    with warnings.catch_warnings(category=ConvergenceWarning, action="ignore"):  # it stops after EPOCHS on purpose
        network.fit(scaler.transform(rows), train.words)
    (w1, w2), (b1, b2) = network.coefs_, network.intercepts_
    arrays = {"mean": scaler.mean_, "scale": scaler.scale_, "w1": w1, "b1": b1, "w2": w2, "b2": b2}
    weights = {name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()}
    heads = Heads(weights, tuple(str(word) for word in network.classes_), 1.0)
    least = _least(heads, validate)
    heads.least = least
    return heads, {"least": least, **_measured(heads, validate)}


def _best(heads: Heads, vector: NDArray[np.float32]) -> tuple[str, float]:
    probabilities = heads.probabilities(vector)
    word = max(probabilities, key=lambda name: probabilities[name])
    return word, probabilities[word]


def _least(heads: Heads, validate: Examples) -> float:
    """The probability that only FALSE of the others reach; at least 0.5."""
    rows = zip(validate.vectors, validate.words, strict=True)
    wrong = sorted(_best(heads, vector)[1] for vector, word in rows if word == OTHER)
    return round(max(0.5, wrong[int(len(wrong) * (1 - FALSE))]), 3)


def _measured(heads: Heads, validate: Examples) -> dict[str, Any]:
    right, of, false, others = 0, 0, 0, 0
    for vector, word in zip(validate.vectors, validate.words, strict=True):
        found, probability = _best(heads, vector)
        if word == OTHER:
            others, false = others + 1, false + (probability >= heads.least)
        else:
            of, right = of + 1, right + (probability >= heads.least and found == word)
    return {"words": of, "right": right, "others": others, "false": false}


def write(heads: Heads, figures: dict[str, Any], recipe: dict[str, Any], folder: Path = FOLDER) -> None:
    """words.npz in half precision, and its manifest."""
    buffer = io.BytesIO()
    half: dict[str, Any] = {name: array.astype(np.float16) for name, array in heads.weights.items()}
    np.savez_compressed(buffer, **half)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "words.npz").write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    manifest = {"words": heads.words, "least": heads.least, "sha256": digest, "validated": figures, "recipe": recipe}
    (folder / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
