"""Deduplication: of photos that show nearly the same picture, from whichever kiosk, one is kept.

A perceptual hash (pHash, by ImageHash) survives scaling, compression and brightness. Each photo is compared with all
kept photos, in blocks of a matrix.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrain.bucket import Tree
from retrain.dataset.photos import DatasetPhoto

_ROWS: Final = 64  # of a block: with 20,000 kept, 40 MB
_PRECEDENCE: Final = {Tree.GOLDEN: 0, Tree.REVIEWED: 1, Tree.AUTO: 2}


def without_duplicates(
    photos: Sequence[DatasetPhoto], *, near_bits: int
) -> tuple[list[DatasetPhoto], list[tuple[DatasetPhoto, DatasetPhoto]]]:
    """The kept photos, no two of them near-duplicates; and each dropped photo with the kept photo that it duplicates.

    Golden takes precedence over reviewed, reviewed over auto, then the earliest reference; golden photos are all kept.
    So train holds no duplicate of a golden photo, nor of a val photo.
    """
    order = sorted(photos, key=lambda photo: (_PRECEDENCE[photo.source], photo.reference))
    hashes = _hashes([photo.phash for photo in order])
    kept: list[int] = []
    dropped: list[tuple[DatasetPhoto, DatasetPhoto]] = []
    for start in range(0, len(order), _ROWS):
        block = hashes[start : start + _ROWS]
        nearest, bits = _nearest(block, hashes[kept])
        inside = _distances(block, block)
        fresh: list[int] = []  # rows of this block that stay
        for row in range(len(block)):
            photo = order[start + row]
            nearest_fresh = min(fresh, key=lambda other: inside[row, other], default=None)
            if photo.source is Tree.GOLDEN:
                fresh.append(row)
            elif bits[row] <= near_bits:
                dropped.append((photo, order[kept[nearest[row]]]))
            elif nearest_fresh is not None and inside[row, nearest_fresh] <= near_bits:
                dropped.append((photo, order[start + nearest_fresh]))
            else:
                fresh.append(row)
        kept += [start + row for row in fresh]
    return [order[index] for index in kept], dropped


def nearly_earlier(phashes: Sequence[str], unlike: Sequence[Hashable], *, near_bits: int) -> dict[int, int]:
    """The places of pictures that nearly repeat an earlier one, each with the place of the nearest such.

    Only pictures that differ in `unlike` count, as in whom they show.
    """
    hashes = _hashes(phashes)
    numbers: dict[Hashable, int] = {}
    kinds = np.array([numbers.setdefault(kind, len(numbers)) for kind in unlike], dtype=np.intp)
    found: dict[int, int] = {}
    for start in range(0, len(hashes), _ROWS):
        end = min(start + _ROWS, len(hashes))
        distances = _distances(hashes[start:end], hashes[:end])
        later = np.arange(end) >= np.arange(start, end)[:, None]
        distances[later | (kinds[start:end, None] == kinds[:end])] = np.iinfo(np.int32).max
        nearest = distances.argmin(axis=1)
        for row in np.flatnonzero(distances[np.arange(end - start), nearest] <= near_bits):
            found[start + int(row)] = int(nearest[row])
    return found


def _hashes(phashes: Sequence[str]) -> NDArray[np.uint64]:
    """(photos, 4): 256 bits each."""
    raw = b"".join(map(bytes.fromhex, phashes))
    return np.frombuffer(raw, dtype=np.uint64).reshape(len(phashes), -1 if phashes else 4)


def _distances(some: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.int32]:
    """(some, others): the number of bits in which each pair differs."""
    total = np.zeros((len(some), len(others)), dtype=np.int32)
    for word in range(some.shape[1]):
        total += np.bitwise_count(some[:, word, None] ^ others[None, :, word])
    return total


def _nearest(some: NDArray[np.uint64], others: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """For each of `some` the index of the nearest other, and its distance; without others, the largest integer."""
    if not len(others):
        return np.zeros(len(some), dtype=np.intp), np.full(len(some), np.iinfo(np.int32).max, dtype=np.int32)
    distances = _distances(some, others)
    indices = distances.argmin(axis=1)
    return indices, distances[np.arange(len(some)), indices]
