"""The heads: a small network on the embedding, one answer a word; a second opinion, and the only one on some."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kiosk.voice.engine.embedding import SIZE, STEPS

FOLDER: Final = Path(__file__).parents[1] / "heads"
OTHER: Final = ""  # the class of all that is no word


class InvalidHeads(ValueError):
    """The weights do not match their manifest; the engine does not start."""


def features(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of embeddings, one a row of 16 × 96: the means of its quarters, the greatest and the least over time; 576 a row.

    So a word may begin a little earlier or later.
    """
    steps = vectors.reshape(-1, STEPS, SIZE)
    quarters = [steps[:, at : at + STEPS // 4].mean(axis=1) for at in range(0, STEPS, STEPS // 4)]
    return np.concatenate([*quarters, steps.max(axis=1), steps.min(axis=1)], axis=1)


class Heads:
    """One hidden layer over the standardised features, softmax over the words and `other`."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], words: tuple[str, ...], least: float) -> None:
        """`words`: of each output, OTHER among them; `least`: the probability from which a word counts."""
        self.weights, self.words, self.least = weights, words, least

    def probabilities(self, vector: NDArray[np.float32]) -> dict[str, float]:
        """Of each word, by an embedding; what is missing to 1 is the probability of something else."""
        w = self.weights
        hidden = np.maximum(0, (features(vector)[0] - w["mean"]) / w["scale"] @ w["w1"] + w["b1"])
        logits = hidden @ w["w2"] + w["b2"]
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        return {word: float(share) for word, share in zip(self.words, shares, strict=True) if word != OTHER}


def load(folder: Path = FOLDER) -> Heads:
    """The heads of a folder (manifest.json, words.npz). Raises InvalidHeads."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    data = (folder / "words.npz").read_bytes()
    if hashlib.sha256(data).hexdigest() != manifest["sha256"]:
        raise InvalidHeads(f"{folder}/words.npz does not match its digest in manifest.json; restore both files")
    with np.load(folder / "words.npz") as file:
        weights = {name: file[name].astype(np.float32) for name in file.files}
    return Heads(weights, tuple(manifest["words"]), float(manifest["least"]))
