"""ONNX Runtime sessions. Most have one thread: several photos run in several threads."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state

Floats = NDArray[np.float32]

# ONNX Runtime's errors share no base class but Exception.
ORT_ERRORS: Final = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NotImplemented,
    state.RuntimeException,
)


def session(network: bytes, *, threads: int = 1, optimization: Any = ort.GraphOptimizationLevel.ORT_ENABLE_ALL) -> Any:
    """A session of an ONNX network, of which each run takes `threads`; ValueError if ONNX Runtime can't load it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait leave their processor
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: the ValueError says what is wrong with a network
    options.graph_optimization_level = optimization
    try:
        return ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except ORT_ERRORS as error:
        raise ValueError(f"ONNX Runtime can't load the network: {error}") from None
