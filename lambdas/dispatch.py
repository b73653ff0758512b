"""Step 2, dispatch: photos that arrived in S3 become Run Commands to the inference instance.

On top is the decision, without I/O: a batch of SQS messages in, commands out. Then the sending; the handler is last.

What becomes of an SQS message:

    its photos were handed over                     acknowledged
    nobody is there: shop closed, not deployed yet  acknowledged: the worker's sweep finds the uploads when it starts
    S3's test event, keys that are no upload's      acknowledged: nothing to do, now or later
    SSM throttled, broken, too slow or refusing     failed: SQS gives it again, and at last to the dead letters
    not an S3 event at all                          failed: no retry mends it; among the dead letters a person sees it
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

# botocore without boto3: the same client, sooner ready on a cold start (`python -m bench.dispatch` says by how much).
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import InvalidMessage
from contracts.events import read_event
from contracts.names import Reference
from contracts.settings import load, setting
from contracts.tickets import MAX_TICKETS, Ticket, to_line

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


@dataclass(frozen=True, kw_only=True)
class DispatchSettings:
    """What the function must know; `infra/` writes it. Region and credentials come from the runtime."""

    instance_parameter: str = setting(
        "NUNCHI_INSTANCE_PARAMETER", "name of the SSM parameter that holds the id of the inference instance"
    )
    document: str = setting("NUNCHI_DOCUMENT", "name of the SSM document that hands tickets to the worker")


@dataclass(frozen=True)
class Infer:
    """The command to look at some photos. `asked_by` are the SQS messages that named at least one of them."""

    tickets: tuple[Ticket, ...]
    asked_by: frozenset[str]


@dataclass(frozen=True)
class DispatchDecision:
    """What to do about a batch. `malformed` are ids of SQS messages, `foreign` is a number of keys."""

    commands: tuple[Infer, ...]
    malformed: tuple[str, ...]
    foreign: int


def decide(messages: Iterable[Mapping[str, Any]]) -> DispatchDecision:
    """The commands for a batch of SQS messages that carry S3 events: every photo in exactly one of them.

    A photo that was announced twice goes once, with its earliest upload. A message is read whole or not at all.
    """
    uploaded: dict[Reference, datetime] = {}
    asked_by: dict[Reference, set[str]] = {}
    malformed: list[str] = []
    foreign = 0
    for message in messages:
        try:
            announcement = read_event(message["body"])
        except InvalidMessage:
            malformed.append(message["messageId"])
            continue
        foreign += announcement.foreign
        for reference, at in announcement.uploads:
            uploaded[reference] = min(at, uploaded.get(reference, at))
            asked_by.setdefault(reference, set()).add(message["messageId"])
    photos = list(uploaded)
    return DispatchDecision(
        commands=tuple(
            Infer(
                tickets=tuple(Ticket(reference, uploaded[reference]) for reference in some),
                asked_by=frozenset().union(*(asked_by[reference] for reference in some)),
            )
            for some in (photos[at : at + MAX_TICKETS] for at in range(0, len(photos), MAX_TICKETS))
        ),
        malformed=tuple(malformed),
        foreign=foreign,
    )


# SSM says InvalidInstanceId of an instance that is stopped, gone, or whose agent has not registered: a closed shop. It
# says ParameterNotFound while there is no inference instance at all. Trying again in a minute mends neither, and
# whoever opens in the morning should not find the night's photos among the dead letters: the sweep has them.
_NOBODY_THERE: Final = frozenset({"InvalidInstanceId", "ParameterNotFound"})

# What SSM says of an instance that was replaced since it was looked up. The role may send to tagged instances only, and
# tags go with an instance: of one that is gone SSM says that access is denied before it could say that it is gone.
_PERHAPS_REPLACED: Final = frozenset({"InvalidInstanceId", "AccessDeniedException"})

# The least that SSM takes. A command that waits for its agent longer than this would run for a customer who has left.
_DELIVERY_S: Final = 30

# A look-up and a sending end within the function's timeout, tries and all: a slow SSM is then an answer in the log and
# fails its own messages, where a killed sandbox would fail the whole batch without a word.
PATIENCE: Final = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}, tcp_keepalive=True
)


class Dispatcher:
    """The handler: decides, sends, and tells SQS which messages to give again."""

    def __init__(self, *, ssm: SSMClient, settings: DispatchSettings) -> None:
        self._ssm = ssm
        self._settings = settings
        self._instance_id: str | None = None

    def look_up_ahead(self) -> None:
        """Find the instance before the first event. What goes wrong here is left for that event to meet and judge."""
        with suppress(BotoCoreError, ClientError):
            self._look_up()

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
        """SQS's partial batch response: the ids of the messages that it must give again."""
        decision = decide(event["Records"])
        failed = set(decision.malformed)
        if decision.malformed:
            _log("error", "malformed", messages=decision.malformed)
        if decision.foreign:
            _log("warning", "foreign", keys=decision.foreign)
        for command in decision.commands:
            if not self._settled(command):
                failed |= command.asked_by
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(failed)]}

    def _settled(self, command: Infer) -> bool:
        """Send, and say whether the messages that asked for it are done with."""
        photos = [str(ticket.reference) for ticket in command.tickets]
        start = time.monotonic()
        try:
            command_id = self._send(command)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _NOBODY_THERE:
                _log("warning", "nobody_there", photos=photos, code=code)
                return True
            _log("error", "failed", photos=photos, code=code)
        except BotoCoreError as error:  # no answer: unreachable, or too slow
            _log("error", "failed", photos=photos, code=type(error).__name__)
        else:
            ms = round((time.monotonic() - start) * 1000, 1)
            _log("info", "sent", photos=photos, command=command_id, instance=self._instance_id, ms=ms)
            return True
        return False

    def _send(self, command: Infer) -> str:
        known = self._instance_id or self._look_up()
        try:
            return self._send_to(known, command)
        except ClientError as error:
            # The parameter then names its successor. If it doesn't, the refusal stands.
            code = error.response["Error"]["Code"]
            if code not in _PERHAPS_REPLACED or (successor := self._look_up()) == known:
                raise
        return self._send_to(successor, command)

    def _look_up(self) -> str:
        answer = self._ssm.get_parameter(Name=self._settings.instance_parameter)
        self._instance_id = answer["Parameter"]["Value"]
        return self._instance_id

    def _send_to(self, instance_id: str, command: Infer) -> str:
        answer = self._ssm.send_command(
            InstanceIds=[instance_id],
            DocumentName=self._settings.document,
            Parameters={"Tickets": [to_line(command.tickets)]},
            TimeoutSeconds=_DELIVERY_S,
            Comment=f"photos: {len(command.tickets)}",
        )
        return answer["Command"]["CommandId"]


def _log(level: str, outcome: str, **facts: Any) -> None:
    # References and ids only: nothing here may tell who stood before a kiosk.
    sys.stdout.write(json.dumps({"level": level, "step": "dispatch", "outcome": outcome, **facts}) + "\n")


def wire(environ: Mapping[str, str]) -> Dispatcher:
    """The one place that chooses real I/O."""
    settings = load(DispatchSettings, environ)
    client = botocore.session.get_session().create_client("ssm", config=PATIENCE)
    return Dispatcher(ssm=cast("SSMClient", client), settings=settings)


def __getattr__(name: str) -> Any:
    # Lambda imports this module and takes its `handler` in the init phase, which has the processor to itself; the first
    # event then finds the client made, the TLS session open and the instance known. Made on being asked for, and not by
    # the import, so that a test or the CDK app can import this file without credentials, region or network.
    if name == "handler":
        handler = wire(os.environ)
        handler.look_up_ahead()
        return handler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
