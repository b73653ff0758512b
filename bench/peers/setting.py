"""What all servers have in common: the network, the photos, the two processors; and a server's setting."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.drawn_yolo import SERVED_SIDE, trained
from bench.peers.processes import ROOT
from demo.drawn_people import draw, draw_trial_picture
from recipes.kiosk.labels import LABELS
from retrain.fit.candidate import CUT

PROCESSORS: Final = 2
BATCH: Final = 8  # photos at most, where a peer makes batches
SIZE: Final = (1280, 720)
FIRST_SEED: Final = 2 * 10**6  # of photos that no training saw


@dataclass(frozen=True, slots=True)
class Material:
    """The network and its manifest, the weights it was exported from, the photos, and a folder to work in."""

    manifest: Path
    network: Path
    weights: Path
    trial_picture: Path
    photos: tuple[bytes, ...]
    paths: tuple[Path, ...]
    folder: Path

    @classmethod
    def drawn(cls, folder: Path, photos: int) -> Material:
        """A YOLOv5n trained on drawn people (two minutes, the first time), and so many drawn photos.

        The worker runs it in ONNX Runtime, as on instances.
        """
        yolo = trained()
        manifest = json.loads(yolo.fp32.read_bytes()) | {"runtime": "onnxruntime"}
        path = yolo.fp32.with_name("onnxruntime.json")
        path.write_text(json.dumps(manifest))
        network = yolo.fp32.parent / manifest["files"]["network"]["path"]
        jpegs = tuple(draw(FIRST_SEED + number, size=SIZE).jpeg for number in range(photos))
        paths = tuple(folder / f"{number:03}.jpg" for number in range(photos))
        for file, jpeg in zip(paths, jpegs, strict=True):
            file.write_bytes(jpeg)
        return cls(path, network, yolo.weights, draw_trial_picture(folder / "trial.jpg"), jpegs, paths, folder)

    def environ(self, **settings: Any) -> dict[str, str]:
        """The environment of a peer, with its settings; it reports to no third party, and uses no proxy."""
        fields = {
            "network": str(self.network),
            "weights": str(self.weights),
            "side": SERVED_SIDE,
            "classes": [str(label) for label in LABELS],
            "cut": dict(CUT),
            "folder": str(self.folder / "peer"),
            **settings,
        }
        return without_proxies() | {
            "NUNCHI_BENCH": json.dumps(fields),
            "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_HOME": str(self.folder / "bentoml"),
            "LITSERVE_DISABLE_VERSION_CHECK": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
            "YOLO_CONFIG_DIR": str(self.folder),
            "YOLO_OFFLINE": "true",
        }


def without_proxies() -> dict[str, str]:
    """This process's environment for a child that talks to this machine only."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class PeerSetting:
    """How a peer serves: worker processes or replicas, threads of ONNX Runtime in each, photos of a batch (0: none)."""

    processes: int
    threads: int
    batch: int

    def fields(self) -> Mapping[str, int]:
        """As the peer reads it from NUNCHI_BENCH."""
        return {"processes": self.processes, "threads": self.threads, "batch": self.batch}


BATCHES: Final = PeerSetting(processes=1, threads=PROCESSORS, batch=BATCH)
TWO_PROCESSES: Final = PeerSetting(processes=PROCESSORS, threads=1, batch=0)
