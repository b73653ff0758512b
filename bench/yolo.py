"""Throughput of a YOLO in the worker, compared with bare ONNX Runtime and ultralytics on the same network.

    python -m bench.yolo [--manifest MANIFEST] [--photos 60] [--ultralytics PYTHON WEIGHTS]

MANIFEST is of kind "yolov5"; without one a YOLOv5n is trained on drawn people, and measured at 640 pixels, against
`ultralytics` and against itself in 8 bits (bench/drawn_yolo.py, needs `make trainer`). All sides take turns in one run,
on the same threads, so that noise affects all alike. The worker's side runs from decoded photo to people, bare ONNX
Runtime from tensor to tensor. `--ultralytics` names the Python of an environment that has
ultralytics (AGPL-3.0, none of this project's) and the weights the network was exported from: its own predict, in a
process of its own, on the same photos and as many cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from bench.drawn_yolo import held_out, mean_ap, trained
from bench.photos import frames
from bench.training import TRAINER
from imaging.decoding import decode
from worker.kiosk.kinds import load_detector
from worker.kiosk.yolo import Yolo
from worker.models.detector import Image
from worker.models.manifests import read_manifest

ROUNDS: Final = 5
GOALS: Final = {"onnxruntime": 0.85, "ultralytics": 2.0}
# Runs in the Python of ultralytics: photos a second of a warm predict.
PREDICT: Final = """
import sys, time, numpy as np
from ultralytics import YOLO
photos, model, side = list(np.load(sys.argv[1]).values()), YOLO(sys.argv[2]), int(sys.argv[3])
photos = [np.ascontiguousarray(photo[:, :, ::-1]) for photo in photos]
for photo in photos[:3]:
    model.predict(photo, imgsz=side, verbose=False)
start = time.perf_counter()
for photo in photos:
    model.predict(photo, imgsz=side, verbose=False)
print(len(photos) / (time.perf_counter() - start))
"""


def rate(work: Callable[[Any], object], inputs: list[Any], threads: int) -> float:
    """Inputs a second of `work` on `threads` threads."""
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        list(pool.map(work, inputs))
        return len(inputs) / (time.perf_counter() - start)


def bare_onnxruntime(network: bytes) -> Callable[[Any], object]:
    """Inference on a ready tensor, on one core."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda tensor: session.run(None, {name: tensor})


def tensors(images: list[Image], yolo: Yolo) -> list[Any]:
    """The photos as input tensors of the worker's network, (1, 3, height, width) each."""
    pictures = [yolo.network_input(image)[0] for image in images]
    return [np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32) / 255 for picture in pictures]


def predict(python: str, weights: str, images: list[Image], side: int) -> float:
    """Photos a second of ultralytics' predict."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photos.npz"
        np.savez(path, *images)
        command = [python, "-c", PREDICT, str(path), weights, str(side)]
        completed = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return float(completed.stdout.splitlines()[-1])


def main() -> None:
    """Measure, print a table for people and a line of JSON for programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, help="of a model of kind yolov5")
    parser.add_argument("--photos", type=int, default=60, help="photos in each round")
    parser.add_argument(
        "--ultralytics", nargs=2, metavar=("PYTHON", "WEIGHTS"), help="also measure ultralytics' predict"
    )
    options = parser.parse_args()
    drawn = None if options.manifest else trained()
    if drawn is not None:
        options.manifest = drawn.fp32
        options.ultralytics = options.ultralytics or [str(TRAINER / "python"), str(drawn.weights)]
    manifest = read_manifest(options.manifest)
    network, side = manifest.file("network").read_bytes(), int(manifest.fields["input"])
    distinct = [decode(data, max_pixels=40_000_000).image for data in frames(12)]
    images = [distinct[number % len(distinct)] for number in range(options.photos)]
    threads = os.cpu_count() or 1
    detector = load_detector(options.manifest)
    if not isinstance(detector, Yolo):
        parser.error(f"{options.manifest} is of kind {manifest.kind}, not yolov5")
    ready = tensors(images, detector)
    sides: dict[str, Callable[[], float]] = {
        "ours": partial(rate, lambda image: detector.detect([image]), images, threads),
        "onnxruntime": partial(rate, bare_onnxruntime(network), ready, threads),
    }
    if options.ultralytics:
        python, weights = options.ultralytics
        sides["ultralytics"] = partial(predict, python, weights, images, side)
    if drawn is not None:
        quantised = load_detector(drawn.int8)
        sides["int8"] = partial(rate, lambda image: quantised.detect([image]), images, threads)
        network8 = read_manifest(drawn.int8).file("network").read_bytes()
        sides["onnxruntime in 8 bits"] = partial(rate, bare_onnxruntime(network8), ready, threads)
    for measure in sides.values():
        measure()  # warm up
    ratios: dict[str, list[float]] = {name: [] for name in sides if name != "ours"}
    for number in range(ROUNDS):
        rates = {name: measure() for name, measure in sides.items()}
        print(f"round {number + 1}: " + "   ".join(f"{name} {value:6.1f}/s" for name, value in rates.items()))
        for name, values in ratios.items():
            values.append(rates["ours"] / rates[name])
    medians = {name: round(statistics.median(values), 3) for name, values in ratios.items()}
    for name, ratio in medians.items():
        goal = f" (goal: {GOALS[name]:g})" if name in GOALS else ""
        print(f"median {ratio:.2f} times {name} on {threads} threads{goal}")
    if drawn is not None:
        photos = held_out(drawn.data)
        for name, path in (("32", drawn.fp32_as_trained), ("8", drawn.int8_as_trained)):
            print(f"in {name} bits: mAP50 %.4f, mAP50-95 %.4f on {len(photos)} drawn photos" % mean_ap(path, photos))
    print(json.dumps({"bench": "yolo", "ratios": medians, "threads": threads, "side": side}))


if __name__ == "__main__":
    main()
