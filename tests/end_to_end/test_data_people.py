"""Every block of docs/data-people.md, in order, in one cloud that can retrain: as a data person would paste it, twice.

What stands in capitals is filled in as the page says: PORT from `nunchi status`, BUILD and RUN from what commands
printed, KIOSK and IMAGE of a photo. Beside the page there are only what it takes for granted: photos that the worker
kept, and what somebody did in Label Studio. The people are drawn.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from contracts.names import Reference, new_image_id
from contracts.private_folder import is_private
from contracts.yolo import format_labels
from demo.drawn_people import draw
from local.environment import ROOT
from local.record import Record
from local.state import StateDir
from recipes.kiosk.labels import LABELS
from retrain.bucket import DatasetBucket, Tree
from tests.end_to_end.conftest import run_nunchi
from tests.end_to_end.test_documents import TOOLS

TRAINER: Final = Path(os.environ.get("NUNCHI_TRAINER_PYTHON", ROOT / ".venv-trainer" / "bin" / "python"))
pytestmark = pytest.mark.skipif(not TRAINER.exists(), reason="make trainer installs what trains")

MARK: Final = "<!-- run by tests/end_to_end/test_data_people.py -->"
COMMAND_S: Final = 900.0  # ends what hangs, also on a busy machine
PAGE_S: Final = 3600
SIZE: Final = (96, 72)
FIRST_PHOTO: Final = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)  # one day for ever: splits and the sample go by ids
# A training that takes seconds, of a network that learns nothing.
TINY: Final = {
    "NUNCHI_EPOCHS": "1",
    "NUNCHI_IMAGE_SIZE": "64",
    "NUNCHI_BATCH": "8",
    "NUNCHI_LOADERS": "0",
    "NUNCHI_LOOK_OVER": "false",
    "NUNCHI_VAL_SHARE": "0.3",
    "NUNCHI_GOLDEN_LEAST": "2",
    "NUNCHI_LEAST_NEW_PEOPLE": "10",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a command of the page ends with, and a pattern of what it says; `again` where it says another thing then."""

    command: str  # its beginning
    says: str
    status: int = 0
    again: str | None = None


# Every command of the page's blocks, in order: one that is added there must be said here.
PAGE: Final = (
    Expected("nunchi up --detach --training", r"The cloud is up", again=r"is up already"),
    Expected("nunchi weights list --local", r"day-0 +built into every worker +serves"),
    Expected(
        "nunchi weights list --history",
        r"The pointer was never moved: day-0 is in service",
        again=r"better at the door",
    ),
    Expected("export AWS_ENDPOINT_URL=", r"^$"),
    Expected("for name in Images Dataset Weights", r"^$"),
    Expected("aws s3 ls", r"PRE auto/\n(.*\n)*? +PRE review/"),
    Expected("nunchi dataset draw my-images", r"48 drawn pictures and their labels are in my-images"),
    Expected("nunchi dataset draw my-exam-images", r"24 drawn pictures and their labels are in my-exam-images"),
    Expected(
        "nunchi dataset import my-images", r"48 pictures are in reviewed as kiosk students; classes from data.yaml"
    ),
    Expected("nunchi dataset import my-exam-images", r"24 pictures are in golden as kiosk students"),
    Expected("nunchi review export", r"photos are in out/review-\d+: 8 unsure, \d+ sampled from the sure"),
    Expected(
        "nunchi review import", r"\d+ photos are stored: \d+ for training, \d+ for judgement; 0 of them corrected"
    ),
    Expected("nunchi review agreement", r"the promise of 0.95"),
    Expected("nunchi review drift", r"week \d{4}-W\d\d(.|\n)*A training would go on"),
    Expected("nunchi calibrate", r"golden has \d+ elders \(20 are needed\)", status=5),
    Expected("nunchi dataset build", r"train( +[1-9]\d*){4}(.|\n)*out/dataset/index.html"),
    Expected("nunchi dataset show --local", r"-dataset +\d{4}-"),
    Expected("nunchi dataset show BUILD", r"digest [0-9a-f]{64}"),
    Expected("nunchi dataset fetch BUILD out/again", r"is in out/again, digest [0-9a-f]{64}"),
    Expected("nunchi train", r"kept by the rule not_better: mAP50 is"),
    Expected("python -m retrain --check", r"there is enough to train on"),
    Expected("aws s3 cp", r"download: s3://.*/report.html to ./report.html"),
    Expected("nunchi weights show RUN", r'is complete; manifest(.|\n)*"weights": "AGPL-3.0"'),
    Expected("nunchi judge", r"day-0 stays: (.|\n)*out/judgement/report.html", status=3),
    Expected("nunchi weights promote", r"z-[0-9a-f]{6} is in service, after day-0"),
    Expected("nunchi weights rollback", r"day-0 is in service, after \S+z-[0-9a-f]{6}"),
    Expected("aws s3 rm s3://$NUNCHI_IMAGES_BUCKET/uploads", r"delete: s3://.*/uploads/demo/\S+\.jpg"),
    Expected("aws s3 rm s3://$NUNCHI_IMAGES_BUCKET/results", r"delete: s3://.*/results/demo/\S+\.json"),
    Expected("aws s3 rm s3://$NUNCHI_IMAGES_BUCKET/why", r"delete: s3://.*/why/demo/\S+\.png"),
    Expected(
        'aws s3 rm --recursive --exclude "*" --include "*/KIOSK/IMAGE.*"', r"delete: s3://.*/auto/images/demo/\S+\.jpg"
    ),
    Expected('aws s3 rm --recursive --exclude "*" --include "*/sheets', r"delete: s3://.*/sheets/train-adult_male.jpg"),
    Expected("nunchi dataset fetch BUILD out/without", r"is in out/without"),
    Expected("nunchi down", r"is down"),
)


def commands() -> list[str]:
    """Those of the page's blocks that are run, each on a line."""
    page = (ROOT / "docs" / "data-people.md").read_text()
    blocks = re.findall(rf"{re.escape(MARK)}\n```\n(.*?)```", page, re.DOTALL)
    return [line for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]


def test_each_command_of_the_page_is_expected_here() -> None:
    assert [one for one, expected in zip(commands(), PAGE, strict=True) if not one.startswith(expected.command)] == []


@dataclass
class Person:
    """Somebody with a shell, in a folder; what they export stays, and what they read in answers they fill in."""

    folder: Path
    environ: dict[str, str]
    known: dict[str, str]

    def types(self, command: str) -> subprocess.CompletedProcess[str]:
        for name, value in self.known.items():
            command = re.sub(rf"\b{name}\b", value, command)
        exported = self.folder / "exported"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{command}\nenv --null >'{exported}'"],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        if done.returncode == 0:
            self.environ = dict(line.split("=", 1) for line in exported.read_text().split("\0") if line)
        return done

    def reads(self, answer: str) -> None:
        """The last build and run that were named."""
        for name, pattern in (("BUILD", r"\d{8}t\d{6}z-dataset"), ("RUN", r"\d{8}t\d{6}z-[0-9a-f]{6}\b")):
            if found := re.findall(pattern, answer):
                self.known[name] = found[-1]

    def record(self) -> Record:
        """The cloud that is up."""
        return StateDir(Path(self.environ["NUNCHI_STATE"])).read()


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    state = tmp_path / "cloud"
    environ = os.environ | TINY | {"NUNCHI_STATE": str(state), "NUNCHI_WORK_DIR": str(tmp_path / "work")}
    environ |= {"PATH": TOOLS, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
    yield Person(tmp_path, environ, {})
    ended = run_nunchi(state, "down")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.timeout(PAGE_S)
def test_every_command_of_the_page_does_what_it_shows_and_does_it_again(person: Person) -> None:
    """With other customers in between; the second time in the cloud and among the folders of the first."""
    for again in (False, True):
        for command, expected in zip(commands(), PAGE, strict=True):
            if expected.command == "nunchi down" and not again:
                continue
            done = person.types(command)
            assert done.returncode == expected.status, f"{command}\n{done.stdout}{done.stderr}"
            says = (expected.again if again else None) or expected.says
            said = done.stdout if done.stdout or not expected.status else done.stderr
            assert re.search(says, said), f"{command}\n{done.stdout}{done.stderr}"
            person.reads(done.stdout + done.stderr)
            if expected.command.startswith("nunchi up"):
                record = person.record()
                person.known["PORT"] = record.endpoints["s3"].rpartition(":")[2]
                person.known["KIOSK"], person.known["IMAGE"] = keep_photos(record, first=24 * again)
            if found := re.search(r"photos are in (out/review-\d+)", done.stdout):
                submit_all(person.folder, found[1])
            if "/KIOSK/IMAGE.*" in expected.command:
                assert [key for key in dataset_of(person.record()).keys("") if person.known["IMAGE"] in key] == []
        assert (person.folder / "out" / "dataset" / "index.html").exists()
        assert "<svg" in (person.folder / "report.html").read_text()
        stem = f"{person.known['KIOSK']}_{person.known['IMAGE']}.jpg"
        folders = (person.folder / "out" / name for name in ("dataset", "again", "without"))
        assert [len(list(folder.rglob(stem))) for folder in folders] == [1, 1, 0]
    private = [
        *(person.folder / "out").glob("review-*"),
        *(person.folder / "out" / name for name in ("dataset", "again")),
    ]
    assert len(private) == 4
    assert all(is_private(folder) for folder in private)


def dataset_of(record: Record) -> DatasetBucket:
    return DatasetBucket(record.client("s3"), record.buckets["dataset"], classes=LABELS)


def keep_photos(record: Record, *, first: int) -> tuple[str, str]:
    """What a worker would have kept of two dozen customers, sure and unsure; kiosk and image of one who was sure."""
    bucket = dataset_of(record)
    reference = Reference("demo", new_image_id(FIRST_PHOTO))
    for number in range(first, first + 24):
        drawn = draw(number, size=SIZE, labels=[LABELS[number % 4]])
        at = FIRST_PHOTO + timedelta(minutes=10 * number)
        reference = Reference("demo", new_image_id(at, number.to_bytes(10)))
        tree = Tree.REVIEW if number < first + 8 else Tree.AUTO
        bucket.put_pair(tree, reference, jpeg=drawn.jpeg, labels=format_labels(drawn.people, LABELS))
    return reference.kiosk_id, reference.image_id


def submit_all(folder: Path, exported: str) -> None:
    """Every task of the export submitted as it is, and Label Studio's export of that."""
    tasks = json.loads((folder / exported / "tasks.json").read_text())
    answers = [
        task
        | {
            "id": number,
            "annotations": [
                {
                    "id": number,
                    "was_cancelled": False,
                    "updated_at": "2026-11-22T12:00:00.000000Z",
                    "result": task["predictions"][0]["result"],
                }
            ],
        }
        for number, task in enumerate(tasks, start=1)
    ]
    (folder / "project-1.json").write_text(json.dumps(answers))
