"""How sharp a photo is: the variance of its Laplacian.

Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", ICPR 2000. A person who walks
up is blurred by motion, and a blurred face costs a label.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

CENTRE: Final = 0.6  # of each side: the person stands there, the shop's shelves are sharp in any photo


def sharpness(grey: NDArray[np.uint8]) -> float:
    """The variance of the Laplacian in the centre of a grey photo (rows × columns, 0-255); 0 for a tiny one.

    Comparable between photos of one size only.
    """
    rows, columns = grey.shape
    top, left = round(rows * (1 - CENTRE) / 2), round(columns * (1 - CENTRE) / 2)
    centre = grey[top : rows - top, left : columns - left].astype(np.float32)
    if min(centre.shape) < 3:
        return 0.0
    laplacian = centre[:-2, 1:-1] + centre[2:, 1:-1] + centre[1:-1, :-2] + centre[1:-1, 2:] - 4 * centre[1:-1, 1:-1]
    return float(laplacian.var())
