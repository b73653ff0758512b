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

from contracts.boxes import Box
from contracts.labels import Label
from contracts.messages import STEPS, LabelMessage, Person, Status
from contracts.names import Reference
from ops.answers import answer_row, answers_table, message_line
from ops.commands.cloud import try_next
from tests.kiosk.test_counter import nobody


def labelled() -> LabelMessage:
    somebody = Person(Label.ADULT_FEMALE, 0.976, Box(0.4, 0.3, 0.6, 0.6))
    nobody_there = nobody(Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z"))
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


@pytest.mark.parametrize("width", [40, 60, 79, 80, 110])
def test_the_table_of_answers_fits_the_terminal_and_never_hides_an_answer(width: int) -> None:
    """With a long file name, and steps that were not timed."""
    messages = nobody(Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z")), labelled()
    name = "a-very-long-name-of-a-photo[1].jpg"
    table = answers_table(width, [answer_row(name, message, 1234.4, width=width) for message in messages])
    header, no_person, person, *_ = lines = shown(table, width=width).splitlines()
    assert max(len(line) for line in lines) <= width
    assert [word for word in header.split() if word in {"photo", "answer", "sure", "total"}] == [
        "photo",
        "answer",
        "sure",
        "total",
    ]
    assert ("dispatch" in header) is (width >= 80)
    assert no_person.split()[1] == "no_person"
    assert person.split()[1:3] == ["adult_female", "0.976"]
    assert (no_person.split()[-1], person.split()[-1]) == ("1234", "1234")


def test_a_line_of_watch_names_photo_and_answer() -> None:
    """What `nunchi watch` prints for each message."""
    message = nobody(Reference("demo", "01jd8v2k5e9m3x7q4r6t0w1y2z"))
    assert shown(message_line(message)) == "demo/01jd8v2k5e9m3x7q4r6t0w1y2z  no_person no_face_found  0 ms\n"


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
