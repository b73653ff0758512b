"""The first step of a retraining: are its preconditions met? It also chooses the training's id.

The state machine (infra/training) runs it before it starts a machine that costs money. The answer is the state that
every later step reads and passes on:

    next "start"    enough labels came since the incumbent's training
    next "notify"   too few came, or another retraining runs already: people get a mail, and nothing is started

This step only counts labels. The training itself reads them, and checks classes and drift.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

import botocore.session
from botocore.config import Config

from contracts.aws.lambda_wiring import clients, handler_on_first_use
from contracts.aws.s3 import get_or_none
from contracts.errors import InvalidMessage
from contracts.instants import from_text, to_text
from contracts.messages import DatasetTree
from contracts.names import JSON_LABELS, POINTER, REVIEWED, YOLO_LABELS
from contracts.settings import load, setting, whole
from contracts.training import MOST_NEW_LABELS, training_id
from contracts.weights import Pointer

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
TREES: Final = (f"{DatasetTree.AUTO}/labels/", f"{REVIEWED}labels/")
# A page has a thousand keys and takes a third of a second; the function has five minutes. Beyond so many labels the
# training itself checks whether enough of them are new.
MAX_PAGES: Final = 600
_TIME_OF_RUN: Final = re.compile(r"(\d{8}t\d{6}z)(-.*)?")


@dataclass(frozen=True, kw_only=True)
class CheckSettings:
    """The function's settings; `infra/` writes them. An execution's input may override all but the buckets."""

    dataset_bucket: str = setting("NUNCHI_DATASET_BUCKET", "name of the bucket with gathered and reviewed labels")
    weights_bucket: str = setting("NUNCHI_WEIGHTS_BUCKET", "name of the bucket with the weights and their pointer")
    least_new_labels: int = setting(
        "NUNCHI_LEAST_NEW_LABELS",
        "a retraining with fewer new label files starts no machine",
        parse=whole(0, MOST_NEW_LABELS),
    )
    attempts: int = setting(
        "NUNCHI_ATTEMPTS", "machines that a training may use, the last one on demand", parse=whole(1, 5), default=3
    )
    poll_s: int = setting("NUNCHI_POLL_S", "seconds between two polls", parse=whole(1, 3600), default=60)
    online_s: int = setting(
        "NUNCHI_ONLINE_S", "seconds until Run Command must reach a machine", parse=whole(1, 3600), default=900
    )
    first_sign_s: int = setting(
        "NUNCHI_FIRST_SIGN_S",
        "seconds from the command to the first heartbeat: packages are installed",
        parse=whole(1, 7200),
        default=2400,
    )
    heartbeat_s: int = setting(
        "NUNCHI_HEARTBEAT_S",
        "seconds without a heartbeat after which a training is lost",
        parse=whole(1, 7200),
        default=900,
    )
    limit_s: int = setting("NUNCHI_LIMIT_S", "seconds that all of it may take", parse=whole(1, 86_400), default=43_200)


# The settings that an execution's input may override, with their parsers.
_PLANNED: Final = {
    item.name: item.metadata["parse"] for item in fields(CheckSettings) if not item.name.endswith("_bucket")
}


def plan(settings: CheckSettings, overrides: Mapping[str, Any]) -> dict[str, int]:
    """The settings, overridden by the execution's input; InvalidMessage for an unknown name or an invalid value."""
    mistakes = []
    for name, value in overrides.items():
        try:
            _PLANNED[name](repr(value))  # a text or a truth value is no number
        except KeyError:
            mistakes.append(f"{name} is not a setting, use {', '.join(_PLANNED)}")
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise InvalidMessage(f"the execution's input is invalid, nothing was started: {'; '.join(mistakes)}")
    return {name: overrides.get(name, getattr(settings, name)) for name in _PLANNED}


def trained_at(pointer: Pointer | None) -> datetime | None:
    """When the training of the model in service began: later labels are new. None for the model of day 0.

    The time is the beginning of the run's id. A run with an id of another form counts from its promotion.
    """
    if pointer is None or pointer.run is None:
        return None
    match = _TIME_OF_RUN.fullmatch(pointer.run)
    try:
        return datetime.strptime(match[1], "%Y%m%dt%H%M%Sz").replace(tzinfo=UTC) if match else pointer.moved_at
    except ValueError:
        return pointer.moved_at


def decide(*, running_before: str | None, new_labels: int, least: int) -> dict[str, str]:
    """The next step; with a rule and a reason for people when no training follows."""
    if running_before is not None:
        why = {"rule": "another_runs", "reason": f"The retraining {running_before} began earlier and is not over."}
    elif new_labels < least:
        came = f"{new_labels} new labels came since the last training, and {least} are required"
        why = {"rule": "too_few_labels", "reason": f"{came}: no machine was started."}
    else:
        return {"next": "start"}
    return {"next": "notify", "verdict": "skipped", **why}


@dataclass(frozen=True, kw_only=True)
class CheckPreconditions:
    """The handler. `client` gives the client of an AWS service."""

    client: Callable[[str], Any]
    settings: CheckSettings

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """The state of the retraining, from the `execution`, its `started`, its `machine` and its `input`."""
        started = from_text(event["started"])
        planned = plan(self.settings, event.get("input") or {})
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
        """The name of a running execution that began before this one: of two at once the elder continues."""
        pages = self.client("stepfunctions").get_paginator("list_executions")
        others = [
            (one["startDate"], one["name"])
            for page in pages.paginate(stateMachineArn=machine, statusFilter="RUNNING")
            for one in page["executions"]
            if one["name"] != execution
        ]
        return min((one for one in others if one < (started, execution)), default=(None, None))[1]

    def _new_labels(self, least: int) -> int:
        """The number of label files since the incumbent's training, counted up to what is required."""
        s3 = self.client("s3")
        pointer = get_or_none(s3, bucket=self.settings.weights_bucket, key=POINTER)
        since = trained_at(Pointer.from_json(pointer.content) if pointer is not None else None)
        count = 0
        for number, page in enumerate(_pages(s3, self.settings.dataset_bucket), start=1):
            count += sum(_is_new(listed, since) for listed in page)
            if count >= max(least, 1):
                break
            if number == MAX_PAGES:
                return least
        return count


def _pages(s3: Any, bucket: str) -> Iterable[list[Any]]:
    for prefix in TREES:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield page.get("Contents", [])


def _is_new(listed: Any, since: datetime | None) -> bool:
    return bool(
        listed["Key"].endswith((YOLO_LABELS, JSON_LABELS)) and (since is None or listed["LastModified"] > since)
    )


def wire(environ: Mapping[str, str]) -> CheckPreconditions:
    """The one place that chooses real I/O."""
    return CheckPreconditions(
        client=clients(botocore.session.get_session(), PATIENCE), settings=load(CheckSettings, environ)
    )


__getattr__ = handler_on_first_use(__name__, wire)
