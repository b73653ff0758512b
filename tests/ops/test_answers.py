"""What people see of a message."""

from __future__ import annotations

import shlex
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from contracts.answers import Answers
from contracts.boxes import Box
from contracts.labels import Label
from contracts.messages import STEPS, LabelMessage, Person, Reason, Status
from contracts.names import Reference
from ops.answers import answer_row, answers_table, message_line
from ops.commands.cloud import try_next
from tests.kiosk.cloud.test_counter import nobody

PHOTO = Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z")
ANSWERS = Answers.of(elder=0.0125, female=0.99)


def labelled(answers: Answers | None = ANSWERS) -> LabelMessage:
    somebody = Person(Label.ADULT_FEMALE, 0.976, Box(0.4, 0.3, 0.6, 0.6), answers)
    nobody_there = nobody(PHOTO)
    return replace(
        nobody_there,
        status=Status.LABELLED,
        label=Label.ADULT_FEMALE,
        confidence=0.976,
        reason=None,
        people=(somebody,),
        customer=0,
        steps_ms=dict.fromkeys(STEPS, 123.0),
    )


def shown(thing: object, *, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width, soft_wrap=True)
    console.print(thing)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def unsure(answers: Answers | None) -> LabelMessage:
    message = labelled(answers)
    person = replace(message.people[0], confidence=0.4444)
    return replace(
        message,
        status=Status.UNSURE,
        label=None,
        confidence=0.4444,
        reason=Reason.LOW_CONFIDENCE,
        people=(person,),
        steps_ms={"infer": 31.0},
    )


@pytest.mark.parametrize("width", [40, 59, 60, 80, 94, 95, 110])
def test_the_table_of_answers_fits_the_terminal_and_never_hides_an_answer(width: int) -> None:
    """With a long file name, and steps that were not timed."""
    messages = nobody(PHOTO), labelled()
    name = "a-very-long-name-of-a-photo[1].jpg"
    table = answers_table(
        width, [answer_row(name, message, 1234.4, width=width, elder_from=0.4) for message in messages]
    )
    header, no_person, person, *_ = lines = shown(table, width=width).splitlines()
    assert max(len(line) for line in lines) <= width
    assert [word for word in header.split() if word in {"photo", "answer", "sure", "total"}] == [
        "photo",
        "answer",
        "sure",
        "total",
    ]
    assert ("dispatch" in header, "elder screen" in header) == (width >= 95, width >= 60)
    screen = ["standard"] if width >= 60 else []
    assert no_person.split()[1 : 2 + len(screen)] == ["no_person", *screen]
    assert person.split()[1 : 3 + 2 * len(screen)] == ["adult_female", "0.976", *["0.013"] * len(screen), *screen]
    assert (no_person.split()[-1], person.split()[-1]) == ("1234", "1234")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (nobody(PHOTO), "no_person no_face_found  standard screen  0 ms"),
        (labelled(), "adult_female 0.976  standard screen, elder 0.013  861 ms"),
        (
            unsure(Answers.of(elder=0.4, female=0.5)),
            "unsure 0.444 low_confidence  easy screen, elder 0.400  31 ms",
        ),
        (unsure(None), "unsure 0.444 low_confidence  standard screen  31 ms"),
    ],
    ids=["no person", "labelled", "unsure", "without answers"],
)
def test_a_line_of_watch_names_photo_answer_and_screen(message: LabelMessage, line: str) -> None:
    """What `nunchi watch` prints for each message."""
    assert shown(message_line(message, elder_from=0.4)) == f"{PHOTO}  {line}\n"


def test_the_screen_follows_the_setting() -> None:
    message = unsure(Answers.of(elder=0.3, female=0.5))
    rows = [answer_row("a.jpg", message, 1.0, width=80, elder_from=elder_from) for elder_from in (0.25, 0.35)]
    assert [row[3:5] for row in rows] == [["0.300", "easy"], ["0.300", "standard"]]


def test_what_to_try_next_can_be_pasted_whatever_the_folder_is_called() -> None:
    """A shell takes each path for one word, and rich takes none for its markup."""
    state = Path("/srv/my [bold] cloud")
    record: Any = SimpleNamespace(
        credentials=SimpleNamespace(access_key_id="k", secret_access_key="s"),
        mqtt=SimpleNamespace(
            host="h", port=1, topic="t", ca=state / "ca.pem", cert=state / "cert.pem", key=state / "key.pem"
        ),
        region="r",
        endpoints={"s3": "http://h"},
        buckets={"images": "b"},
        tables={"orders": "o"},
        kiosk="demo",
    )
    text = Text.from_markup(try_next(record, state)).plain
    (subscribe,) = [line for line in text.replace("\\\n", "").splitlines() if "mosquitto_sub" in line]
    words = shlex.split(subscribe)
    assert {name: words[words.index(name) + 1] for name in ("--cafile", "--cert", "--key")} == {
        "--cafile": str(state / "ca.pem"),
        "--cert": str(state / "cert.pem"),
        "--key": str(state / "key.pem"),
    }
    assert shlex.split(text.splitlines()[1])[0] == f"NUNCHI_STATE={state}"
