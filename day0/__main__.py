"""Remakes the day-0 model from data to ONNX, fits its confidences, measures it, and writes its card.

    make model DATA=folder                                     in an environment of its own, with torch
    python -m day0 --data folder --work folder                every step that is not done yet
    python -m day0 --data folder --work folder --only report  from the networks that are committed

`--data` is a folder with manifest.csv, photos/ and fairface/. Steps: finder, chips, train, export, report. What a step
made stays in `--work`, so an interrupted run goes on. Training takes one to three hours of two cores.

The backbone of recipes' heads is no part of this model: `python -m day0.lite0` writes it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from day0 import card
from day0.evidence import ask, see
from day0.finder import FINDER
from day0.fit import Faces
from day0.manifest import SEEDS, network_path, write_manifest
from day0.photos import read_photos
from day0.report import choose, measured, of_the_finder
from worker.kiosk.age_gender import Networks
from worker.kiosk.kinds import load_detector
from worker.models.day_0 import DEFAULT_MANIFEST

REPORT: Final = Path(__file__).parent / "report.json"


def main() -> None:
    """Run the steps."""
    parser = argparse.ArgumentParser(
        prog="python -m day0", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv, photos/ and fairface/")
    parser.add_argument("--work", type=Path, required=True, help="folder for what the steps keep")
    parser.add_argument("--only", choices=STEPS, help="run this step alone")
    arguments = parser.parse_args()
    for name, step in STEPS.items():
        if arguments.only in (None, name):
            print(f"{name} …", flush=True)
            step(arguments.data, arguments.work)


def finder(_: Path, __: Path) -> None:
    """The face finder as ONNX."""
    if not FINDER.exists():
        run("day0.blazeface")


def chips(data: Path, work: Path) -> None:
    """The faces that the networks learn from."""
    if not (work / "chips" / "chips.csv").exists():
        run("day0.network.chips", "--data", data, "--out", work / "chips")


def train(_: Path, work: Path) -> None:
    """Both networks, side by side."""
    program = [sys.executable, "-m", "day0.network.train", "--chips", work / "chips"]
    jobs = [
        subprocess.Popen([*program, "--out", work / f"run{seed}", "--seed", str(seed)])
        for seed in SEEDS
        if not (work / f"run{seed}" / "weights.pt").exists()
    ]
    if max((job.wait() for job in jobs), default=0) != 0:
        raise SystemExit("a training failed; its error stands above. Run the same command again to go on")


def export(_: Path, work: Path) -> None:
    """The networks as ONNX."""
    for seed in SEEDS:
        run("day0.network.export", work / f"run{seed}", network_path(seed))


def report(data: Path, work: Path) -> None:
    """Calibration, manifest, report and card."""
    photos = [photo for photo in read_photos(data) if photo.split != "train"]
    seen = see(photos, work)
    contents = [network_path(seed).read_bytes() for seed in SEEDS]
    key = hashlib.sha256(b"".join(contents) + seen.chips[::50].tobytes()).hexdigest()[:12]
    faces = Faces.of(photos, seen, ask(Networks(contents), seen.chips, key, work))
    choices, calibration, held_out = choose(faces)
    write_manifest(calibration)
    model = load_detector(DEFAULT_MANIFEST)
    figures = {
        "choices": choices,
        "calibration": calibration,
        **measured(photos, seen, faces, calibration, held_out),
        **of_the_finder(photos, seen, model),
    }
    REPORT.write_text(json.dumps(figures, indent=1) + "\n")
    card.write(figures)
    print(f"wrote {DEFAULT_MANIFEST}, {REPORT} and {card.CARD}")


def run(module: str, *arguments: object) -> None:
    """A module as a process of its own."""
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], check=True)


STEPS: Final[dict[str, Callable[[Path, Path], None]]] = {
    step.__name__: step for step in (finder, chips, train, export, report)
}

if __name__ == "__main__":
    main()
