"""The age and the gender network: face chips → logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime as ort

from worker.models.faces import Chip
from worker.models.onnx_runtime import Floats, session

AGE_SIDE: Final = 64  # pixels of an age chip
GENDER_SIDE: Final = 32  # pixels of a gender chip
# What both networks were trained with; the wheel's own manifest states it.
MEANS: Final = np.array([122.781998, 117.000999, 104.297997], dtype=np.float32)
SCALE: Final = np.float32(1 / 256)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The networks' logits for n faces in several views each."""

    age_logits: Floats  # (n, views, 81): one for each age, 0-80 years
    gender_logits: Floats  # (n, views, 2): female, male


@dataclass(frozen=True, slots=True)
class Views:
    """One face in several views: aligned chips, some of them mirrored, for the age and for the gender network."""

    age: tuple[Chip, ...]  # each (64, 64, 3)
    gender: tuple[Chip, ...]  # each (32, 32, 3)


class Networks:
    """The age and the gender network. A call uses one thread: several photos run in several threads."""

    def __init__(self, age: bytes, gender: bytes) -> None:
        """ValueError if ONNX Runtime can't load one of them."""
        # ORT_ENABLE_ALL lays these small convolutions out in blocks, which makes the age network 2.5 times slower.
        basic = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        self._age = session(with_output(age, "logits"), optimization=basic)
        self._gender = session(with_output(gender, "logits"), optimization=basic)

    def run(self, faces: Sequence[Views]) -> Evidence:
        """The logits of n faces with equally many views each, in one run of each network."""
        age_chips = _tensor([chip for face in faces for chip in face.age])
        gender_chips = _tensor([chip for face in faces for chip in face.gender])
        logits = (
            *self._age.run(["logits"], {"images": age_chips}),
            *self._gender.run(["logits"], {"images": gender_chips}),
        )
        return Evidence(*(output.reshape(len(faces), -1, output.shape[1]) for output in logits))


def with_output(model: bytes, tensor: str) -> bytes:
    """The ONNX model with an inner tensor (a name of at most 100 letters) as one more output.

    Decoding joins what is appended to a Protocol Buffers message: fields of an embedded message are merged, repeated
    ones concatenated (encoding guide, "Last One Wins"). So a ModelProto (field 7: graph) of a GraphProto (field 12:
    output) of a ValueInfoProto (field 1: name) adds one name to the outputs and touches nothing else.
    """
    message = tensor.encode()
    for field in (1, 12, 7):
        message = bytes([field << 3 | 2, len(message)]) + message
    return model + message


def _tensor(chips: Sequence[Chip]) -> Floats:
    """Chips, n of (side, side, 3) RGB, as (n, 3, side, side)."""
    return np.ascontiguousarray(((np.stack(chips).astype(np.float32) - MEANS) * SCALE).transpose(0, 3, 1, 2))
