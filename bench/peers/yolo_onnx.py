"""A YOLO's ONNX as the peers' services run it: OpenCV decodes and resizes, ONNX Runtime computes, OpenCV suppresses.

Runs in the environments of the peers, with numpy, OpenCV and ONNX Runtime; imports nothing of this project. It follows
ultralytics' preparation (a letterbox in strides of 32) and the worker's two suppressions, so that all answer alike.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

import cv2
import numpy as np
import onnxruntime as ort

GREY: Final = 114
STRIDE: Final = 32


class YoloOnnx:
    """A network with the settings of NUNCHI_BENCH, see servers.py: path, side, classes, cut, threads."""

    def __init__(self) -> None:
        settings = json.loads(os.environ["NUNCHI_BENCH"])
        self.side: int = settings["side"]
        self.classes: list[str] = settings["classes"]
        self.cut: dict[str, float] = settings["cut"]
        options = ort.SessionOptions()
        options.intra_op_num_threads = settings["threads"]
        self._session = ort.InferenceSession(settings["network"], options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        cv2.setNumThreads(settings["threads"])

    def people(self, pictures: Sequence[Any]) -> list[list[dict[str, Any]]]:
        """The people in each RGB picture: label, confidence, box as fractions. Those of one shape are a batch."""
        prepared = [self._letterbox(picture) for picture in pictures]
        found: list[list[dict[str, Any]]] = []
        for _, group in groupby(prepared, key=lambda each: each[0].shape):
            batch = list(group)
            tensor = np.ascontiguousarray(np.stack([each[0] for each in batch]).transpose(0, 3, 1, 2), dtype=np.float32)
            tensor /= 255
            [outputs] = self._session.run(None, {self._input: tensor})
            found += [self._read(output, *each[1:]) for output, each in zip(outputs, batch, strict=True)]
        return found

    def _letterbox(self, picture: Any) -> tuple[Any, float, float, tuple[int, int]]:
        """The frame, the place of the photo's corner in it, and the photo's size there."""
        height, width = picture.shape[:2]
        scale = self.side / max(height, width)
        inner = (round(width * scale), round(height * scale))
        frame_width, frame_height = (math.ceil(length / STRIDE) * STRIDE for length in inner)
        left, top = (frame_width - inner[0]) // 2, (frame_height - inner[1]) // 2
        resized = cv2.resize(picture, inner, interpolation=cv2.INTER_LINEAR)
        right, bottom = frame_width - inner[0] - left, frame_height - inner[1] - top
        frame = cv2.copyMakeBorder(resized, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(GREY, GREY, GREY))
        return frame, left, top, inner

    def _read(self, output: Any, left: float, top: float, inner: tuple[int, int]) -> list[dict[str, Any]]:
        rows = output.T
        scores = rows[:, 4:]
        rows, scores = (each[scores.max(axis=1) >= self.cut["confidence"]] for each in (rows, scores))
        if not len(rows):
            return []
        best, classes = scores.max(axis=1), scores.argmax(axis=1)
        boxes = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, 2:4]], axis=1)
        kept = np.asarray(
            cv2.dnn.NMSBoxesBatched(boxes.tolist(), best.tolist(), classes.tolist(), 0.0, self.cut["class_iou"])
        )
        again = cv2.dnn.NMSBoxes(boxes[kept].tolist(), best[kept].tolist(), 0.0, self.cut["person_iou"])
        size = np.array([*inner, *inner], dtype=float)
        people = []
        for index in kept[np.asarray(again)]:
            x, y, width, height = boxes[index]
            corners = np.clip((np.array([x, y, x + width, y + height]) - [left, top, left, top]) / size, 0, 1)
            label = self.classes[int(classes[index])]
            people.append({"label": label, "confidence": float(best[index]), "box": corners.tolist()})
        return people


def decoded(jpeg: bytes) -> Any:
    """The RGB picture of a JPEG."""
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
