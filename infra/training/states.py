"""The states of a retraining: which step follows which, and what follows when a step fails.

    Check ─ start ─► Start ─► Wait ─► Poll ─┐
      │                ▲       ▲── wait ────┤
      │                │                    ▼ done, interrupted, failed, or a step that failed
      │                └─ interrupted ──── Stop
      │                                     │
      └─ notify ─────────────────────────► Notify ─► Done | Failed

Every path from Start to an end goes through Stop. When the execution itself times out or is aborted, the reaper ends
the machine (infra/training/schedules.py), and the machine powers itself off in any case (shell/train.sh).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

ALL: Final = ["States.ALL"]
STEPS: Final = ("check", "start", "poll", "stop", "notify")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Intervals and retries. The local cloud has shorter ones: its machines are ready at once."""

    poll_s: int = 60
    retry_s: int = 5
    capacity_retry_s: int = 600
    capacity_tries: int = 12  # two hours of the night
    poll_tries: int = 30  # a retraining outlives minutes in which AWS does not answer
    stop_tries: int = 30


LOCAL_PACE: Final = Pace(poll_s=1, retry_s=1, capacity_retry_s=1, capacity_tries=2, poll_tries=5, stop_tries=5)


def retraining(scope: Construct, functions: Mapping[str, lambda_.IFunction], pace: Pace) -> sfn.Chain:
    """The chain of states, from the first. `functions`: by the names of STEPS."""
    retry = Duration.seconds(pace.retry_s)

    check = _task(
        scope,
        "Check",
        functions["check"],
        sfn.TaskInput.from_object(
            {
                "execution": sfn.JsonPath.string_at("$$.Execution.Name"),
                "started": sfn.JsonPath.string_at("$$.Execution.StartTime"),
                "machine": sfn.JsonPath.string_at("$$.StateMachine.Id"),
                "input": sfn.JsonPath.object_at("$"),
            }
        ),
    )
    check.add_retry(errors=ALL, interval=retry, max_attempts=3, backoff_rate=2)

    start = _task(scope, "Start", functions["start"])
    start.add_retry(errors=["AccountRefused"], max_attempts=0)  # no waiting mends it
    start.add_retry(
        errors=["CapacityUnavailable"],
        interval=Duration.seconds(pace.capacity_retry_s),
        max_attempts=pace.capacity_tries,
        backoff_rate=1,
    )
    start.add_retry(errors=ALL, interval=retry, max_attempts=3, backoff_rate=2)

    poll = _task(scope, "Poll", functions["poll"])
    poll.add_retry(errors=ALL, interval=retry, max_attempts=pace.poll_tries, backoff_rate=1.5, max_delay=_MINUTE)

    stop = _task(scope, "Stop", functions["stop"])
    stop.add_retry(errors=ALL, interval=retry, max_attempts=pace.stop_tries, backoff_rate=1.2, max_delay=_MINUTE)

    notify = _task(
        scope,
        "Notify",
        functions["notify"],
        sfn.TaskInput.from_object(
            {"execution": sfn.JsonPath.string_at("$$.Execution.Name"), "state": sfn.JsonPath.object_at("$")}
        ),
    )
    notify.add_retry(errors=ALL, interval=retry, max_attempts=5, backoff_rate=2)

    wait = sfn.Wait(scope, "Wait", time=sfn.WaitTime.seconds_path("$.poll_s"))
    done = sfn.Succeed(scope, "Done")
    failed = sfn.Fail(scope, "Failed", error="TrainingFailed", cause_path="$.message")
    not_notified = sfn.Fail(
        scope,
        "NotNotified",
        error="NotificationFailed",
        cause="The retraining ended, and no mail could be sent: read the log of this state machine.",
    )

    for step, then in ((check, notify), (start, stop), (poll, stop)):
        step.add_catch(then, errors=ALL, result_path="$.error")
    stop.add_catch(notify, errors=ALL, result_path="$.unstopped")
    notify.add_catch(not_notified, errors=ALL, result_path="$.error")

    starting = sfn.Condition.string_equals("$.next", "start")
    waiting = sfn.Condition.string_equals("$.next", "wait")
    start.next(wait).next(poll).next(sfn.Choice(scope, "Ended?").when(waiting, wait).otherwise(stop))
    stop.next(sfn.Choice(scope, "Another attempt?").when(starting, start).otherwise(notify))
    notify.next(
        sfn.Choice(scope, "Succeeded?").when(sfn.Condition.string_equals("$.verdict", "failed"), failed).otherwise(done)
    )
    return check.next(sfn.Choice(scope, "Needed?").when(starting, start).otherwise(notify))


_MINUTE: Final = Duration.minutes(1)


def _task(
    scope: Construct, id: str, function: lambda_.IFunction, payload: sfn.TaskInput | None = None
) -> tasks.LambdaInvoke:
    """A step: the function receives the state and returns the next one."""
    return tasks.LambdaInvoke(
        scope,
        id,
        lambda_function=function,
        payload=payload or sfn.TaskInput.from_json_path_at("$"),
        output_path="$.Payload",
        retry_on_service_exceptions=False,  # each has its own retry, for every error
        task_timeout=sfn.Timeout.duration(Duration.minutes(6)),
    )
