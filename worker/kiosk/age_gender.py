"""The age and gender networks: chips of faces → logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from worker.models.boxes import InvalidOutput
from worker.models.chips import Chip
from worker.models.letterbox import GREY
from worker.models.onnx_runtime import Floats, session

# The first and the last year of each age band, of which the networks give a distribution.
BANDS: Final = ((0, 2), (3, 9), (10, 19), (20, 29), (30, 39), (40, 49), (50, 59), (60, 69), (70, 120))
SIDE: Final = 128  # pixels of a chip
AT_ONCE: Final = 8  # faces in one run: memory must not grow with a crowd


class Networks:
    """Several networks of one form, trained from different seeds. A call uses one thread."""

    def __init__(self, networks: Sequence[bytes]) -> None:
        """ValueError if there is none, or ONNX Runtime can't load one."""
        if not networks:
            raise ValueError("an age and gender network is needed")
        self._sessions = [session(network) for network in networks]

    def run(self, chips: Sequence[Chip]) -> Floats:
        """The logits of n faces, (n, networks, bands + 1): of each band, then of "female".

        Each is the mean over a face and its mirror image, so that a mirrored photo gets the same answer. InvalidOutput
        if one is NaN or infinite.
        """
        parts = [self._run(chips[start : start + AT_ONCE]) for start in range(0, len(chips), AT_ONCE)]
        logits = np.concatenate(parts)
        if not np.isfinite(logits).all():
            raise InvalidOutput("the age and gender networks answer NaN or infinity; the photo gets no label from them")
        return np.asarray(logits, dtype=np.float32)

    def check(self) -> None:
        """ValueError or InvalidOutput unless every network answers BANDS and a gender."""
        shape = self.run([np.full((SIDE, SIDE, 3), GREY, dtype=np.uint8)]).shape
        if shape != (expected := (1, len(self._sessions), len(BANDS) + 1)):
            raise ValueError(f"the age and gender networks answer {shape}, not {expected}")

    def _run(self, chips: Sequence[Chip]) -> Floats:
        faces = np.stack(chips).transpose(0, 3, 1, 2).astype(np.float32) / np.float32(127.5) - 1
        both = np.ascontiguousarray(np.concatenate([faces, faces[..., ::-1]]))
        logits = np.stack([each.run(["logits"], {"images": both})[0] for each in self._sessions], axis=1)
        return np.asarray((logits[: len(chips)] + logits[len(chips) :]) / 2, dtype=np.float32)
