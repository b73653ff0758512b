"""A recipe with everything that a page can show, and a counter that answers as a test says."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from contracts.answers_message import Answer as AnswerOf
from contracts.answers_message import AnswersMessage, AnswersStatus, Choice, Score, Subject
from contracts.boxes import Box
from contracts.messages import Model
from contracts.names import Reference
from kiosk.cloud.counter import Answer
from recipes.reading import parse
from recipes.recipe import Keep, Recipe
from recipes.texts import Texts

AT: Final = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
RECIPE: Final[Recipe] = parse(
    tomllib.loads("""
recipe = 1
name = "pet"
find = { kind = "face", many = "one" }
inputs = { species = ["dog", "cat"] }
join = ["sign", "side"]
judge = { of = "sign" }
notice = true
show = { why = "sign", picture = "figure" }
[[head]]
name = "sign"
says = ["no_sign", "red", "cloudy"]
[[head]]
name = "side"
says = ["left", "right"]
[[head]]
name = "fur"
colour = "basic13"
[[head]]
name = "age"
score = [0, 20]
""")
)
KO: Final = Texts(
    title="반려동물의 눈",
    about="눈에서 보이는 변화를 찾아봅니다.",
    notice="진단이 아닙니다. 눈을 다쳤으면 오늘 동물병원에 가세요.",
    questions={"sign": "변화", "side": "쪽", "fur": "털", "age": "나이"},
    inputs={"species": "동물"},
    values={
        "sign": {"no_sign": "보이지 않음", "red": "붉음", "cloudy": "흐림"},
        "side": {"left": "왼쪽", "right": "오른쪽"},
        "fur": {"white": "하양"},
        "species": {"dog": "개", "cat": "고양이"},
    },
    explain={
        "sign": {
            "no_sign": "이 사진에서는 보이지 않았습니다.",
            "red": "일반 동물병원에 물어보세요.",
            "cloudy": "안과를 보는 동물병원에 물어보세요.",
        }
    },
    picture="답을 그린 그림",
)
EN: Final = Texts(
    title="A pet's eye",
    about="Looks for changes that can be seen in an eye.",
    notice="This is no diagnosis. An eye that is hurt belongs to a vet today.",
    questions={"sign": "Sign", "side": "Side", "fur": "Fur", "age": "Age"},
    inputs={"species": "Animal"},
    values={
        "sign": {"no_sign": "no sign seen", "red": "red", "cloudy": "cloudy"},
        "side": {"left": "left", "right": "right"},
        "fur": {"white": "white"},
        "species": {"dog": "dog", "cat": "cat"},
    },
    explain={
        "sign": {
            "no_sign": "Not seen in this picture.",
            "red": "Ask a general clinic.",
            "cloudy": "Ask an eye specialist.",
        }
    },
    picture="A figure of the answers",
)
TEXTS: Final = {"ko": KO, "en": EN}

# A recipe that asks for a declaration, keeps no photo, and says in words what its score means.
CAREFUL: Final[Recipe] = replace(
    RECIPE, inputs={}, keep=Keep(upload=False, learn=False, consent="adult-declared"), name="careful"
)
LEVELS: Final = {"ko": ("낮음", "보통", "높음"), "en": ("low", "middling", "high")}
CONSENT: Final = {"ko": "저는 성인입니다.", "en": "I am an adult."}
CAREFUL_TEXTS: Final = {
    language: replace(texts, inputs={}, consent=CONSENT[language], levels={"age": LEVELS[language]})
    for language, texts in TEXTS.items()
}

SURE: Final[Mapping[str, AnswerOf]] = {
    "sign": Choice("no_sign", 0.9731, True),
    "side": Choice("left", 0.5412, False),
    "age": Score(7.25, 4.5, 9.75),
}
EYE: Final = Subject(Box(0.25, 0.1, 0.75, 0.6), SURE, Choice("no_sign_left", 0.5266, False))


def message(
    status: AnswersStatus = AnswersStatus.LABELLED, *subjects: Subject, reason: str | None = None
) -> AnswersMessage:
    """The message about a photo of RECIPE."""
    return AnswersMessage(
        reference=Reference("demo", "01kb6z6m1s2e9r8q4n7t3w5y0b"),
        recipe=RECIPE.name,
        status=status,
        reason=reason,
        subjects=subjects,
        inputs={"species": "dog"},
        notice=True,
        model=Model("pet", "1", "0" * 64),
        captured_at=AT,
        expires_at=AT + timedelta(seconds=20),
        steps_ms={"upload": 12.0, "infer": 30.5},
    )


@dataclass
class FakeCounter:
    """Answers every photo with `says`, or raises it; notes what it is asked."""

    says: AnswersMessage | Exception = field(default_factory=lambda: message(AnswersStatus.LABELLED, EYE))
    asked: list[tuple[bytes, Mapping[str, str]]] = field(default_factory=list)

    async def ask(
        self,
        photo: bytes,
        *,
        timeout_s: float,  # noqa: ARG002
        inputs: Mapping[str, str] | None = None,
    ) -> Answer[AnswersMessage]:
        self.asked.append((photo, inputs or {}))
        if isinstance(self.says, Exception):
            raise self.says
        return Answer(self.says, upload_ms=30.0, total_ms=420.0)
