"""The run of `nunchi flywheel --recipe`: labels, training, judgement, promotion, reload, rollback, in a local cloud.

The labelled pictures of a folder stand in for customers and for the people who check: a few teach the model that the
shop opens with, some are photos of customers, most are checked by people, the others judge.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.answers_message import AnswersMessage
from contracts.names import JSON_LABELS
from contracts.settings import variables_of
from contracts.subject_labels import SubjectLabels
from contracts.training import Verdict
from contracts.weights import DAY_0
from demo.flywheel import BY, CLOUD, train_once, until_serves
from kiosk.cloud.counter import Counter
from kiosk.cloud.subscribe import Subscriber
from kiosk.cloud.upload import Uploader
from local.environment import trainer_python
from local.errors import CloudError
from local.record import Record
from local.state import StateDir
from ops.commands.cloud import fresh_cloud
from ops.commands.photo import CONNECT_S, observer
from ops.display import err, out, progress_bars
from recipes.reading import load
from recipes.recipe import Recipe
from registry.weights import WeightsRegistry
from retrain.bucket import DatasetBucket, Tree
from retrain.errors import InvalidDataset
from retrain.heads.examples import read_labels
from retrain.heads.importing import store
from retrain.heads.training import train
from retrain.heads.tuning import Tuner
from retrain.settings import RetrainSettings
from worker.settings import WorkerSettings

ANSWER_S: Final = 30.0
SHARES: Final = {"start": 0.1, "customers": 0.15, "teach": 0.45}  # of the groups; the others judge
Pictures = list[tuple[Path, SubjectLabels]]


@dataclass(frozen=True, slots=True)
class Parts:
    """The pictures of a folder by their part; no person or animal is in two."""

    start: Pictures
    customers: Pictures
    teach: Pictures
    golden: Pictures


def split(recipe: Recipe, folder: Path) -> Parts:
    """The parts of a folder; CloudError if it has too few pictures. The same for the same folder."""
    labels, _ = read_labels(recipe, folder)
    groups: dict[str, Pictures] = {}
    for photo, each in labels.items():
        group = next((subject.group for subject in each.subjects if subject.group), str(photo))
        groups.setdefault(group, []).append((photo, each))
    names = sorted(groups)
    random.Random(1).shuffle(names)  # noqa: S311 - the same parts each time
    if len(names) < 40:
        raise CloudError(
            f"{folder} shows {len(names)} people, animals or things, and 40 are needed: some teach, others judge"
        )
    parts: list[Pictures] = []
    began = 0
    for share in (*SHARES.values(), 1.0):
        ended = min(len(names), began + max(1, round(share * len(names))))
        parts.append([picture for name in names[began:ended] for picture in groups[name]])
        began = ended
    return Parts(*parts)


def run(record: Record, recipe: Recipe, parts: Parts, folder: Path, *, since: float) -> Verdict:
    """Run all steps; the verdict of the first training, after which nothing follows if it promoted nothing.

    `since`: time.monotonic() at the start of the command. CloudError when a step fails.
    """
    weights = WeightsRegistry(record.client("s3"), record.buckets["weights"])
    bucket = DatasetBucket(record.client("s3"), record.buckets["dataset"], label_suffix=JSON_LABELS)

    def show(text: str) -> None:
        err.print(f"[dim]{time.monotonic() - since:6.1f} s[/]  {text}")

    show(f"[bold]1. The shop opens[/]: a model serves that has learned from {len(parts.start)} pictures")
    opening = _served(record, recipe, parts.customers)
    show(
        f"[bold]2. Labels[/]: people have checked {len(parts.teach)} pictures to train on, {len(parts.golden)} to judge"
    )
    for tree, pictures in ((Tree.REVIEWED, parts.teach), (Tree.GOLDEN, parts.golden)):
        store(bucket, pictures, tree, device=f"checked-{tree}")
    show("[bold]3. Training[/]: a state machine starts an instance, which trains the heads, and judges them")
    outcome = train_once(folder, show)
    if outcome.verdict is Verdict.FAILED:
        raise CloudError(f"the training failed ({outcome.rule}): {outcome.reason}")
    if outcome.verdict is not Verdict.PROMOTED or outcome.run is None:
        show(
            "the model that the shop opened with stays; nothing is left to show. More or harder pictures may decide it"
        )
        return outcome.verdict
    until_serves(record, outcome.run)
    show(f"the worker serves {outcome.run}; no photo waited for the reload")
    _served(record, recipe, parts.customers, version=outcome.run)
    sure = len(bucket.pairs(Tree.AUTO))
    out.print(f"   {sure} photos of customers became training data, by the answers that reach their gate")
    show("[bold]4. Second training[/]: with the photos since")
    second = train_once(folder, show)
    if second.verdict is Verdict.FAILED:
        raise CloudError(f"the second training failed ({second.rule}): {second.reason}")
    show("[bold]5. Rollback[/]: one move of the pointer")
    pointer = weights.rollback(by=BY, reason="to show a rollback")
    version = pointer.run or opening
    until_serves(record, version)
    _served(record, recipe, parts.customers[:4], version=version)
    show(f"messages name {pointer.run or DAY_0} again")
    return outcome.verdict


def _served(record: Record, recipe: Recipe, pictures: Pictures, version: str | None = None) -> str:
    """Show how many of the customers' photos get the right answers; the version of the model that answered.

    CloudError unless it is `version`, if one is given.
    """
    with progress_bars(one=True) as say:
        messages = asyncio.run(_ask(record, [photo for photo, _ in pictures], _inputs(recipe, pictures), say))
    if version and (others := {message.model.version for message in messages} - {version}):
        raise CloudError(f"photos were answered by {', '.join(sorted(others))}, not by {version}, which is in service")
    parts = []
    for question in recipe.questions:
        known = [
            (labels.subjects[0].answers[question], message)
            for (_, labels), message in zip(pictures, messages, strict=True)
            if len(labels.subjects) == 1 and question in labels.subjects[0].answers and recipe.says(question)
        ]
        right = sum(_said(message, question) == value for value, message in known)
        if known:
            parts.append(f"{question} {right} of {len(known)} right")
    out.print(f"   photos of customers: {', '.join(parts)}")
    return messages[-1].model.version


def _said(message: AnswersMessage, question: str) -> object:
    answers = [subject.answers[question] for subject in message.subjects if question in subject.answers]
    return answers[0].value if len(answers) == 1 else None


def _inputs(recipe: Recipe, pictures: Pictures) -> list[Mapping[str, str]]:
    return [{**labels.inputs, **recipe.declaration} for _, labels in pictures]


async def _ask(
    record: Record, photos: Sequence[Path], inputs: Sequence[Mapping[str, str]], say: Callable[[int, int, str], None]
) -> list[AnswersMessage]:
    uploader = Uploader(record.client("s3"), bucket=record.buckets["images"], kiosk_id=record.kiosk)
    subscriber = Subscriber(observer(record), kiosk_id=record.kiosk, read=AnswersMessage.from_json)
    messages = []
    async with Counter(uploader, subscriber).open(timeout_s=CONNECT_S) as counter:
        for number, (photo, given) in enumerate(zip(photos, inputs, strict=True), start=1):
            answer = await counter.ask(photo.read_bytes(), timeout_s=ANSWER_S, inputs=given)
            messages.append(answer.message)
            say(number, len(photos), "customers served")
    return messages


@contextmanager
def cloud(folder: Path, name: str, parts: Parts) -> Generator[Record, None, None]:
    """A new local cloud that opens with a model of few pictures, or with that of NUNCHI_MODEL; stopped at the end."""
    start = Path(os.environ.get("NUNCHI_MODEL") or _start_model(folder, name, parts.start))
    workers = {"model": start, "review_share": 0.3}
    trainings = {"golden_least": 5, "start_heads": start, "work_dir": folder / "work"}
    for variable, value in (variables_of(WorkerSettings, workers) | variables_of(RetrainSettings, trainings)).items():
        os.environ.setdefault(variable, value)
    with fresh_cloud(StateDir(folder / CLOUD), ["--training=1", f"--recipe={name}"]) as record:
        yield record


def _start_model(folder: Path, name: str, pictures: Pictures) -> Path:
    """The manifest of the model that the shop opens with."""
    data = folder / "start-data"
    for photo, labels in pictures:
        for kind, suffix in (("images", ".jpg"), ("labels", JSON_LABELS)):
            (data / kind).mkdir(parents=True, exist_ok=True)
            target = data / kind / f"{photo.stem}{suffix}"
            target.write_bytes(photo.read_bytes()) if kind == "images" else target.write_text(labels.to_json())
    err.print(f"[dim]  0.0 s[/]  a model to open with is trained on {len(pictures)} pictures of {load(name).name}")
    try:
        return train(
            name,
            data,
            folder / "start",
            version="opening",
            trained_on="few pictures",
            cache=folder / "f",
            tuner=Tuner(python=trainer_python()),
        ).manifest
    except InvalidDataset as error:
        raise InvalidDataset(
            f"{error}\nThese are the {len(pictures)} pictures of the model that the shop opens with, a part of yours: "
            "give --data more of them"
        ) from error
