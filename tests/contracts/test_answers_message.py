"""The answers message: what it says comes back as it was, and what breaks its rules is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.answers_message import WHY, Answer, AnswersMessage, AnswersResult, AnswersStatus, Choice, Score, Subject
from contracts.boxes import Box
from contracts.errors import InvalidMessage
from contracts.messages import STEPS, DatasetTree, Model
from contracts.names import IMAGE_PATTERN, KIOSK_PATTERN, Reference
from contracts.subject_labels import LabelledSubject, SubjectLabels
from recipes.kiosk.message import Result
from tests.recipes.kiosk.test_message import ASYNCAPI, DOCS
from tests.strategies import boxes, fractions, instants, models, references, results
from worker.messages import result_from_json

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)
AT = datetime(2026, 11, 29, 3, 4, 5, tzinfo=UTC)
SURE = Subject(Box(0.1, 0.2, 0.5, 0.6), {"mask": Choice("worn", 0.97, True)}, Choice("worn_male", 0.9, True))
MESSAGE = AnswersMessage(
    reference=Reference("door", "01jd8v2k5e9m3x7q4r6t0w1y2z"),
    recipe="mask",
    status=AnswersStatus.LABELLED,
    reason=None,
    subjects=(SURE,),
    inputs={"place": "inside"},
    notice=True,
    model=Model("mask", "1", "0" * 64),
    captured_at=AT,
    expires_at=AT,
    pictures={WHY: "https://s3/why/door/1.png?X-Amz-Signature=secret"},
)
SCHEMA = json.loads((DOCS / "answers-message.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    if draw(st.booleans()):
        return Choice(draw(NAMES), draw(fractions), draw(st.booleans()))
    low, value, high = sorted(draw(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3)))
    return Score(value, low, high)


@st.composite
def answers_messages(draw: st.DrawFn) -> AnswersMessage:
    subject = st.builds(Subject, boxes(), st.dictionaries(NAMES, answers(), max_size=3))
    subjects = tuple(draw(st.lists(subject, max_size=2)))
    sure = any(isinstance(each, Score) or each.sure for one in subjects for each in one.answers.values())
    outcome = AnswersStatus.LABELLED if sure else AnswersStatus.UNSURE
    without = draw(st.sampled_from([AnswersStatus.NOTHING_FOUND, AnswersStatus.DECLINED, AnswersStatus.REJECTED]))
    status = outcome if subjects else without
    return AnswersMessage(
        reference=draw(references),
        recipe=draw(NAMES),
        status=status,
        reason=draw(NAMES) if status in (AnswersStatus.DECLINED, AnswersStatus.REJECTED) else None,
        subjects=subjects,
        inputs=draw(st.dictionaries(NAMES, NAMES, max_size=2)),
        notice=draw(st.booleans()),
        model=draw(models),
        captured_at=draw(instants),
        expires_at=draw(instants),
        steps_ms=draw(st.dictionaries(NAMES, st.floats(0, 1e6), max_size=3)),
        pictures=draw(st.dictionaries(NAMES, NAMES.map("https://{}".format), max_size=2)),
    )


@given(answers_messages())
def test_a_message_comes_back_as_it_was(message: AnswersMessage) -> None:
    assert AnswersMessage.from_json(message.to_json()) == message


@given(answers_messages())
def test_every_message_follows_the_published_schema(message: AnswersMessage) -> None:
    VALIDATOR.validate(json.loads(message.to_json()))


@given(answers_messages(), instants)
def test_a_stored_result_says_by_its_message_which_kind_it_is(message: AnswersMessage, at: datetime) -> None:
    stored = AnswersResult(message, DatasetTree.AUTO, "i-1", "etag", at)
    assert result_from_json(stored.to_json()) == stored


@given(results)
def test_a_kiosks_result_is_read_as_before(result: Result) -> None:
    assert result_from_json(result.to_json()) == result


BROKEN: dict[str, dict[str, Any]] = {
    "labelled without a subject": {"subjects": ()},
    "labelled without a sure answer": {"subjects": (replace(SURE, answers={"mask": Choice("worn", 0.4, False)}),)},
    "unsure with a sure answer": {"status": AnswersStatus.UNSURE},
    "nothing found, and a subject": {"status": AnswersStatus.NOTHING_FOUND},
    "declined without a reason": {"status": AnswersStatus.DECLINED, "subjects": ()},
    "a reason though labelled": {"reason": "several_found"},
    "a step that takes a negative time": {"steps_ms": {"infer": -1.0}},
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_message_that_breaks_a_rule_is_refused_by_the_code_and_the_published_schema(rule: str) -> None:
    with pytest.raises(InvalidMessage):
        replace(MESSAGE, **BROKEN[rule])
    changes = {"subjects": [subject.to_fields() for subject in BROKEN[rule].get("subjects", MESSAGE.subjects)]}
    VALIDATOR.validate(FIELDS)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(FIELDS | BROKEN[rule] | changes)


FIELDS = MESSAGE.to_fields()
ANSWER = {"value": "worn", "confidence": 0.9, "sure": True}
UNREADABLE: dict[str, dict[str, Any]] = {
    "another schema": {"schema": 2},
    "a confidence over 1": {"subjects": [{"box": [0, 0, 1, 1], "answers": {"mask": ANSWER | {"confidence": 1.5}}}]},
    "a confidence that is text": {
        "subjects": [{"box": [0, 0, 1, 1], "answers": {"mask": ANSWER | {"confidence": ""}}}]
    },
    "sure that is a number": {"subjects": [{"box": [0, 0, 1, 1], "answers": {"mask": ANSWER | {"sure": 1}}}]},
    "a score outside its interval": {
        "subjects": [{"box": [0, 0, 1, 1], "answers": {"size": {"value": 9, "low": 1, "high": 5}}}]
    },
    "a box outside the picture": {"subjects": [{"box": [0, 0, 1, 2], "answers": {"mask": ANSWER}}]},
    "answers that are a list": {"subjects": [{"box": [0, 0, 1, 1], "answers": ["worn"]}]},
    "an unknown status": {"status": "fine"},
    "no inputs": {"inputs": None},
    "a picture that is no link": {"pictures": {WHY: "why/door/1.png"}},
    "pictures that are a list": {"pictures": ["https://s3/1"]},
}
BEYOND_THE_SCHEMA = {"a score outside its interval"}  # a JSON Schema can't compare one field with another


@pytest.mark.parametrize("fault", UNREADABLE)
def test_a_text_that_does_not_follow_the_schema_is_refused(fault: str) -> None:
    with pytest.raises(InvalidMessage):
        AnswersMessage.from_json(json.dumps(FIELDS | UNREADABLE[fault]))


@pytest.mark.parametrize("fault", sorted(UNREADABLE.keys() - BEYOND_THE_SCHEMA))
def test_the_published_schema_refuses_it_too(fault: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(FIELDS | UNREADABLE[fault])


@pytest.mark.parametrize("field", SCHEMA["required"])
def test_a_message_without_a_field_is_refused(field: str) -> None:
    with pytest.raises(InvalidMessage, match="schema" if field == "schema" else field):
        AnswersMessage.from_json({name: value for name, value in FIELDS.items() if name != field})


def test_the_published_words_are_those_of_the_code() -> None:
    properties = SCHEMA["properties"]
    assert list(properties) == list(FIELDS)
    assert [*SCHEMA["required"], "pictures"] == list(FIELDS)
    assert properties["status"]["enum"] == list(AnswersStatus)
    assert properties["kiosk_id"]["pattern"] == f"^{KIOSK_PATTERN}$"
    assert properties["image_id"]["pattern"] == f"^{IMAGE_PATTERN}$"
    assert list(properties["steps_ms"]["properties"]) == list(STEPS)
    assert list(properties["pictures"]["properties"]) == [WHY]
    assert list(SCHEMA["$defs"]["subject"]["properties"]) == list(SURE.to_fields())
    for answer, name in ((Choice("worn", 0.9, True), "choice"), (Score(2, 1, 3), "score")):
        written = replace(SURE, answers={"one": answer}).to_fields()["answers"]["one"]
        assert list(written) == list(SCHEMA["$defs"][name]["properties"]) == SCHEMA["$defs"][name]["required"]


def test_the_asyncapi_document_has_the_message_on_the_devices_topic() -> None:
    """With examples that follow the schema and are read."""
    assert list(ASYNCAPI["channels"]["label"]["messages"]) == ["label", "answers"]
    described = ASYNCAPI["components"]["messages"]["answers"]
    assert described["payload"] == {"$ref": "./answers-message.schema.json"}
    for example in described["examples"]:
        VALIDATOR.validate(example["payload"])
        assert str(AnswersMessage.from_json(example["payload"]).status) == example["name"]


def test_a_message_without_pictures_has_no_field_for_them_and_their_links_are_not_shown() -> None:
    """A link is a secret until it expires: it may not reach a log."""
    without = replace(MESSAGE, pictures={})
    assert without.to_fields() == {name: value for name, value in FIELDS.items() if name != "pictures"}
    assert AnswersMessage.from_json(without.to_json()) == without
    assert "secret" not in repr(MESSAGE)
    with pytest.raises(InvalidMessage) as refused:
        AnswersMessage.from_json(FIELDS | {"pictures": {WHY: "ftp://secret"}})
    assert "secret" not in str(refused.value)


def test_unknown_fields_are_ignored_so_that_new_ones_may_be_added() -> None:
    assert AnswersMessage.from_json(json.dumps(FIELDS | {"later": 1})) == MESSAGE


labelled = st.builds(
    LabelledSubject,
    boxes(),
    st.dictionaries(NAMES, NAMES | st.floats(-1e6, 1e6), max_size=3),
    group=st.none() | NAMES,
)


@given(NAMES, st.dictionaries(NAMES, NAMES, max_size=2), st.lists(labelled, max_size=3))
def test_a_label_file_comes_back_as_it_was(
    recipe: str, inputs: dict[str, str], subjects: list[LabelledSubject]
) -> None:
    labels = SubjectLabels(recipe, inputs, tuple(subjects))
    assert SubjectLabels.from_json(labels.to_json()) == labels


@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}], ids=str)
def test_an_answer_is_text_or_a_number(value: object) -> None:
    subject = {"box": [0, 0, 1, 1], "answers": {"mask": value}}
    with pytest.raises(InvalidMessage):
        SubjectLabels.from_json({"schema": 1, "recipe": "mask", "inputs": {}, "subjects": [subject]})
