"""ultralytics' predict on the weights that the network was exported from, for as many photos as a line of input names.

Reads lines of JSON, lists of paths of photos; answers each with a line, the people in each photo. ultralytics has no
server: photos that are asked about at the same time are one batch of predict.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def main() -> None:
    """Answer until standard input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # ultralytics prints, from its import on
    from ultralytics import YOLO  # noqa: PLC0415

    settings = json.loads(os.environ["NUNCHI_BENCH"])
    cut, classes = settings["cut"], settings["classes"]
    model = YOLO(settings["weights"])
    for line in sys.stdin:
        results = model.predict(
            json.loads(line),
            imgsz=settings["side"],
            conf=cut["confidence"],
            iou=cut["person_iou"],
            agnostic_nms=True,
            verbose=False,
        )
        print(json.dumps([_people(result.boxes, classes) for result in results]), file=answers, flush=True)


def _people(boxes: Any, classes: list[str]) -> list[dict[str, Any]]:
    rows = zip(boxes.cls.tolist(), boxes.conf.tolist(), boxes.xyxyn.tolist(), strict=True)
    return [{"label": classes[int(label)], "confidence": confidence, "box": box} for label, confidence, box in rows]


if __name__ == "__main__":
    main()
