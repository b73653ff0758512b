"""The first step of a retraining: is there sense in one now, and under which id?

The state machine (infra/training) asks before it starts a machine that costs money. Its answer is the state that
every later step reads and hands on:

    next "start"   so many labels came since the incumbent's training as were asked for
    next "tell"    too few came, or another retraining runs already: people are told, and nothing is started

Which classes are there, and whether the photos drift, is the training's own business: it reads labels, this counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from contracts.errors import InvalidMessage
from contracts.instants import from_text, to_text
from contracts.messages import DatasetTree
from contracts.names import POINTER, REVIEWED
from contracts.settings import load, setting, whole
from contracts.training import MOST_NEW_LABELS, training_id
from contracts.weights import Pointer

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
TREES: Final = (f"{DatasetTree.AUTO}/labels/", f"{REVIEWED}labels/")
# A thousand keys each, and a third of a second: the function has five minutes. Past so many labels the training itself
# says whether enough of them are new.
MOST_PAGES: Final = 600
# What the input of an execution may say otherwise than the settings do, and the most that each may be.
LIMITS: Final[Mapping[str, int]] = {
    "least_new_labels": MOST_NEW_LABELS,
    "attempts": 5,
    "poll_s": 3600,
    "online_s": 3600,
    "first_sign_s": 7200,
    "heartbeat_s": 7200,
    "limit_s": 86_400,
}
_TIME_OF_RUN: Final = re.compile(r"(\d{8}t\d{6}z)(-.*)?")


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """What the function must know; `infra/` writes it. An execution's input may set all but the buckets anew."""

    dataset_bucket: str = setting("NUNCHI_DATASET_BUCKET", "name of the bucket with what was gathered and checked")
    weights_bucket: str = setting("NUNCHI_WEIGHTS_BUCKET", "name of the bucket with the weights and their pointer")
    least_new_labels: int = setting(
        "NUNCHI_LEAST_NEW_LABELS",
        "a retraining with fewer new label files starts no machine",
        parse=whole(0, MOST_NEW_LABELS),
    )
    attempts: int = setting(
        "NUNCHI_ATTEMPTS", "machines that a training may use up, the last one on demand", parse=whole(1, 5), default=3
    )
    poll_s: int = setting("NUNCHI_POLL_S", "seconds between two looks", parse=whole(1, 3600), default=60)
    online_s: int = setting(
        "NUNCHI_ONLINE_S", "seconds until Run Command must reach a machine", parse=whole(1, 3600), default=900
    )
    first_sign_s: int = setting(
        "NUNCHI_FIRST_SIGN_S",
        "seconds from the command to the first sign of life: packages are installed",
        parse=whole(1, 7200),
        default=2400,
    )
    heartbeat_s: int = setting(
        "NUNCHI_HEARTBEAT_S",
        "seconds without a sign of life after which a training is lost",
        parse=whole(1, 7200),
        default=900,
    )
    limit_s: int = setting("NUNCHI_LIMIT_S", "seconds that all of it may take", parse=whole(1, 86_400), default=43_200)


def plan(settings: CheckSettings, asked: Mapping[str, Any]) -> dict[str, int]:
    """The settings, and what the execution's input says otherwise; InvalidMessage for what it may not say."""
    if unknown := sorted(asked.keys() - LIMITS.keys()):
        raise InvalidMessage(f"an execution's input has no {', '.join(unknown)}; it may set {', '.join(LIMITS)}")
    for name, value in asked.items():
        least = 0 if name == "least_new_labels" else 1
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= LIMITS[name]:
            raise InvalidMessage(f"{name} is a whole number from {least} to {LIMITS[name]}, not {value!r}")
    return {name: asked.get(name, getattr(settings, name)) for name in LIMITS}


def trained_at(pointer: Pointer | None) -> datetime | None:
    """Since when a label is news to the model in service: its training began then. None for the model of day 0.

    A run's id begins with that time, unless a person gave it another one; then it is when it was put into service.
    """
    if pointer is None or pointer.run is None:
        return None
    match = _TIME_OF_RUN.fullmatch(pointer.run)
    try:
        return datetime.strptime(match[1], "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC) if match else pointer.moved_at
    except ValueError:
        return pointer.moved_at


def decide(*, running_before: str | None, new_labels: int, least: int) -> dict[str, str]:
    """The next step, and for people the rule and reason when that is not a training."""
    if running_before is not None:
        return {
            "next": "tell",
            "verdict": "skipped",
            "rule": "another_runs",
            "reason": f"The retraining {running_before} began earlier and is not over.",
        }
    if new_labels < least:
        return {
            "next": "tell",
            "verdict": "skipped",
            "rule": "too_few_labels",
            "reason": f"{new_labels} new labels came since the last training, and {least} are asked for: no machine "
            "was started.",
        }
    return {"next": "start"}


class CheckPreconditions:
    """The handler. `client` makes a client of an AWS service."""

    def __init__(self, *, client: Callable[[str], Any], settings: CheckSettings) -> None:
        self._client = client
        self._settings = settings

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Of `execution`, its `started`, its `machine` and its `input`: the state of the retraining."""
        started = from_text(event["started"])
        planned = plan(self._settings, event.get("input") or {})
        least = planned["least_new_labels"]
        before = self._running_before(event["machine"], event["execution"], started)
        labels = self._new_labels(least) if before is None else 0
        return {
            "training": training_id(started, event["execution"]),
            "execution": event["execution"],
            "attempt": 1,
            "began_at": to_text(started),
            "new_labels": labels,
            **planned,
            **decide(running_before=before, new_labels=labels, least=least),
        }

    def _running_before(self, machine: str, execution: str, started: datetime) -> str | None:
        """The name of an execution that began before this one and runs: of two at once the elder goes on."""
        pages = self._client("stepfunctions").get_paginator("list_executions")
        others = [
            (one["startDate"], one["name"])
            for page in pages.paginate(stateMachineArn=machine, statusFilter="RUNNING")
            for one in page["executions"]
            if one["name"] != execution
        ]
        return min((one for one in others if one < (started, execution)), default=(None, None))[1]

    def _new_labels(self, least: int) -> int:
        """Label files that came since the incumbent's training, counted no further than is needed."""
        s3 = self._client("s3")
        since = trained_at(self._pointer(s3))
        found = 0
        for number, page in enumerate(_pages(s3, self._settings.dataset_bucket), start=1):
            found += sum(_is_new(one, since) for one in page)
            if found >= max(least, 1):
                break
            if number == MOST_PAGES:
                return least
        return found

    def _pointer(self, s3: Any) -> Pointer | None:
        try:
            answer = s3.get_object(Bucket=self._settings.weights_bucket, Key=POINTER)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        with closing(answer["Body"]) as body:
            return Pointer.from_json(body.read())


def _pages(s3: Any, bucket: str) -> Iterable[list[Any]]:
    for prefix in TREES:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield page.get("Contents", [])


def _is_new(listed: Any, since: datetime | None) -> bool:
    return bool(listed["Key"].endswith(".txt") and (since is None or listed["LastModified"] > since))


def wire(environ: Mapping[str, str]) -> CheckPreconditions:
    """The one place that chooses real I/O."""
    settings = load(CheckSettings, environ)
    session = botocore.session.get_session()
    return CheckPreconditions(client=lambda service: session.create_client(service, config=PATIENCE), settings=settings)


def __getattr__(name: str) -> Any:
    # As in dispatch.py: made on being asked for, so that importing this file has no effect.
    if name == "handler":
        return wire(os.environ)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
