"""The heads: their weights are those of the manifest, and a probability is one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kiosk.voice.engine.heads import FOLDER, OTHER, InvalidHeads, features, load
from kiosk.voice.words import DIALOGUE


def test_the_heads_that_are_shipped_fit_their_manifest() -> None:
    """Words of the dialogue, and dishes that the lexicon spells badly."""
    heads = load()

    assert set(heads.words) == {OTHER, *DIALOGUE, "rose-tteokbokki"}
    assert 0.5 <= heads.least < 1
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 300_000


def test_probabilities_are_shares_of_one() -> None:
    """What is missing to one belongs to something else."""
    shares = load().probabilities(np.random.default_rng(1).normal(size=16 * 96).astype(np.float32))

    assert OTHER not in shares
    assert all(0 <= share <= 1 for share in shares.values())
    assert sum(shares.values()) <= 1 + 1e-6


def test_features_are_quarters_greatest_and_least() -> None:
    """Of each of 96 numbers over 16 steps."""
    steps = np.arange(16, dtype=np.float32)[:, None] * np.ones(96, np.float32)

    row = features(steps.reshape(1, -1))

    assert row.shape == (1, 576)
    np.testing.assert_array_equal(row[0, ::96], [1.5, 5.5, 9.5, 13.5, 15, 0])


def test_other_weights_are_refused(tmp_path: Path) -> None:
    """Half a copy, or another training's file."""
    folder = tmp_path / "heads"
    shutil.copytree(FOLDER, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "sha256": "0" * 64}))

    with pytest.raises(InvalidHeads, match="does not match its digest"):
        load(folder)
