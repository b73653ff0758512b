"""The last step of a retraining: what came of it is written down, once, and people are told.

A training that came to its end has written its outcome itself. For one that never began, broke or vanished this does:
whoever waits for an outcome finds one. The incumbent serves on in every case but a promotion; one that was cut off
between the moving of the pointer and its last word is still one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import InvalidMessage
from contracts.instants import now
from contracts.names import POINTER
from contracts.settings import load, setting
from contracts.training import MOST_REASON, OUTCOME, TrainingOutcome, Verdict, training_key, words_of
from contracts.weights import Pointer

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
_THERE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_MOST_SUBJECT: Final = 100  # of a mail, says SNS


@dataclass(frozen=True, kw_only=True)
class NotifySettings:
    """What the function must know; `infra/` writes it."""

    dataset_bucket: str = setting("NUNCHI_DATASET_BUCKET", "name of the bucket where trainings say how they are")
    weights_bucket: str = setting("NUNCHI_WEIGHTS_BUCKET", "name of the bucket with the weights and the reports")
    topic: str = setting("NUNCHI_TOPIC", "ARN of the topic on which people are told")


_IN_WORDS: Final[Mapping[Verdict, str]] = {
    Verdict.PROMOTED: "The new weights are better, and serve from now on.",
    Verdict.KEPT: "The new weights are not better by enough. Those in service stay.",
    Verdict.SKIPPED: "There was no sense in a training. The weights in service stay.",
    Verdict.FAILED: "The training failed. The weights in service stay.",
}


def outcome_of(state: Mapping[str, Any], at: datetime) -> TrainingOutcome:
    """The outcome of a retraining that did not write its own."""
    return TrainingOutcome(
        training=state["training"],
        verdict=Verdict(state.get("verdict", Verdict.FAILED)),
        rule=state.get("rule") or ("step_broken" if "error" in state else "no_outcome"),
        reason=(state.get("reason") or _cause(state.get("error")) or "The state machine does not say why.")[
            :MOST_REASON
        ],
        run=None,
        incumbent=None,
        report=None,
        ended_at=at,
    )


def message(outcome: TrainingOutcome, *, weights_bucket: str, unstopped: str | None = None) -> tuple[str, str]:
    """Subject and text for people: verdict, rule, reason, where to read more, what to do next."""
    lines = [_IN_WORDS[outcome.verdict], "", f"Rule: {outcome.rule}", f"Reason: {outcome.reason}"]
    if unstopped is not None:
        which = f"Name=tag:nunchi:training,Values={outcome.training}"
        first = f"aws ec2 describe-instances --filters {which}; then: aws ec2 terminate-instances --instance-ids ID"
        lines[:0] = [f"A TRAINING MACHINE MAY STILL RUN, and cost money. First: {first}", f"Why: {unstopped}", ""]
    if outcome.report is not None:
        lines.append(f"Report: s3://{weights_bucket}/{outcome.report}")
    lines += ["", f"Next: {_next(outcome)}"]
    return f"Nunchi training {outcome.training}: {outcome.verdict}"[:_MOST_SUBJECT], "\n".join(lines)


def _next(outcome: TrainingOutcome) -> str:
    match outcome.verdict:
        case Verdict.PROMOTED:
            return f"nunchi weights show {outcome.run}; nunchi weights rollback undoes it"
        case Verdict.KEPT:
            return f"nunchi weights show {outcome.run}" if outcome.run else "nunchi weights list"
        case Verdict.SKIPPED:
            return "nothing; the next training comes by itself, or with: nunchi train"
        case Verdict.FAILED:
            return (
                "aws logs tail /nunchi/training --since 1d; of a training that no machine began: aws logs tail "
                "/aws/vendedlogs/states/nunchi-training --since 1d; then: nunchi train"
            )


class Notify:
    """The handler. `client` makes a client of an AWS service."""

    def __init__(
        self, *, client: Callable[[str], Any], settings: NotifySettings, clock: Callable[[], datetime] = now
    ) -> None:
        self._s3, self._sns = client("s3"), client("sns")
        self._settings = settings
        self._clock = clock

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """Of `execution` and its last `state`: how it ended, for the state machine to end likewise."""
        state = event["state"]
        unstopped = _cause(state.get("unstopped"))
        if "training" not in state:  # the very first step broke: there is no training to have an outcome
            subject = f"Nunchi training: {event['execution']} failed"[:_MOST_SUBJECT]
            told = _cause(state.get("error")) or "unknown"
            text = f"A retraining could not begin, and no machine was started.\n\nReason: {told}\n\nNext: nunchi train"
            self._publish(subject, text)
            return {"verdict": Verdict.FAILED, "message": told}
        outcome = self._written(state)
        self._publish(*message(outcome, weights_bucket=self._settings.weights_bucket, unstopped=unstopped))
        failed = outcome.verdict is Verdict.FAILED or unstopped is not None
        return {
            "training": outcome.training,
            "verdict": Verdict.FAILED if failed else outcome.verdict,
            "rule": outcome.rule,
            "message": unstopped or outcome.reason,
        }

    def _written(self, state: Mapping[str, Any]) -> TrainingOutcome:
        """The outcome that is stored, now at the latest. What the training itself wrote goes before what we think."""
        ours = outcome_of(state, self._clock())
        if ours.verdict is Verdict.FAILED and self._serves(ours.training):
            reason = f"It was put into service, and ended before it could say so: {ours.reason}"[:MOST_REASON]
            ours = replace(ours, verdict=Verdict.PROMOTED, rule="better", reason=reason, run=ours.training)
        where = {"Bucket": self._settings.dataset_bucket, "Key": training_key(ours.training, OUTCOME)}
        try:
            self._s3.put_object(**where, Body=ours.to_json().encode(), ContentType="application/json", IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _THERE:
                raise
            with closing(self._s3.get_object(**where)["Body"]) as body:
                return TrainingOutcome.from_json(body.read())
        return ours

    def _serves(self, run: str) -> bool:
        """Whether the pointer names it. What can't be read names nothing: people must be told in any case."""
        try:
            answer = self._s3.get_object(Bucket=self._settings.weights_bucket, Key=POINTER)
            with closing(answer["Body"]) as body:
                return Pointer.from_json(body.read()).run == run
        except (ClientError, BotoCoreError, InvalidMessage):
            return False

    def _publish(self, subject: str, text: str) -> None:
        self._sns.publish(TopicArn=self._settings.topic, Subject=subject, Message=text)
        sys.stdout.write(json.dumps({"level": "info", "step": "retrain", "told": subject}) + "\n")


def _cause(error: Mapping[str, Any] | None) -> str | None:
    return None if error is None else words_of(error)


def wire(environ: Mapping[str, str]) -> Notify:
    """The one place that chooses real I/O."""
    settings = load(NotifySettings, environ)
    session = botocore.session.get_session()
    return Notify(client=lambda service: session.create_client(service, config=PATIENCE), settings=settings)


def __getattr__(name: str) -> Any:
    # As in dispatch.py: made on being asked for, so that importing this file has no effect.
    if name == "handler":
        return wire(os.environ)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
