"""Orders: what the page sends, checked against the menu: dishes, options, counts and prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import InvalidName
from contracts.names import check_image_id
from kiosk.errors import InvalidOrder
from kiosk.menu.menu import Dish, Menu

MOST_OF_A_DISH: Final = 20  # more is a finger that stayed on "+", or a feast that a person should take the order of
_MOST_LINES: Final = 50

Count = Annotated[int, Field(ge=1, le=MOST_OF_A_DISH, strict=True)]
Won = Annotated[int, Field(ge=0, le=100_000_000, strict=True)]
Touches = Annotated[int, Field(ge=0, le=100_000, strict=True)]


@dataclass(frozen=True, slots=True)
class Line:
    """So many of a dish with these choices (`option/choice`). `price` in won: of one, with its choices."""

    dish: str
    choices: tuple[str, ...]
    count: int
    price: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An order that fits the menu. `order_id` and `visit` are ULIDs in lower case; `touch`, `voice`: inputs made so."""

    order_id: str
    visit: str | None
    screen: Literal["usual", "easy"]
    language: str
    type: Literal["here", "away"]
    touch: int
    voice: int
    lines: tuple[Line, ...]
    total: int
    paid: Literal["card", "counter"]
    demo: bool

    @classmethod
    def from_page(cls, fields: object, menu: Menu) -> Order:
        """From the JSON of a page. InvalidOrder names everything that is wrong, in one line."""
        try:
            page = _Page.model_validate(fields)
        except ValidationError as error:
            raise _invalid([_sentence(mistake) for mistake in error.errors()]) from None
        lines = tuple(Line(line.dish, line.choices, line.count, line.price) for line in page.lines)
        mistakes = [mistake for line in lines for mistake in _line_mistakes(line, menu)]
        mistakes += _id_mistakes("order_id", page.order_id) + _id_mistakes("visit", page.visit)
        total = sum(line.price * line.count for line in lines)
        if page.total != total:
            mistakes.append(f"the total is {total} won, not {page.total}")
        if mistakes:
            raise _invalid(mistakes)
        return cls(
            order_id=page.order_id.lower(),
            visit=page.visit.lower() if page.visit else None,
            screen=page.screen,
            language=page.language,
            type=page.type,
            touch=page.by.touch,
            voice=page.by.voice,
            lines=lines,
            total=total,
            paid=page.paid.method,
            demo=page.paid.demo,
        )

    @property
    def dishes(self) -> tuple[str, ...]:
        """Each dish of the order once, in the order of its lines."""
        return tuple(dict.fromkeys(line.dish for line in self.lines))


class _Fields(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _PageLine(_Fields):
    dish: str
    choices: tuple[str, ...] = Field((), max_length=20)
    count: Count
    price: Won


class _By(_Fields):
    touch: Touches = 0
    voice: Touches = 0


class _Paid(_Fields):
    method: Literal["card", "counter"]
    demo: bool = False


class _Page(_Fields):
    order_id: str
    visit: str | None = None
    screen: Literal["usual", "easy"]
    language: Literal["ko", "en"]
    type: Literal["here", "away"]
    by: _By = _By()
    lines: list[_PageLine] = Field(min_length=1, max_length=_MOST_LINES)
    total: Won
    paid: _Paid


def _line_mistakes(line: Line, menu: Menu) -> list[str]:
    dish = menu.dish(line.dish)
    if dish is None:
        return [f"the menu has no dish {line.dish!r}"]
    if dish.sold_out:
        return [f"{dish.id} is sold out"]
    mistakes = _choice_mistakes(line.choices, dish, menu)
    if not mistakes and line.price != (price := price_of(dish, line.choices, menu)):
        mistakes.append(f"{dish.id} costs {price} won with these choices, not {line.price}")
    return mistakes


def _choice_mistakes(choices: Sequence[str], dish: Dish, menu: Menu) -> list[str]:
    known = {f"{id}/{choice.id}" for id in dish.options for choice in menu.options[id].choices}
    mistakes = [f"{dish.id} has no choice {choice!r}" for choice in choices if choice not in known]
    mistakes += [f"{dish.id}: {choice} stands there twice" for choice, n in Counter(choices).items() if n > 1]
    for id in dish.options:
        chosen = len({choice for choice in choices if choice in known and choice.partition("/")[0] == id})
        if menu.options[id].kind == "one" and chosen != 1:
            mistakes.append(f"{dish.id} needs one choice of {id}, not {chosen}")
    return mistakes


def price_of(dish: Dish, choices: Sequence[str], menu: Menu) -> int:
    """The price in won of one of that dish with these choices, which it must have."""
    extra = {f"{id}/{choice.id}": choice.price for id in dish.options for choice in menu.options[id].choices}
    return dish.price + sum(extra[choice] for choice in choices)


def default_choices(dish: Dish, menu: Menu) -> tuple[str, ...]:
    """The choices of a customer who leaves everything as it is."""
    return tuple(f"{id}/{choice.id}" for id in dish.options for choice in menu.options[id].choices if choice.default)


def _id_mistakes(field: str, id: str | None) -> list[str]:
    if id is None:
        return []
    try:
        check_image_id(id.lower())
    except InvalidName:
        return [f"{field} {id!r} is not a ULID"]
    return []


def _sentence(mistake: Mapping[str, Any]) -> str:
    path = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in mistake["loc"]) or "the order"
    if mistake["type"] == "extra_forbidden":
        return f"{path}: an order has no such field"
    return f"{path}: {mistake['msg'][:1].lower()}{mistake['msg'][1:]}"


def _invalid(mistakes: Sequence[str]) -> InvalidOrder:
    return InvalidOrder(f"{'; '.join(mistakes)}. Nothing was ordered")
