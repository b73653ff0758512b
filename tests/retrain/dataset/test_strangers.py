"""A dataset's folder as YOLO's own tools read it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from recipes.kiosk.labels import LABELS
from retrain.bucket import Tree
from tests.retrain.dataset.shop import built, empty_bucket, fill, photo_id, put

TRAINER = Path(os.environ.get("NUNCHI_TRAINER_PYTHON", Path(__file__).parents[3] / ".venv-trainer/bin/python"))

READ = """
import json, sys
from ultralytics.data.dataset import YOLODataset
from ultralytics.data.utils import check_det_dataset

data = check_det_dataset(sys.argv[1], autodownload=False)
read = {"names": data["names"]}
for split in ("train", "val", "test"):
    pictures = YOLODataset(img_path=data[split], data=data, imgsz=96, augment=False)
    read[split] = [len(pictures), len(set(pictures.im_files)), sum(len(one["cls"]) for one in pictures.labels)]
print("READ " + json.dumps(read))
"""


@pytest.mark.skipif(not TRAINER.exists(), reason="make trainer installs what trains")
def test_ultralytics_reads_the_folder_wherever_it_lies(tmp_path: Path) -> None:
    """Classes, splits, repeated photos and pictures of nobody: as the manifest counts them."""
    with empty_bucket() as bucket:
        fill(bucket, 12)
        fill(bucket, 8, tree=Tree.REVIEWED, kiosk="k2")
        fill(bucket, 4, tree=Tree.GOLDEN, kiosk="k3")
        for number in range(2):
            put(bucket, photo_id(number * 7200, kiosk="k4"), tree=Tree.GOLDEN, labels=[])
        manifest = built(bucket, tmp_path / "built", val_share=0.3)
    folder = (tmp_path / "built").rename(tmp_path / "moved here")
    told = subprocess.run(
        [str(TRAINER), "-c", READ, str(folder / "data.yaml")],
        env={**os.environ, "YOLO_CONFIG_DIR": str(tmp_path), "YOLO_OFFLINE": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    [read] = [line.removeprefix("READ ") for line in told.stdout.splitlines() if line.startswith("READ ")]

    def counted(split: str) -> list[int]:
        items = [item for item in manifest.items if item.split == split]
        people = sum(item.weight * len(item.people) for item in items)
        return [sum(item.weight for item in items), len(items), people]

    assert json.loads(read) == {
        "names": {str(number): label for number, label in enumerate(LABELS)},
        "train": counted("train"),
        "val": counted("val"),
        "test": counted("golden"),
    }
    assert counted("train")[0] > counted("train")[1] > 0
