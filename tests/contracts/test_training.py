"""How a training tells of itself: nothing is lost in JSON, and what breaks the schema is refused in words."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidMessage, InvalidName
from contracts.training import Phase, TrainingOutcome, TrainingProgress, Verdict, training_id, training_key
from contracts.weights import DAY_0, check_run_id
from tests.strategies import instants

RUN = "20261122t030405z-yolov5n"
AT = datetime(2026, 11, 22, 3, 4, 5, 678000, tzinfo=UTC)
OUTCOME = TrainingOutcome(
    training=RUN,
    verdict=Verdict.KEPT,
    rule="group_behind",
    reason="elder women are found 4 points less often",
    run=RUN,
    incumbent=None,
    report=f"runs/{RUN}/report.html",
    ended_at=AT,
)
runs = st.from_regex(r"\A[0-9a-z][0-9a-z-]{0,63}\Z").filter(lambda run: run != DAY_0)


def test_an_outcome_is_written_in_the_order_of_its_schema() -> None:
    assert OUTCOME.to_json() == (
        f'{{"schema":1,"training":"{RUN}","verdict":"kept","rule":"group_behind",'
        f'"reason":"elder women are found 4 points less often","run":"{RUN}","incumbent":null,'
        f'"report":"runs/{RUN}/report.html","ended_at":"2026-11-22T03:04:05.678Z"}}'
    )


@given(
    st.builds(
        TrainingOutcome,
        training=runs,
        verdict=st.sampled_from(Verdict),
        rule=st.text(min_size=1),
        reason=st.text(min_size=1, max_size=1000),
        run=runs,
        incumbent=st.none() | runs,
        report=st.none() | st.text(),
        ended_at=instants,
    )
)
def test_an_outcome_survives_json(outcome: TrainingOutcome) -> None:
    assert TrainingOutcome.from_json(outcome.to_json()) == outcome


@given(
    st.builds(
        lambda done, more, **rest: TrainingProgress(done=done, of=done + more, **rest),
        done=st.integers(0, 10**6),
        more=st.integers(0, 10**6),
        training=runs,
        phase=st.sampled_from(Phase),
        at=instants,
        note=st.text(),
    )
)
def test_progress_survives_json(progress: TrainingProgress) -> None:
    assert TrainingProgress.from_json(progress.to_json()) == progress


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": 2}, "follows schema 2; only 1 is known here"),
        ({"verdict": "better"}, "does not follow schema 1"),
        ({"verdict": "promoted", "run": None}, "must name its run"),
        ({"run": "no id"}, "is not the id of a run"),
        ({"reason": ""}, "needs a rule and a reason"),
        ({"ended_at": "yesterday"}, "does not follow schema 1"),
    ],
)
def test_an_outcome_that_breaks_its_promise_is_refused(change: dict[str, object], why: str) -> None:
    with pytest.raises(InvalidMessage, match=why):
        TrainingOutcome.from_json(json.dumps(json.loads(OUTCOME.to_json()) | change))


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '{"schema": 1}'])
def test_what_is_no_progress_is_refused(text: str) -> None:
    with pytest.raises(InvalidMessage):
        TrainingProgress.from_json(text)


def test_more_can_not_be_done_than_there_is() -> None:
    with pytest.raises(InvalidMessage, match="3 of 2"):
        TrainingProgress(training=RUN, phase=Phase.TRAINING, at=AT, done=3, of=2)


def test_a_file_of_a_training_lies_under_its_id() -> None:
    assert training_key(RUN, "checkpoint/last.pt") == f"trainings/{RUN}/checkpoint/last.pt"
    with pytest.raises(InvalidName):
        training_key(RUN, "../other")


def test_two_executions_of_the_same_second_are_two_trainings() -> None:
    """Else one would take the other's outcome for its own: a skipped one, say, which ended at once."""
    one, other = training_id(AT, "3f1c"), training_id(AT, "9b7e")
    assert one != other
    assert one == training_id(AT, "3f1c") == check_run_id(one)
    assert re.fullmatch(r"20261122t030405z-[0-9a-f]{6}", one), "no model: any recipe is trained"
