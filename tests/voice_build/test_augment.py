"""Variants of a sound: the loudness that was asked for, and the same for the same seed."""

from __future__ import annotations

import numpy as np

from voice_build.augment import RATE, babble, mixed, noise, room, varied

TONE = np.sin(np.arange(RATE) / 10).astype(np.float32)
OTHERS = [TONE[::2], TONE[: RATE // 3]]


def test_the_ratio_of_powers_is_as_asked() -> None:
    """10 dB are ten times the power."""
    behind = noise(np.random.default_rng(1), seconds=1, slope=1)
    added = mixed(TONE, behind, ratio_db=10) - TONE

    assert np.isclose(np.mean(TONE**2) / np.mean(added**2), 10, rtol=0.01)


def test_a_room_adds_a_tail_and_keeps_the_direct_sound() -> None:
    """Behind a click, the echo falls by 60 dB within its time."""
    click = np.zeros(RATE, np.float32)
    click[0] = 1
    heard = room(click, np.random.default_rng(1), decay_s=0.3)

    assert np.isclose(heard[0], 1, atol=1e-3)
    assert np.abs(heard[int(0.29 * RATE) :]).max() < 1e-3


def test_variants_are_reproducible_and_never_clipped() -> None:
    """By the seed of the generator."""
    first, second = (varied(TONE, OTHERS, np.random.default_rng(7)) for _ in range(2))

    np.testing.assert_array_equal(first, second)
    assert np.abs(first).max() <= 0.9 + 1e-6
    assert np.abs(babble(OTHERS, np.random.default_rng(7), seconds=2, voices=3)).max() <= 1 + 1e-6
