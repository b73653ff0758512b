"""The last step of a retraining: store its outcome, once, and notify people.

A training that ended by itself has written its outcome. For one that never began, failed or was lost this step writes
it, so that every retraining has an outcome. The incumbent stays in service except after a promotion. A training that
was interrupted between moving the pointer and writing its outcome counts as a promotion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contracts.aws.errors import error_code
from contracts.aws.lambda_wiring import clients, handler_on_first_use, log
from contracts.aws.s3 import get_or_none
from contracts.errors import InvalidMessage
from contracts.instants import now
from contracts.names import POINTER
from contracts.settings import load, setting
from contracts.training import MOST_REASON, OUTCOME, TrainingOutcome, Verdict, training_key, words_of
from contracts.weights import Pointer

PATIENCE: Final = Config(connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
_EXISTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_MAX_SUBJECT: Final = 100  # characters, SNS's limit


@dataclass(frozen=True, kw_only=True)
class NotifySettings:
    """The function's settings; `infra/` writes them."""

    dataset_bucket: str = setting(
        "NUNCHI_DATASET_BUCKET", "name of the bucket with the progress and outcomes of trainings"
    )
    weights_bucket: str = setting("NUNCHI_WEIGHTS_BUCKET", "name of the bucket with the weights and the reports")
    topic: str = setting("NUNCHI_TOPIC", "ARN of the topic that notifies people")


_SENTENCES: Final[Mapping[Verdict, str]] = {
    Verdict.PROMOTED: "The new weights are better, and are in service from now on.",
    Verdict.KEPT: "The new weights are not better by enough. The weights in service stay.",
    Verdict.SKIPPED: "No training was needed. The weights in service stay.",
    Verdict.FAILED: "The training failed. The weights in service stay.",
}


def outcome_of(state: Mapping[str, Any], at: datetime) -> TrainingOutcome:
    """The outcome of a retraining that did not write its own."""
    return TrainingOutcome(
        training=state["training"],
        verdict=Verdict(state.get("verdict", Verdict.FAILED)),
        rule=state.get("rule") or ("step_broken" if "error" in state else "no_outcome"),
        reason=(state.get("reason") or _cause(state.get("error")) or "The state machine reports no reason.")[
            :MOST_REASON
        ],
        run=None,
        incumbent=None,
        report=None,
        ended_at=at,
    )


def message(outcome: TrainingOutcome, *, weights_bucket: str, unstopped: str | None = None) -> tuple[str, str]:
    """Subject and text of the mail: verdict, rule, reason, where the report is, what to do next."""
    lines = [_SENTENCES[outcome.verdict], "", f"Rule: {outcome.rule}", f"Reason: {outcome.reason}"]
    if unstopped is not None:
        machines = f"Name=tag:nunchi:training,Values={outcome.training}"
        first = f"aws ec2 describe-instances --filters {machines}; then: aws ec2 terminate-instances --instance-ids ID"
        lines[:0] = [f"A TRAINING MACHINE MAY STILL RUN, and cost money. First: {first}", f"Why: {unstopped}", ""]
    if outcome.report is not None:
        lines.append(f"Report: s3://{weights_bucket}/{outcome.report}")
    lines += ["", f"Next: {_next(outcome)}"]
    return f"Nunchi training {outcome.training}: {outcome.verdict}"[:_MAX_SUBJECT], "\n".join(lines)


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


@dataclass(frozen=True, kw_only=True)
class Notify:
    """The handler. `client` gives the client of an AWS service."""

    client: Callable[[str], Any]
    settings: NotifySettings
    clock: Callable[[], datetime] = now

    def __call__(self, event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        """The verdict on the `execution`, from its last `state`: the state machine ends by it."""
        state = event["state"]
        unstopped = _cause(state.get("unstopped"))
        if "training" not in state:  # the first step failed: no training exists
            subject = f"Nunchi training: {event['execution']} failed"[:_MAX_SUBJECT]
            cause = _cause(state.get("error")) or "unknown"
            text = f"A retraining could not begin, and no machine was started.\n\nReason: {cause}\n\nNext: nunchi train"
            self._publish(subject, text)
            return {"verdict": Verdict.FAILED, "message": cause}
        outcome = self._store(state)
        self._publish(*message(outcome, weights_bucket=self.settings.weights_bucket, unstopped=unstopped))
        failed = outcome.verdict is Verdict.FAILED or unstopped is not None
        return {
            "training": outcome.training,
            "verdict": Verdict.FAILED if failed else outcome.verdict,
            "rule": outcome.rule,
            "message": unstopped or outcome.reason,
        }

    def _store(self, state: Mapping[str, Any]) -> TrainingOutcome:
        """Store the outcome unless the training wrote one, which then counts. Returns the stored one."""
        outcome = outcome_of(state, self.clock())
        if outcome.verdict is Verdict.FAILED and self._in_service(outcome.training):
            reason = f"It was put into service, and ended before it wrote its outcome: {outcome.reason}"[:MOST_REASON]
            outcome = replace(outcome, verdict=Verdict.PROMOTED, rule="better", reason=reason, run=outcome.training)
        place = {"Bucket": self.settings.dataset_bucket, "Key": training_key(outcome.training, OUTCOME)}
        try:
            self.client("s3").put_object(
                **place, Body=outcome.to_json().encode(), ContentType="application/json", IfNoneMatch="*"
            )
        except ClientError as error:
            if error_code(error) not in _EXISTS:
                raise
            with closing(self.client("s3").get_object(**place)["Body"]) as body:
                return TrainingOutcome.from_json(body.read())
        return outcome

    def _in_service(self, run: str) -> bool:
        """Whether the pointer names the run. An unreadable pointer counts as no: the mail must be sent in any case."""
        try:
            pointer = get_or_none(self.client("s3"), bucket=self.settings.weights_bucket, key=POINTER)
            return pointer is not None and Pointer.from_json(pointer.content).run == run
        except (ClientError, BotoCoreError, InvalidMessage):
            return False

    def _publish(self, subject: str, text: str) -> None:
        self.client("sns").publish(TopicArn=self.settings.topic, Subject=subject, Message=text)
        log(level="info", step="retrain", notified=subject)


def _cause(error: Mapping[str, Any] | None) -> str | None:
    return None if error is None else words_of(error)


def wire(environ: Mapping[str, str]) -> Notify:
    """The one place that chooses real I/O."""
    return Notify(client=clients(botocore.session.get_session(), PATIENCE), settings=load(NotifySettings, environ))


__getattr__ = handler_on_first_use(__name__, wire)
