"""The engine that runs an exported YOLO: ONNX Runtime, on every machine. Picture → output tensor.

A call that comes while another runs stays on one core, so that the worker's threads share the machine instead of
waiting for each other; a lone one takes up to MAX_THREADS cores, which are idle otherwise. In a burst the other thread
is between two networks for a moment only, so a call is alone when no two have run at once for CALM_S. It takes one
picture, also where the export takes a batch: on a CPU one run of four took longer than four runs. Where the export
leaves height and width open, pictures may be of any shape. It computes in 32 bits whatever the processor offers (an
INT8 network stays one): a confidence that was calibrated on one machine must mean the same on the next.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import numpy as np

from worker.models.class_names import NAMES
from worker.models.detector import Image
from worker.models.onnx_runtime import ORT_ERRORS, Floats, session

MAX_THREADS: Final = 4  # of a lone picture; more gain little, and wake more cores
CALM_S: Final = 1.0


class Engine(Protocol):
    """A loaded network. Safe for several threads."""

    @property
    def any_shape(self) -> bool:
        """Whether a picture's sides may be any multiples of STRIDE; otherwise the shape is fixed."""
        ...

    @property
    def class_names(self) -> str | None:
        """The class names in the file's metadata, as ultralytics writes them; None without."""
        ...

    def __call__(self, picture: Image) -> Floats:
        """The network's first output for a picture of (height, width, 3): (1, …, …).

        ValueError if it can't compute with a picture of that shape.
        """
        ...


class OnnxRuntime:
    """The network in ONNX Runtime, which generates no code at run time: the worker's sandbox forbids that."""

    def __init__(self, network: bytes, side: int, clock: Callable[[], float] = time.monotonic) -> None:
        """ValueError if it is not an ONNX network with one RGB picture input of that side."""
        self._one_core = session(network)
        threads = min(len(os.sched_getaffinity(0)), MAX_THREADS)
        self._all_cores = session(network, threads=threads) if threads > 1 else self._one_core
        self._running, self._crowded_at, self._lock, self._clock = 0, -math.inf, threading.Lock(), clock
        self.class_names = self._one_core.get_modelmeta().custom_metadata_map.get(NAMES)
        inputs = self._one_core.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            raise ValueError(
                f"the network's inputs are {[each.type for each in inputs]}, not one picture in 32-bit floats"
            )
        self._input = inputs[0].name
        # A dynamic dimension is a name there, or None.
        self.any_shape = _takes_any_shape([size if isinstance(size, int) else None for size in inputs[0].shape], side)

    def __call__(self, picture: Image) -> Floats:
        tensor = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32)
        tensor /= 255
        with self._lock:
            now = self._clock()
            if self._running:
                self._crowded_at = now
            self._running += 1
            chosen = self._all_cores if now - self._crowded_at >= CALM_S else self._one_core
        try:
            output, *_ = chosen.run(None, {self._input: tensor})
        except ORT_ERRORS as error:
            height, width, _ = picture.shape
            raise ValueError(f"ONNX Runtime fails at a picture of {width} × {height} pixels: {error}") from None
        finally:
            with self._lock:
                self._running -= 1
        return np.asarray(output)


def _takes_any_shape(shape: Sequence[int | None], side: int) -> bool:
    """Whether an input of this shape (None: a dynamic dimension) takes RGB pictures of any height and width.

    ValueError unless it takes a square of that side.
    """
    expected = (1, 3, side, side)
    if len(shape) != 4 or any(size not in (None, wanted) for size, wanted in zip(shape, expected, strict=True)):
        raise ValueError(f"the network's input has the shape {shape}, not {expected}")
    return shape[2] is None and shape[3] is None
