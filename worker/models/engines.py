"""What runs an exported ONNX network: OpenVINO, or ONNX Runtime. A picture in, numbers out, one core a call.

A call stays on one core, so that the worker's threads share the machine instead of waiting for each other. It takes one
picture, also where the export takes more: on a processor one run of four took longer than four runs. Where the export
leaves height and width open, pictures may be of any shape. Both compute in 32 bits whatever the processor offers (an
INT8 network stays one): a confidence that was calibrated on one machine must mean the same on the next.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from threading import Lock
from typing import Any, Final, Protocol

import numpy as np
import onnxruntime as ort

from worker.models.age_gender import NO_MODEL, Floats
from worker.models.detector import Image

CORES: Final = os.cpu_count() or 1
MOST_SHAPES: Final = 4  # that a network stays compiled for: a shop's kiosks have a camera or two


class Engine(Protocol):
    """A network ready to run. Safe for several threads."""

    @property
    def any_shape(self) -> bool:
        """Whether a picture's sides may be any multiples of STRIDE; otherwise they are as the network was made for."""
        ...

    def __call__(self, picture: Image) -> Floats:
        """The network's first output for a picture of (height, width, 3): (1, …, …).

        ValueError if it can't compute with a picture of that shape.
        """
        ...


class OpenVino:
    """The network in OpenVINO's CPU plugin, which also turns bytes into what the network was trained on: 0-1, NCHW.

    It is compiled for each shape of pictures by itself, when one first comes. Compiled once for all it is 4 % slower,
    and with 8 bits kills the process on processors with AMX (github.com/openvinotoolkit/openvino/issues/37577).
    """

    SETTINGS: Final[Mapping[str, Any]] = {
        "INFERENCE_PRECISION_HINT": "f32",  # some processors would take bfloat16 by themselves
        "ENABLE_CPU_PINNING": False,  # two workers on a machine would both take the first cores
    }

    def __init__(self, network: bytes, side: int, at_once: int = CORES) -> None:
        """ValueError if it is no ONNX network of one RGB picture input of that side.

        `at_once`: calls that are computed at a time, each with memory of its own; others wait.
        """
        self._ov = openvino()
        self._at_once = {"NUM_STREAMS": at_once, "INFERENCE_NUM_THREADS": at_once}
        self._core = self._ov.Core()
        try:
            self._model = self._core.read_model(network)
            shape = self._model.input().partial_shape
        except RuntimeError as error:
            raise ValueError(f"OpenVINO can't load the network for pictures of {side} pixels: {error}") from None
        rank = range(len(shape)) if shape.rank.is_static else ()
        self.any_shape = _takes_any_shape([shape[n].get_length() if shape[n].is_static else None for n in rank], side)
        self._compiled: OrderedDict[tuple[int, int], _Compiled] = OrderedDict()
        self._looking = Lock()  # at `_compiled`, for a moment
        self._compiling = Lock()  # one network after the other

    def __call__(self, picture: Image) -> Floats:
        height, width, _ = picture.shape
        try:
            return self._for((height, width))(picture)
        except RuntimeError as error:
            raise ValueError(f"OpenVINO fails at a picture of {width} × {height} pixels: {error}") from None

    def _for(self, shape: tuple[int, int]) -> _Compiled:
        """The network for that shape. Who has to compile it waits, and those whose shape is there go on."""
        if (found := self._known(shape)) is not None:
            return found
        with self._compiling:
            if (found := self._known(shape)) is None:  # nobody made it meanwhile
                found = self._compile(shape)
                with self._looking:
                    self._compiled[shape] = found
                    if len(self._compiled) > MOST_SHAPES:
                        self._compiled.popitem(last=False)
            return found

    def _known(self, shape: tuple[int, int]) -> _Compiled | None:
        with self._looking:
            if (found := self._compiled.get(shape)) is not None:
                self._compiled.move_to_end(shape)  # as the youngest
            return found

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
    """A network of OpenVINO's for pictures of one shape."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        # A request keeps its buffers and serves one call at a time.
        self._idle: deque[Any] = deque()

    def __call__(self, picture: Image) -> Floats:
        with self._request() as request:
            request.infer({0: picture[None]}, share_inputs=True)
            return np.array(request.get_output_tensor(0).data)  # a copy: the buffer is the next call's

    @contextmanager
    def _request(self) -> Generator[Any, None, None]:
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            yield request
        finally:
            self._idle.append(request)


class OnnxRuntime:
    """The network in ONNX Runtime, for what OpenVINO can't read."""

    def __init__(self, network: bytes, side: int, at_once: int = CORES) -> None:  # noqa: ARG002
        """ValueError if it is no ONNX network of one RGB picture input of that side. Callers share nothing."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors; of a network it can't load we tell ourselves
        try:
            self._session = ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        except NO_MODEL as error:
            raise ValueError(f"ONNX Runtime can't load the network: {error}") from None
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            raise ValueError(f"the network wants {[one.type for one in inputs]}, not one picture in 32-bit floats")
        self._input = inputs[0].name
        # What the export leaves open is a name there, or None.
        self.any_shape = _takes_any_shape([one if isinstance(one, int) else None for one in inputs[0].shape], side)

    def __call__(self, picture: Image) -> Floats:
        tensor = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32)
        tensor /= 255
        try:
            answer, *_ = self._session.run(None, {self._input: tensor})
        except NO_MODEL as error:
            height, width, _ = picture.shape
            raise ValueError(f"ONNX Runtime fails at a picture of {width} × {height} pixels: {error}") from None
        return np.asarray(answer)


ENGINES: Final[Mapping[str, Callable[[bytes, int, int], Engine]]] = {"openvino": OpenVino, "onnxruntime": OnnxRuntime}


def preferred() -> str:
    """The engine for a manifest that names none: OpenVINO, where it may run.

    It compiles a network to machine code. In systemd's sandbox (MemoryDenyWriteExecute) no memory may be written and
    then run, whatever a crafted picture brings about; there ONNX Runtime does the work, which brings its code along.
    """
    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except OSError:
        return "onnxruntime"
    return "openvino"


def openvino() -> Any:
    """OpenVINO's package, imported when the first network needs it: it takes 0.7 s and 35 MB.

    Importing it sends an event to Google Analytics unless `openvino_telemetry` is missing, so it is made to be missing.
    A worker that looks at customers tells nobody that it started.
    """
    # pyrefly: ignore[no-matching-overload]  # None: an import of it fails
    sys.modules.setdefault("openvino_telemetry", None)
    # Through importlib: the package has no types, and this is the one place that imports it.
    import_module("openvino.preprocess")
    return import_module("openvino")


def _takes_any_shape(shape: Sequence[int | None], side: int) -> bool:
    """Whether an input of this shape, None for what is left open, takes RGB pictures of any height and width.

    ValueError unless it takes one of that side.
    """
    wanted = (1, 3, side, side)
    if len(shape) != 4 or any(is_ not in (None, want) for is_, want in zip(shape, wanted, strict=True)):
        raise ValueError(f"the network wants pictures of {shape}, not {wanted}")
    return shape[2] is None and shape[3] is None
