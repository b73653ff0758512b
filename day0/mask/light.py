"""What drawn things take over from a photo: its light, its sharpness, its noise, its lack of colour."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter

from day0.mask.head import Plane
from worker.models.detector import Image
from worker.models.faces import Face

Colours = NDArray[np.floating[Any]]  # (height, width, 3), RGB, 0-255
LUMA: Final = np.array((0.299, 0.587, 0.114), np.float32)
ONE_TINT: Final = 3.5  # standard deviation of R, G and B around the grey value, in a photo of one tint


class Light:
    """The light of a photo on a face."""

    def __init__(self, image: Image, face: Face, wide: float) -> None:
        """`wide`: pixels of the face's width."""
        self._soft = max(0.4, 0.006 * wide)  # as a lens and JPEG leave an edge
        grey = Pillow.fromarray(image).convert("L")
        exact = np.asarray(grey, dtype=np.float32)
        height, width = exact.shape
        x0, y0 = min(max(0, round(face.corners[0])), width - 1), min(max(0, round(face.corners[1])), height - 1)
        part = np.s_[y0 : max(y0 + 1, round(face.corners[3])), x0 : max(x0 + 1, round(face.corners[2]))]
        brightest = max(float(np.percentile(exact, 95)), float(np.percentile(exact[part], 98)))
        self.white = float(np.clip(brightest / 235, 0.35, 1.05))  # how bright white is, 0-1
        spread = np.asarray(grey.filter(ImageFilter.GaussianBlur(0.16 * wide)), dtype=np.float32)
        self._falls = self.white * np.clip(spread / max(1.0, float(spread[part].mean())), 0.5, 1.4) ** np.float32(0.6)
        self._noise = float(np.clip(1.5 * np.median(np.abs(exact - blurred(exact, 1.0))), 0.3, 5))
        chroma = image - exact[..., None]
        self._tint = chroma.mean(axis=(0, 1)) if chroma.std(axis=(0, 1)).mean() < ONE_TINT else None

    def tinted(self, colours: Colours) -> Colours:
        """The colours; in a grey or sepia photo its one tint. The last axis is RGB."""
        return colours if self._tint is None else np.asarray((colours @ LUMA)[..., None] + self._tint)

    def laid(self, pixels: Colours, colours: Colours, cover: Plane, random: np.random.Generator) -> Colours:
        """The pixels under something of these colours, 0-255 in full light, where `cover`, 0-1, says so."""
        lit = blurred(self.tinted(colours) * self._falls[..., None], self._soft)
        lit = lit + random.normal(0, self._noise, lit.shape).astype(np.float32)
        return pixels + (lit - pixels) * blurred(cover, self._soft)[..., None]


def blurred(values: Plane, radius: float) -> Plane:
    """Blurred by a Gaussian whose standard deviation is `radius` pixels, over the first two axes."""
    reach = max(1, int(np.ceil(3 * radius)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / radius) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        edges = [(reach, reach) if each == axis else (0, 0) for each in range(values.ndim)]
        padded = np.pad(values, edges, mode="edge")
        values = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=axis) @ kernel
    return np.asarray(values, dtype=np.float32)


def pixels_of(colours: Colours) -> Image:
    """Eight bits a channel."""
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)
