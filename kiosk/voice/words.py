"""The words of a menu: word ids, what people say for each, and which of them mean something in a listening."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

_NUMBERS: Final = ("하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉")
_BEFORE_COUNTERS: Final = ("한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_SINO: Final = ("일", "이", "삼", "사")
_COUNTERS: Final = ("개", "그릇", "줄", "병", "잔", "접시", "인분")
_WITH_EVERY_COUNTER: Final = len(_SINO)  # five and more are counted by 개 alone: each form costs another word's recall

COUNTS: Final = tuple(f"count-{number}" for number in range(1, 10))
CANCEL: Final = "cancel"

# What people say for the words of the dialogue. 네 is also a four before a counter: the longest form wins.
DIALOGUE: Final[Mapping[str, tuple[str, ...]]] = {
    "yes": ("네", "예", "응", "네네", "네 네", "맞아요", "맞아", "좋아요", "그래요", "그래", "네 맞아요", "네 주세요"),
    "no": ("아니요", "아니오", "아뇨", "아니", "아니에요", "싫어요"),
    CANCEL: ("취소", "취소요", "취소해요", "취소할게요", "취소해 주세요"),
    "again": ("다시", "다시요", "다시 할게요", "다시 말해 주세요"),
    "done": ("다 됐어요", "됐어요", "다 했어요", "주문할게요", "주문해 주세요", "주문", "끝", "이제 됐어요"),
    "here": ("먹고 가요", "먹고 갈게요", "여기서", "여기서 먹을게요", "여기서 먹어요", "매장"),
    "away": ("가져가요", "가져갈게요", "포장", "포장이요", "포장해 주세요", "싸 주세요"),
}
# Said around a word, without a meaning of their own.
FILLERS: Final = (
    "주세요",
    "줘",
    "줘요",
    "요",
    "이요",
    "좀",
    "음",
    "어",
    "저기",
    "저",
    "그",
    "할게요",
    "해",
    "이",
    "랑",
)

# Said before a dish by people who talk to a person.
LEAD_INS: Final = (
    "음",
    "어",
    "저기",
    "저",
    "그",
    "여기",
    "여기요",
    "저기요",
    "네",
    "나는",
    "나도",
    "우리",
    "이모",
    "아줌마",
    "사장님",
)

# Kinds of words, as a listening expects them. A word id by itself is a kind, too.
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "count": COUNTS,
    "yes_no": ("yes", "no"),
    "here_away": ("here", "away"),
}

# Other words, and other spellings of the lexicon, for a part of a dish's name.
OTHERWISE: Final[Mapping[str, tuple[str, ...]]] = {
    "떡볶이": ("떡복이", "떡볶기"),
    "어묵": ("오뎅",),
    "돈까스": ("돈가스",),
    "모둠": ("모듬",),
}

Forms = Mapping[str, tuple[str, ...]]


def forms_of_counts() -> dict[str, tuple[str, ...]]:
    """count-1 to count-9: 하나, 한 개, 한 그릇, 일 인분, …"""
    return {word: _forms_of_count(at) for at, word in enumerate(COUNTS)}


def _forms_of_count(at: int) -> tuple[str, ...]:
    counters = _COUNTERS if at < _WITH_EVERY_COUNTER else _COUNTERS[:1]
    counted = [f"{_SINO[at] if counter == '인분' else _BEFORE_COUNTERS[at]} {counter}" for counter in counters]
    return (_NUMBERS[at], *counted, *(form.replace(" ", "") for form in counted))


def forms_of_dishes(names: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Dish id → spoken forms, from (id, Korean name): the name and its other words, with and without spaces."""
    return {dish: _forms_of_name(name) for dish, name in names}


def _forms_of_name(name: str) -> tuple[str, ...]:
    called = [name.replace(part, other) for part, others in OTHERWISE.items() if part in name for other in others]
    return tuple(dict.fromkeys(form for each in (name, *called) for form in (each, each.replace(" ", ""))))


def vocabulary(dishes: Forms) -> dict[str, tuple[str, ...]]:
    """Every word id of this menu and the dialogue, with its forms."""
    return {**{dish: tuple(forms) for dish, forms in dishes.items()}, **forms_of_counts(), **DIALOGUE}


def expected(kinds: Collection[str], dishes: Collection[str]) -> frozenset[str]:
    """The word ids that mean something. Cancel always does; a kind that nobody knows adds nothing."""
    return frozenset(_expected(kinds, dishes)) | {CANCEL}


def _expected(kinds: Collection[str], dishes: Collection[str]) -> Iterator[str]:
    known = {*dishes, *COUNTS, *DIALOGUE}
    for kind in kinds:
        if kind == "dish":
            yield from dishes
        elif kind in KINDS:
            yield from KINDS[kind]
        elif kind in known:
            yield kind
