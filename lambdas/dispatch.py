"""Dispatch, the second step of a photo: S3 events from the upload queue become Run Commands to the inference instance.

`decide` is free of I/O: a batch of SQS messages in, commands out. `Dispatcher` sends them.

The result for an SQS message:

    its photos were sent                            acknowledged
    no instance: shop closed, not deployed yet      acknowledged: the worker's sweep finds the uploads when it starts
    S3's test event, keys of other objects          acknowledged: nothing to do
    SSM throttles, fails, refuses or is too slow    failed: SQS delivers it again, and finally to the dead letters
    not an S3 event                                 failed: no retry helps, and people see it among the dead letters
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

# botocore without boto3: the same client, faster on a cold start (`python -m bench.dispatch` says by how much).
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.aws.errors import error_code
from contracts.aws.lambda_wiring import clients, handler_on_first_use, log
from contracts.aws.s3_events import read_event
from contracts.errors import InvalidMessage
from contracts.names import Reference
from contracts.settings import load, setting
from contracts.tickets import MAX_TICKETS, Ticket, to_line

if TYPE_CHECKING:
    from types_boto3_ssm import SSMClient


@dataclass(frozen=True, kw_only=True)
class DispatchSettings:
    """The function's settings; `infra/` writes them. Region and credentials come from the runtime."""

    instance_parameter: str = setting(
        "NUNCHI_INSTANCE_PARAMETER", "name of the SSM parameter that holds the id of the inference instance"
    )
    document: str = setting("NUNCHI_DOCUMENT", "name of the SSM document that hands tickets to the worker")


@dataclass(frozen=True)
class Infer:
    """One Run Command for some photos. `requested_by`: ids of the SQS messages that announced at least one of them."""

    tickets: tuple[Ticket, ...]
    requested_by: frozenset[str]


@dataclass(frozen=True)
class DispatchDecision:
    """What to do about a batch. `malformed`: ids of SQS messages; `foreign`: the number of keys of other objects."""

    commands: tuple[Infer, ...]
    malformed: tuple[str, ...]
    foreign: int


def decide(messages: Iterable[Mapping[str, Any]]) -> DispatchDecision:
    """The commands for a batch of SQS messages with S3 events: every photo in exactly one command.

    A duplicate announcement is dropped; the earliest upload time counts. A malformed message adds no photo.
    """
    uploaded: dict[Reference, datetime] = {}
    requested_by: dict[Reference, set[str]] = {}
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
            requested_by.setdefault(reference, set()).add(message["messageId"])
    photos = list(uploaded)
    return DispatchDecision(
        commands=tuple(
            Infer(
                tickets=tuple(Ticket(reference, uploaded[reference]) for reference in chunk),
                requested_by=frozenset().union(*(requested_by[reference] for reference in chunk)),
            )
            for chunk in (photos[at : at + MAX_TICKETS] for at in range(0, len(photos), MAX_TICKETS))
        ),
        malformed=tuple(malformed),
        foreign=foreign,
    )


# SSM answers InvalidInstanceId for an instance that is stopped, gone, or whose agent has not registered: a closed shop.
# It answers ParameterNotFound while no inference instance is deployed. A retry helps with neither, and the photos of a
# night do not belong among the dead letters: the worker's sweep finds them.
_NO_INSTANCE: Final = frozenset({"InvalidInstanceId", "ParameterNotFound"})

# SSM's answers for an instance that was replaced since the look-up. The role may send to tagged instances only, and the
# tags go with the instance: SSM then denies access before it reports the instance missing.
_PERHAPS_REPLACED: Final = frozenset({"InvalidInstanceId", "AccessDeniedException"})

# SSM's minimum. A command that waits longer for the agent would run for a customer who has left.
_DELIVERY_S: Final = 30

# A look-up and a sending end within the function's timeout, retries included: a slow SSM is then logged and fails its
# own messages only. A function that times out fails the whole batch, and logs nothing.
PATIENCE: Final = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}, tcp_keepalive=True
)


@dataclass(kw_only=True)
class Dispatcher:
    """The handler: decides, sends, and returns the messages that SQS must deliver again."""

    ssm: SSMClient
    settings: DispatchSettings
    instance_id: str | None = None  # found by the last look-up

    def look_up_ahead(self) -> None:
        """Look the instance up before the first event. An error is ignored: that event looks it up again."""
        with suppress(BotoCoreError, ClientError):
            self._look_up()

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, list[dict[str, str]]]:
        """SQS's partial batch response: the ids of the messages to deliver again."""
        decision = decide(event["Records"])
        failed = set(decision.malformed)
        if decision.malformed:
            _log("error", "malformed", messages=decision.malformed)
        if decision.foreign:
            _log("warning", "foreign", keys=decision.foreign)
        for command in decision.commands:
            if not self._handled(command):
                failed |= command.requested_by
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(failed)]}

    def _handled(self, command: Infer) -> bool:
        """Send the command; whether its messages can be acknowledged."""
        photos = [str(ticket.reference) for ticket in command.tickets]
        start = time.monotonic()
        try:
            command_id = self._send(command)
        except (ClientError, BotoCoreError) as error:  # BotoCoreError: unreachable, or too slow
            code = error_code(error)
            if code in _NO_INSTANCE:
                _log("warning", "nobody_there", photos=photos, code=code)
                return True
            _log("error", "failed", photos=photos, code=code)
            return False
        ms = round((time.monotonic() - start) * 1000, 1)
        _log("info", "sent", photos=photos, command=command_id, instance=self.instance_id, ms=ms)
        return True

    def _send(self, command: Infer) -> str:
        known = self.instance_id or self._look_up()
        try:
            return self._send_to(known, command)
        except ClientError as error:
            # The parameter may name the successor by now. If it does not, the error stands.
            if error_code(error) not in _PERHAPS_REPLACED or (successor := self._look_up()) == known:
                raise
        return self._send_to(successor, command)

    def _look_up(self) -> str:
        answer = self.ssm.get_parameter(Name=self.settings.instance_parameter)
        self.instance_id = answer["Parameter"]["Value"]
        return self.instance_id

    def _send_to(self, instance_id: str, command: Infer) -> str:
        answer = self.ssm.send_command(
            InstanceIds=[instance_id],
            DocumentName=self.settings.document,
            Parameters={"Tickets": [to_line(command.tickets)]},
            TimeoutSeconds=_DELIVERY_S,
            Comment=f"photos: {len(command.tickets)}",
        )
        return answer["Command"]["CommandId"]


def _log(level: str, outcome: str, **facts: Any) -> None:
    log(level=level, step="dispatch", outcome=outcome, **facts)


def wire(environ: Mapping[str, str]) -> Dispatcher:
    """The one place that chooses real I/O."""
    settings, client = load(DispatchSettings, environ), clients(botocore.session.get_session(), PATIENCE)
    return Dispatcher(ssm=client("ssm"), settings=settings)


def _wire_and_look_up(environ: Mapping[str, str]) -> Dispatcher:
    handler = wire(environ)
    handler.look_up_ahead()  # in the init phase: the TLS session is then open, and the instance known
    return handler


__getattr__ = handler_on_first_use(__name__, _wire_and_look_up)
