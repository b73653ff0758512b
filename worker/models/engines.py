"""Engines that run an exported ONNX network: OpenVINO, or ONNX Runtime. Image → output tensor, one core a call.

A call stays on one core, so that the worker's threads share the machine instead of waiting for each other. It takes one
picture, also where the export takes a batch: on a CPU one run of four took longer than four runs. Where the export
leaves height and width open, pictures may be of any shape. Both compute in 32 bits whatever the processor offers (an
INT8 network stays one): a confidence that was calibrated on one machine must mean the same on the next.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from threading import Lock
from typing import Any, Final, Protocol

import numpy as np

from worker.models.class_names import NAMES
from worker.models.detector import Image
from worker.models.onnx_runtime import ORT_ERRORS, Floats, session
from worker.threads import IdlePool

CORES: Final = os.cpu_count() or 1
MAX_SHAPES: Final = 4  # that a network stays compiled for: a shop's kiosks have a camera or two


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


class OpenVino:
    """The network in OpenVINO's CPU plugin, which also converts bytes to the network's input: 0-1, NCHW.

    It is compiled for each shape separately, at its first picture. Compiled for all shapes at once it is 4 % slower,
    and with 8 bits crashes the process on processors with AMX (github.com/openvinotoolkit/openvino/issues/37577).
    """

    SETTINGS: Final[Mapping[str, Any]] = {
        "INFERENCE_PRECISION_HINT": "f32",  # some processors would use bfloat16 by default
        "ENABLE_CPU_PINNING": False,  # two workers on a machine would both pin the first cores
    }

    def __init__(self, network: bytes, side: int, at_once: int = CORES) -> None:
        """ValueError if it is not an ONNX network with one RGB picture input of that side.

        `at_once`: calls that are computed at a time, each with its own memory; others wait.
        """
        self._ov = openvino()
        self._at_once = {"NUM_STREAMS": at_once, "INFERENCE_NUM_THREADS": at_once}
        self._core = self._ov.Core()
        try:
            self._model = self._core.read_model(network)
            shape = self._model.input().partial_shape
        except RuntimeError as error:
            raise ValueError(f"OpenVINO can't load the network for pictures of {side} pixels: {error}") from None
        stated = ["framework", NAMES]  # where OpenVINO keeps the metadata of an ONNX file
        self.class_names = self._model.get_rt_info(stated).astype(str) if self._model.has_rt_info(stated) else None
        rank = range(len(shape)) if shape.rank.is_static else ()
        self.any_shape = _takes_any_shape([shape[n].get_length() if shape[n].is_static else None for n in rank], side)
        self._compiled: OrderedDict[tuple[int, int], _Compiled] = OrderedDict()
        self._compiled_lock = Lock()  # held for a moment
        self._compiling = Lock()  # held while a network is compiled

    def __call__(self, picture: Image) -> Floats:
        height, width, _ = picture.shape
        try:
            return self._for((height, width))(picture)
        except RuntimeError as error:
            raise ValueError(f"OpenVINO fails at a picture of {width} × {height} pixels: {error}") from None

    def _for(self, shape: tuple[int, int]) -> _Compiled:
        """The network for that shape. Only calls with a new shape wait for the compiler."""
        if (compiled := self._cached(shape)) is not None:
            return compiled
        with self._compiling:
            if (compiled := self._cached(shape)) is None:  # another thread may have compiled it meanwhile
                compiled = self._compile(shape)
                with self._compiled_lock:
                    self._compiled[shape] = compiled
                    if len(self._compiled) > MAX_SHAPES:
                        self._compiled.popitem(last=False)
            return compiled

    def _cached(self, shape: tuple[int, int]) -> _Compiled | None:
        with self._compiled_lock:
            if (compiled := self._compiled.get(shape)) is not None:
                self._compiled.move_to_end(shape)  # most recently used
            return compiled

    def _compile(self, shape: tuple[int, int]) -> _Compiled:
        ov, model = self._ov, self._model.clone()
        model.reshape([1, 3, *shape])
        steps = ov.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
        steps.input().preprocess().convert_element_type(ov.Type.f32).scale(255.0)
        steps.input().model().set_layout(ov.Layout("NCHW"))
        steps.output(0).tensor().set_element_type(ov.Type.f32)
        return _Compiled(self._core.compile_model(steps.build(), "CPU", {**self.SETTINGS, **self._at_once}))


class _Compiled:
    """A network compiled for pictures of one shape."""

    def __init__(self, compiled: Any) -> None:
        # A request keeps its buffers and serves one call at a time.
        self._requests = IdlePool(compiled.create_infer_request)

    def __call__(self, picture: Image) -> Floats:
        with self._requests.use() as request:
            request.infer({0: picture[None]}, share_inputs=True)
            return np.array(request.get_output_tensor(0).data)  # a copy: the next call reuses the buffer


class OnnxRuntime:
    """The network in ONNX Runtime, for exports that OpenVINO can't read."""

    def __init__(self, network: bytes, side: int, at_once: int = CORES) -> None:  # noqa: ARG002
        """ValueError if it is not an ONNX network with one RGB picture input of that side."""
        self._session = session(network)
        self.class_names = self._session.get_modelmeta().custom_metadata_map.get(NAMES)
        inputs = self._session.get_inputs()
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
        try:
            output, *_ = self._session.run(None, {self._input: tensor})
        except ORT_ERRORS as error:
            height, width, _ = picture.shape
            raise ValueError(f"ONNX Runtime fails at a picture of {width} × {height} pixels: {error}") from None
        return np.asarray(output)


ENGINES: Final[Mapping[str, Callable[[bytes, int, int], Engine]]] = {"openvino": OpenVino, "onnxruntime": OnnxRuntime}


def preferred() -> str:
    """The engine for a manifest without `runtime`: OpenVINO, where it may run.

    It compiles a network to machine code. In systemd's sandbox (MemoryDenyWriteExecute) no memory may be written and
    then executed, which protects from crafted pictures; ONNX Runtime needs no such memory and is used there.
    """
    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except OSError:
        return "onnxruntime"
    return "openvino"


def openvino() -> Any:
    """OpenVINO's package, imported when the first network needs it: it takes 0.7 s and 35 MB.

    Importing it sends an event to Google Analytics unless `openvino_telemetry` is missing, so that import is blocked: a
    worker reports to no third party.
    """
    # pyrefly: ignore[no-matching-overload]  # None: its import fails
    sys.modules.setdefault("openvino_telemetry", None)
    # Through importlib: the package has no types, and this is the one place that imports it.
    import_module("openvino.preprocess")
    return import_module("openvino")


def _takes_any_shape(shape: Sequence[int | None], side: int) -> bool:
    """Whether an input of this shape (None: a dynamic dimension) takes RGB pictures of any height and width.

    ValueError unless it takes a square of that side.
    """
    expected = (1, 3, side, side)
    if len(shape) != 4 or any(size not in (None, wanted) for size, wanted in zip(shape, expected, strict=True)):
        raise ValueError(f"the network's input has the shape {shape}, not {expected}")
    return shape[2] is None and shape[3] is None
