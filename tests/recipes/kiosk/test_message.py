"""Messages and results: nothing is lost in JSON, broken promises are refused, and the documents agree with the code."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given

from contracts.boxes import Box
from contracts.errors import InvalidMessage
from contracts.instants import from_text, to_text
from contracts.messages import STEPS, DatasetTree, Model, Reason, Status, WorkerState, WorkerStatus
from contracts.names import IMAGE_PATTERN, KIOSK_PATTERN, Reference, label_topic, worker_status_topic
from recipes.kiosk.answers import ADULT, ELDER, FEMALE, MALE, Answer, Answers
from recipes.kiosk.labels import LABELS, Label
from recipes.kiosk.message import LabelMessage, Person, Result
from recipes.kiosk.screen import DEFAULT_ELDER_FROM, easy_screen
from tests.strategies import answers, fractions, instants, messages, results

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = json.loads((DOCS / "label-message.schema.json").read_text())
ASYNCAPI = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
TAKEN = datetime(2026, 11, 22, 3, 4, 5, 678000, tzinfo=UTC)

GOLDEN = LabelMessage(
    reference=Reference("demo", "01m81j18kv000g40r40m30e209"),
    status=Status.LABELLED,
    label=Label.ELDER_FEMALE,
    confidence=0.97,
    reason=None,
    people=(
        Person(Label.ELDER_FEMALE, 0.97, Box(0.4, 0.25, 0.6, 0.5), Answers(Answer(ELDER, 0.98), Answer(FEMALE, 0.99))),
    ),
    customer=0,
    model=Model("cascade", "1", "ab" * 32),
    captured_at=TAKEN,
    expires_at=TAKEN + timedelta(seconds=30),
    steps_ms={"upload": 12.5, "infer": 30},
)
GOLDEN_JSON = (
    '{"schema":1,"image_id":"01m81j18kv000g40r40m30e209","kiosk_id":"demo","status":"labelled",'
    '"label":"elder_female","confidence":0.97,"reason":null,'
    '"people":[{"label":"elder_female","confidence":0.97,"box":[0.4,0.25,0.6,0.5],'
    '"answers":{"age":{"value":"elder","confidence":0.98},"gender":{"value":"female","confidence":0.99}}}],"customer":0,'
    f'"model":{{"name":"cascade","version":"1","digest":"{"ab" * 32}"}},'
    '"captured_at":"2026-11-22T03:04:05.678Z","expires_at":"2026-11-22T03:04:35.678Z",'
    '"steps_ms":{"upload":12.5,"infer":30}}'
)


PERSON: dict[str, Any] = json.loads(GOLDEN_JSON)["people"][0]
ANSWERS: dict[str, Any] = PERSON["answers"]


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(GOLDEN_JSON) | fields)


def with_answers(answers: Any) -> dict[str, Any]:
    """The golden message's fields that change when its person has other answers."""
    return {"people": [PERSON | {"answers": answers}]}


def test_a_known_message_has_a_known_text() -> None:
    """The wire's text may not change by accident: kiosks in shops read it."""
    assert GOLDEN.to_json() == GOLDEN_JSON
    assert LabelMessage.from_json(GOLDEN_JSON) == GOLDEN


@given(messages())
def test_a_message_comes_back_from_its_json(message: LabelMessage) -> None:
    assert LabelMessage.from_json(message.to_json()) == message


@given(messages())
def test_every_message_follows_the_published_schema(message: LabelMessage) -> None:
    VALIDATOR.validate(json.loads(message.to_json()))


@given(results)
def test_a_result_comes_back_from_its_json(result: Result) -> None:
    assert Result.from_json(result.to_json()) == result


@given(instants)
def test_an_instant_comes_back_from_its_text(instant: datetime) -> None:
    assert from_text(to_text(instant)) == instant


def test_a_field_that_is_not_known_is_ignored() -> None:
    assert LabelMessage.from_json(changed(mood="hungry")) == GOLDEN


def test_a_message_of_an_older_worker_has_no_answers_and_is_read() -> None:
    """`answers` came later, under the same schema: then a person has None."""
    [person] = GOLDEN.people
    older = replace(GOLDEN, people=(replace(person, answers=None),))
    text = GOLDEN_JSON.replace(f',"answers":{json.dumps(ANSWERS, separators=(",", ":"))}', "")
    assert "answers" not in text
    assert (LabelMessage.from_json(text), older.to_json()) == (older, text)
    VALIDATOR.validate(json.loads(text))


def test_people_of_one_message_may_differ_in_having_answers() -> None:
    """The members of an ensemble may be of several ages."""
    beside = Person(Label.ADULT_MALE, 0.8, Box(0, 0.25, 0.2, 0.5))
    both = replace(GOLDEN, people=(beside, *GOLDEN.people), customer=1)
    assert LabelMessage.from_json(both.to_json()) == both
    VALIDATOR.validate(json.loads(both.to_json()))


def test_a_question_or_a_field_of_an_answer_that_is_not_known_is_ignored() -> None:
    """Later workers may answer more."""
    more = {
        "age": ANSWERS["age"] | {"years": 71},
        "gender": ANSWERS["gender"],
        "mask": {"value": "on", "confidence": 1},
    }
    text = changed(**with_answers(more))
    assert LabelMessage.from_json(text) == GOLDEN
    VALIDATOR.validate(json.loads(text))


@given(answers)
def test_answers_come_back_from_their_fields(some: Answers) -> None:
    assert Answers.from_fields(json.loads(json.dumps(some.to_fields()))) == some


@given(fractions, fractions)
def test_answers_of_two_probabilities_name_the_likelier_values(elder: float, female: float) -> None:
    """With four decimals; P(elder) and P(female) come back from them."""
    some = Answers.of(elder=elder, female=female)
    assert (some.elder, some.female) == (round(elder, 4), round(female, 4))
    assert min(some.age.confidence, some.gender.confidence) >= 0.5
    assert (some.age.value, some.gender.value) == (
        ELDER if some.elder > 0.5 else ADULT,
        FEMALE if some.female > 0.5 else MALE,
    )


@pytest.mark.parametrize("confidence", ["NaN", "Infinity", "-Infinity"])
def test_an_answer_without_a_number_is_refused(confidence: str) -> None:
    with pytest.raises(InvalidMessage, match="is not a number from 0 to 1"):
        LabelMessage.from_json(GOLDEN_JSON.replace('"confidence":0.98', f'"confidence":{confidence}'))


def test_a_step_that_is_not_known_is_kept_and_follows_the_published_schema() -> None:
    """Later workers may time more steps; a kiosk that leaves them to its log need not be updated for that."""
    text = changed(steps_ms={"upload": 12.5, "lunch": 1})
    assert LabelMessage.from_json(text).steps_ms == {"upload": 12.5, "lunch": 1}
    VALIDATOR.validate(json.loads(text))


@pytest.mark.parametrize("ms", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("step", ["infer", "lunch"])
def test_a_time_that_is_no_number_is_refused(step: str, ms: str) -> None:
    """No JSON by the standard, but Python's reader lets it pass."""
    with pytest.raises(InvalidMessage, match=step):
        LabelMessage.from_json(changed(steps_ms={step: 0}).replace(f'"{step}": 0', f'"{step}": {ms}'))


BROKEN: dict[str, dict[str, Any]] = {
    "another schema": {"schema": 2},
    "no label though labelled": {"label": None},
    "a label of nobody": {"label": "teenager"},
    "a label that is not the customer's": {"label": "adult_male"},
    "a reason though labelled": {"reason": "low_confidence"},
    "a confidence over 1": {"confidence": 1.5},
    "a confidence in words": {"confidence": "high"},
    "a reason of another status": {"status": "unsure", "label": None, "reason": "truncated"},
    "people in a rejected photo": {"status": "rejected", "label": None, "reason": "truncated"},
    "a customer who is not there": {"customer": 1},
    "a customer before the first": {"customer": -1},
    "a box outside the image": {"people": [{"label": "elder_female", "confidence": 0.97, "box": [0, 0, 2, 1]}]},
    "a box of three numbers": {"people": [{"label": "elder_female", "confidence": 0.97, "box": [0, 0, 1]}]},
    "answers that are null": with_answers(None),
    "answers that are a list": with_answers([ANSWERS["age"], ANSWERS["gender"]]),
    "answers without the age": with_answers({"gender": ANSWERS["gender"]}),
    "answers without the gender": with_answers({"age": ANSWERS["age"]}),
    "an age that is a gender": with_answers({"age": ANSWERS["gender"], "gender": ANSWERS["gender"]}),
    "a gender that is an age": with_answers({"age": ANSWERS["age"], "gender": ANSWERS["age"]}),
    "an age in years": with_answers(ANSWERS | {"age": {"value": 71, "confidence": 0.98}}),
    "an age of several": with_answers(ANSWERS | {"age": {"value": ["elder"], "confidence": 0.98}}),
    "an answer without a value": with_answers(ANSWERS | {"age": {"confidence": 0.98}}),
    "an answer without a confidence": with_answers(ANSWERS | {"age": {"value": "elder"}}),
    "an answer that is a word": with_answers(ANSWERS | {"age": "elder"}),
    "an answer surer than 1": with_answers(ANSWERS | {"age": {"value": "elder", "confidence": 1.01}}),
    "an answer less sure than 0": with_answers(ANSWERS | {"age": {"value": "elder", "confidence": -0.1}}),
    "an answer that is sure in words": with_answers(ANSWERS | {"age": {"value": "elder", "confidence": "high"}}),
    "an answer whose confidence is true": with_answers(ANSWERS | {"age": {"value": "elder", "confidence": True}}),
    "a kiosk id of other letters": {"kiosk_id": "Demo"},
    "a time without a zone": {"captured_at": "2026-11-22T03:04:05.678"},
    "a step that took less than no time": {"steps_ms": {"infer": -1}},
    "a new step that took less than no time": {"steps_ms": {"lunch": -1}},
    "a step timed in words": {"steps_ms": {"lunch": "long"}},
    "a step that is true": {"steps_ms": {"lunch": True}},
    "a model without a version": {"model": {"name": "cascade", "digest": ""}},
}
# Only code can tell these: a JSON Schema can't compare one field with another.
BEYOND_THE_SCHEMA = {"a label that is not the customer's", "a customer who is not there"}


@pytest.mark.parametrize("what", BROKEN)
def test_a_message_that_breaks_a_promise_is_refused(what: str) -> None:
    with pytest.raises(InvalidMessage):
        LabelMessage.from_json(changed(**BROKEN[what]))


@pytest.mark.parametrize("what", sorted(BROKEN.keys() - BEYOND_THE_SCHEMA))
def test_the_published_schema_refuses_it_too(what: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(json.loads(changed(**BROKEN[what])))


@pytest.mark.parametrize("field", SCHEMA["required"])
def test_a_message_without_a_field_is_refused_and_the_field_named(field: str) -> None:
    fields = json.loads(GOLDEN_JSON)
    del fields[field]
    with pytest.raises(InvalidMessage, match="schema" if field == "schema" else field):
        LabelMessage.from_json(json.dumps(fields))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{", '"x"', b"\xff\xfe", "{}", '{"schema": NaN}', 100_000 * "[", 100_000 * '{"a":']
)
def test_what_is_no_message_at_all_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidMessage):
        LabelMessage.from_json(text)
    with pytest.raises(InvalidMessage):
        Result.from_json(text)


def test_the_published_words_are_those_of_the_code() -> None:
    properties = SCHEMA["properties"]
    assert SCHEMA["$defs"]["label"]["enum"] == list(LABELS)
    answered = SCHEMA["$defs"]["answers"]["properties"]
    assert {question: answer["properties"]["value"]["enum"] for question, answer in answered.items()} == {
        "age": [ELDER, ADULT],
        "gender": [MALE, FEMALE],
    }
    assert list(SCHEMA["$defs"]["person"]["properties"]) == list(PERSON)
    assert properties["status"]["enum"] == list(Status)
    assert properties["reason"]["enum"] == [None, *Reason]
    assert list(properties["steps_ms"]["properties"]) == list(STEPS)
    assert properties["kiosk_id"]["pattern"] == f"^{KIOSK_PATTERN}$"
    assert properties["image_id"]["pattern"] == f"^{IMAGE_PATTERN}$"
    assert list(properties) == list(json.loads(GOLDEN_JSON))


def test_the_asyncapi_document_names_the_topics_and_states_of_the_code() -> None:
    channels = ASYNCAPI["channels"]
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert channels["label"]["address"].format(kiosk="demo") == label_topic("demo")
    assert channels["workerStatus"]["address"].format(instance="i-1") == worker_status_topic("i-1")
    worker_status = ASYNCAPI["components"]["messages"]["workerStatus"]["payload"]
    assert worker_status["properties"]["state"]["enum"] == list(WorkerState)
    sent = json.loads(WorkerStatus("i-1", WorkerState.READY, GOLDEN.model, TAKEN).to_json())
    jsonschema.Draft202012Validator(worker_status).validate(sent)
    assert list(sent) == worker_status["required"]


def test_the_examples_of_the_asyncapi_document_follow_the_schema_and_are_read() -> None:
    """One of them unsure about the label, and sure about the age."""
    examples = ASYNCAPI["components"]["messages"]["label"]["examples"]
    for example in examples:
        VALIDATOR.validate(example["payload"])
    read = [LabelMessage.from_json(example["payload"]) for example in examples]
    assert [str(message.status) for message in read] == [example["name"] for example in examples]
    assert [easy_screen(message, DEFAULT_ELDER_FROM) for message in read] == [True, True]


def test_a_workers_status_comes_back_from_its_json() -> None:
    """Whoever watches reads it: an alarm, and a person's `nunchi doctor`."""
    for state in WorkerState:
        status = WorkerStatus("i-1", state, GOLDEN.model, TAKEN)
        assert WorkerStatus.from_json(status.to_json()) == status


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": 2}, "follows schema 2; only 1 is known here"),
        ({"state": "happy"}, "does not follow schema 1: 'happy' is not a valid WorkerState"),
        ({"model": {}}, "has no field 'name'"),
        ({"model": None}, "does not follow schema 1"),
        ({"since": "noon"}, "'noon' is not a valid time"),
    ],
)
def test_a_status_that_is_none_is_refused(change: dict[str, Any], why: str) -> None:
    fields = json.loads(WorkerStatus("i-1", WorkerState.READY, GOLDEN.model, TAKEN).to_json()) | change
    with pytest.raises(InvalidMessage, match=why):
        WorkerStatus.from_json(json.dumps(fields))


def test_a_result_says_which_bytes_were_judged_by_whom_and_when() -> None:
    result = Result(GOLDEN, DatasetTree.AUTO, "i-1", '"etag"', TAKEN)
    assert json.loads(result.to_json()) == {
        "schema": 1,
        "message": json.loads(GOLDEN_JSON),
        "training": "auto",
        "instance_id": "i-1",
        "upload_etag": '"etag"',
        "decided_at": "2026-11-22T03:04:05.678Z",
    }
