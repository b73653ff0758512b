"""Where in a crop the answer of a head comes from: its class activation map, from the maps that answered, exactly.

A head's logits are linear in the pooled features, and pooling is the mean over the places of the maps. So each logit is
the mean over the places of the same weights on the features of one place, plus the bias. No gradient is needed, and no
second run (Zhou et al., Learning Deep Features for Discriminative Localization, 2016).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipes.recipe import Region
from worker.models.onnx_runtime import Floats
from worker.models.regions import FoundSubject

Places = NDArray[np.float32]  # (height, width), places of a crop from its upper left


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks, place by place of a subject's region, for the value that a head says."""

    subject: FoundSubject
    region: Region
    places: Places


def centred(per_value: Floats) -> NDArray[np.float64]:
    """Weights or biases, (…, values), less their mean over the values: no softmax can tell the two apart.

    A head of two values may hold one of them as zeros, which without this would have no places at all.
    """
    exact = per_value.astype(np.float64)
    return np.asarray(exact - exact.mean(axis=-1, keepdims=True))


def places_of(maps: Floats, weights: Floats, value: int) -> Places:
    """How much each place speaks for a value, by its number, against the mean of all values: (height, width).

    `maps`: of one crop, (features, height, width); `weights`: (features, values). The mean over the places, plus the
    centred bias, is the centred logit.
    """
    features, *shape = maps.shape
    places = centred(weights)[:, value] @ maps.reshape(features, -1)
    return places.reshape(shape).astype(np.float32)
