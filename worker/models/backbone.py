"""The frozen network that recipes' heads stand on: crops → feature maps, computed once for all heads.

EfficientNet-Lite0 up to its last activation, with ImageNet's weights (`lite0`, written by `day0.lite0`), or with those
that have learned faces (`face`, by `day0.face_maps`). Pooling is left
to `pooled`: a linear head on features pooled by their mean is the mean of that head over the places of the maps, so its
class activation map is exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from recipes.recipe import Net, Pool
from worker.models.boxes import InvalidOutput
from worker.models.manifests import InvalidModel
from worker.models.onnx_runtime import ORT_ERRORS, Floats, session

Crop = NDArray[np.uint8]  # (height, width, 3), RGB; normalised in the network

FEATURES: Final = 1280
SIDE: Final = 224  # pixels of a crop, as in the training of lite0
STRIDE: Final = 32  # pixels of a crop's side that one place of the maps stands for


@dataclass(frozen=True, slots=True)
class Network:
    """A shipped network: its file, the file's digest, and the side of its crops, pixels."""

    file: Path
    sha256: str
    side: int


_DATA: Final = Path(__file__).parent / "model_data"
NETWORKS: Final[Mapping[Net, Network]] = {
    Net.LITE0: Network(_DATA / "lite0.onnx", "bb65658b8c0c5e47f5feee50d75ab4e01500ff96b87ed92243e6cd377cb8c5ce", SIDE),
    Net.FACE: Network(_DATA / "face.onnx", "18ad762c8775996201de3693ee56d7de28393f11ae342cb67adf684e287de79b", 128),
}


class Backbone:
    """Crops → feature maps. Safe for several threads; a call uses one thread.

    Crops are run one by one: on one thread a batch takes as long, and 13 MB more for each further crop. So a crop has
    the same features, bit for bit, whatever is asked with it.
    """

    def __init__(self, network: bytes) -> None:
        """ValueError if ONNX Runtime can't load the network."""
        self._session = session(network)

    @classmethod
    def shipped(cls, shipped: Network = NETWORKS[Net.LITE0]) -> Self:
        """A network that heads are trained on. InvalidModel if its file is missing or has another digest."""
        file = shipped.file
        try:
            network = file.read_bytes()
        except OSError as error:
            raise InvalidModel(
                f"{file}: the backbone can't be read ({error.strerror}); no head is loaded. Install the worker again."
            ) from None
        if (digest := hashlib.sha256(network).hexdigest()) != shipped.sha256:
            raise InvalidModel(
                f"{file}: the backbone has SHA-256 {digest}, not {shipped.sha256}; heads have learned other "
                "features, so none is loaded. Install the worker again."
            )
        return cls(network)

    def features(self, crops: Sequence[Crop], pools: Sequence[Pool] = (Pool.MEAN,)) -> Mapping[Pool, Floats]:
        """The features of n crops, pooled in each way: (n, FEATURES). No maps are held; errors as of `maps`."""
        rows: dict[Pool, list[Floats]] = {pool: [np.empty((0, FEATURES), np.float32)] for pool in pools}
        for crop in crops:
            maps = self.maps([crop])
            for pool, of_pool in rows.items():
                of_pool.append(pooled(maps, pool))
        return {pool: np.concatenate(of_pool) for pool, of_pool in rows.items()}

    def maps(self, crops: Sequence[Crop]) -> Floats:
        """The activations of n crops of one shape, 0-6: (n, FEATURES, height / STRIDE, width / STRIDE).

        They take 245 KiB for a crop of SIDE. ValueError if a crop's shape is another than the first one's, or its sides
        are no multiples of STRIDE, or it holds no bytes. InvalidOutput if an activation is NaN or infinite.
        """
        if not crops:
            return np.empty((0, FEATURES, SIDE // STRIDE, SIDE // STRIDE), dtype=np.float32)
        shapes = sorted({crop.shape for crop in crops})
        if len(shapes) > 1 or not _fits(shapes[0]):
            raise ValueError(
                f"the backbone takes RGB crops of one shape, sides multiples of {STRIDE}, not {shapes}; resize them"
            )
        maps = np.concatenate([self._run(crop) for crop in crops])
        if not np.isfinite(maps).all():
            raise InvalidOutput("the backbone answers NaN or infinity; no head can answer for these crops")
        return maps

    def _run(self, crop: Crop) -> Floats:
        try:
            [maps] = self._session.run(["maps"], {"images": crop[None]})
        except ORT_ERRORS as error:
            raise ValueError(f"ONNX Runtime fails at a crop of {crop.dtype} {crop.shape}: {error}") from None
        return np.asarray(maps, dtype=np.float32)


def pooled(maps: Floats, pool: Pool = Pool.MEAN) -> Floats:
    """The mean, or the largest value, of each feature over its map: (n, FEATURES)."""
    over = (2, 3)
    return np.asarray(maps.mean(axis=over) if pool is Pool.MEAN else maps.max(axis=over), dtype=np.float32)


def _fits(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[2] == 3 and all(side > 0 and side % STRIDE == 0 for side in shape[:2])
