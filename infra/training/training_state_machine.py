"""The state machine of a retraining: which step follows which, and what follows when one breaks.

    Check ─ start ─► Start ─► Wait ─► Look ─┐
      │                ▲       ▲── wait ────┤
      │                │                    ▼ done, interrupted, failed, or any step that broke
      │                └─ interrupted ──── Stop
      │                                     │
      └─ tell ───────────────────────────► Tell ─► Done | Failed

No path from Start to an end goes past Stop. A time-out or an abort of the execution itself is caught by the sweep
(infra/training/training.py), and the machine powers itself off in any case (shell/train.sh).
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
STEPS: Final = ("check", "start", "watch", "stop", "tell")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long is waited before another try. On one machine nobody waits a minute for a machine that is there."""

    poll_s: int = 60
    retry_s: int = 5
    no_room_s: int = 600
    no_room_tries: int = 12  # two hours of the night
    look_tries: int = 30  # a retraining outlives minutes in which AWS does not answer
    stop_tries: int = 30


ON_ONE_MACHINE: Final = Pace(poll_s=1, retry_s=1, no_room_s=1, no_room_tries=2, look_tries=5, stop_tries=5)


def retraining(scope: Construct, functions: Mapping[str, lambda_.IFunction], pace: Pace) -> sfn.Chain:
    """The states, from the first. `functions` by the names of STEPS."""
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
    start.add_retry(
        errors=["CapacityUnavailable"],
        interval=Duration.seconds(pace.no_room_s),
        max_attempts=pace.no_room_tries,
        backoff_rate=1,
    )
    start.add_retry(errors=ALL, interval=retry, max_attempts=3, backoff_rate=2)

    look = _task(scope, "Look", functions["watch"])
    look.add_retry(errors=ALL, interval=retry, max_attempts=pace.look_tries, backoff_rate=1.5, max_delay=_MINUTE)

    stop = _task(scope, "Stop", functions["stop"])
    stop.add_retry(errors=ALL, interval=retry, max_attempts=pace.stop_tries, backoff_rate=1.2, max_delay=_MINUTE)

    tell = _task(
        scope,
        "Tell",
        functions["tell"],
        sfn.TaskInput.from_object(
            {"execution": sfn.JsonPath.string_at("$$.Execution.Name"), "state": sfn.JsonPath.object_at("$")}
        ),
    )
    tell.add_retry(errors=ALL, interval=retry, max_attempts=5, backoff_rate=2)

    wait = sfn.Wait(scope, "Wait", time=sfn.WaitTime.seconds_path("$.poll_s"))
    done = sfn.Succeed(scope, "Done")
    failed = sfn.Fail(scope, "Failed", error="TrainingFailed", cause_path="$.message")
    untold = sfn.Fail(scope, "Untold", error="NobodyTold", cause="It ended, and nobody could be told: look at its log.")

    for step, then in ((check, tell), (start, stop), (look, stop)):
        step.add_catch(then, errors=ALL, result_path="$.error")
    stop.add_catch(tell, errors=ALL, result_path="$.unstopped")
    tell.add_catch(untold, errors=ALL, result_path="$.error")

    starting = sfn.Condition.string_equals("$.next", "start")
    waiting = sfn.Condition.string_equals("$.next", "wait")
    start.next(wait).next(look).next(sfn.Choice(scope, "Over?").when(waiting, wait).otherwise(stop))
    stop.next(sfn.Choice(scope, "Another attempt?").when(starting, start).otherwise(tell))
    tell.next(
        sfn.Choice(scope, "Well?").when(sfn.Condition.string_equals("$.verdict", "failed"), failed).otherwise(done)
    )
    return check.next(sfn.Choice(scope, "Sensible?").when(starting, start).otherwise(tell))


_MINUTE: Final = Duration.minutes(1)


def _task(
    scope: Construct, id: str, function: lambda_.IFunction, payload: sfn.TaskInput | None = None
) -> tasks.LambdaInvoke:
    """A step that hands the state to a function, whose answer is the state."""
    return tasks.LambdaInvoke(
        scope,
        id,
        lambda_function=function,
        payload=payload or sfn.TaskInput.from_json_path_at("$"),
        output_path="$.Payload",
        retry_on_service_exceptions=False,  # each has a retry of its own, for every error
        task_timeout=sfn.Timeout.duration(Duration.minutes(6)),
    )
