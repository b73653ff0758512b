"""What people see of a message."""

from __future__ import annotations

import shlex
import unicodedata
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from contracts.boxes import Box
from contracts.messages import STEPS, Reason, Status
from contracts.names import Reference
from ops.answers import answer_row, answers_table, legend, message_line
from ops.commands.cloud import try_next
from recipes.kiosk.answers import Answers
from recipes.kiosk.labels import Label
from recipes.kiosk.message import LabelMessage, Person
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


NAMES = ("a-very-long-name-of-a-photo[1].jpg", "할머니-사진-명동-매장-앞에서.jpg", "kiosk-one-person.jpg", "a.jpg")


def names_in(lines: list[str], columns: int) -> str:
    """What stands in the first columns of all lines."""
    folded = ""
    for line in lines:
        column = set_cell_size(line, columns)
        folded += column.strip()
    return folded


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [40, 59, 60, 80, 94, 95, 110, 120])
def test_the_table_of_answers_fits_the_terminal_and_never_hides_an_answer_or_a_name(width: int, name: str) -> None:
    """Also of steps that were not timed; on a narrow terminal the steps go first, and a long name is folded."""
    messages = nobody(PHOTO), labelled()
    table = answers_table(width, [answer_row(name, message, 1234.4, elder_from=0.4) for message in messages])
    lines = shown(table, width=width).splitlines()
    assert max(cell_len(line) for line in lines) <= width
    header = lines[0]
    no_person, person = (line for line in lines if line.rstrip().endswith("1234"))
    at = header.index("answer")
    assert names_in(lines[1 : lines.index(person)], at) == name
    assert [word for word in header.split() if word in {"photo", "answer", "sure", "total"}] == [
        "photo",
        "answer",
        "sure",
        "total",
    ]
    assert ("dispatch" in header, "elder screen" in header) == (width >= max(5, cell_len(name)) + 80, width >= 60)
    screen = ["standard"] if width >= 60 else []
    assert no_person.split()[1 : 2 + len(screen)] == ["no_person", *screen]
    assert person.split()[1 : 3 + 2 * len(screen)] == ["adult_female", "0.976", *["0.013"] * len(screen), *screen]


def test_a_name_of_korean_letters_moves_no_column() -> None:
    """Each takes two columns of a terminal; those that macOS took apart are joined."""
    names = "할머니.jpg", unicodedata.normalize("NFD", "할머니.jpg"), "usg_B001232.jpg"
    lines = shown(
        answers_table(80, [answer_row(name, labelled(), 80.0, elder_from=0.4) for name in names])
    ).splitlines()
    assert {cell_len(line.partition("adult_female")[0]) for line in lines[1:4]} == {len("usg_B001232.jpg") + 1}


def test_the_legend_has_a_sentence_for_each_status_that_needs_one_and_the_screens_rule() -> None:
    assert legend([Status.LABELLED], 0.4) == [
        "screen: easy (large letters, voice) from a probability of 0.4 of an elder on."
    ]
    of_all = legend(list(Status), 0.4)
    assert [line.partition(":")[0] for line in of_all] == ["no_person", "unsure", "rejected", "screen"]
    assert "send JPEG, PNG or WebP" in of_all[2]


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
    rows = [answer_row("a.jpg", message, 1.0, elder_from=elder_from) for elder_from in (0.25, 0.35)]
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
        recipe="kiosk",
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
