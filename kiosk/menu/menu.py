"""The menu: dishes, options and prices in two languages, read from menu.toml with every mistake at once."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.toml_file import read_toml
from kiosk.errors import InvalidMenu

DEFAULT_FILE: Final = Path(__file__).with_name("menu.toml")
LANGUAGES: Final = ("ko", "en")
_ID: Final = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
_FIELDS: Final = ("categories", "contains", "options", "dishes")


def _id(text: str) -> str:
    if not _ID.fullmatch(text) or len(text) > 32:
        raise ValueError(f"{text!r} is not an id; use up to 32 of a-z, 0-9, and '-' between them")
    return text


Id = Annotated[str, AfterValidator(_id)]
Won = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


class _Part(BaseModel):
    """A table of menu.toml. A key that it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


Part = TypeVar("Part", bound=_Part)


class Text(_Part):
    """A text in both languages."""

    ko: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Category(_Part):
    """A group of dishes. `suggested`: whether its dishes may be among the suggestions."""

    id: Id
    name: Text
    suggested: bool = True


class Choice(_Part):
    """One choice of an option. `price` in won is added to the dish's; `contains` are allergens that it brings."""

    id: Id
    name: Text
    price: Won
    default: bool = False
    contains: tuple[Id, ...] = ()


class Option(_Part):
    """What a customer may choose about a dish: exactly one of the choices, or any number of them."""

    name: Text
    kind: Literal["one", "many"]
    choices: tuple[Choice, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _choices_agree(self) -> Option:
        if doubled := _doubled(choice.id for choice in self.choices):
            raise ValueError(f"two choices have the id {doubled[0]}")
        defaults = sum(choice.default for choice in self.choices)
        if self.kind == "one" and defaults != 1:
            raise ValueError(f"kind one needs exactly one default choice, not {defaults}")
        if self.kind == "many" and defaults:
            raise ValueError("kind many has no default: a customer adds what costs more on purpose")
        return self


class Dish(_Part):
    """A dish. `price` in won, `spicy` 0-3; `new` is shown to customers; `sold_out`: neither suggested nor sold."""

    id: Id
    category: Id
    name: Text
    about: Text
    price: Annotated[Won, Field(ge=100)]
    spicy: int = Field(0, ge=0, le=3)
    contains: tuple[Id, ...] = ()
    options: tuple[Id, ...] = ()
    sold_out: bool = False
    new: bool = False

    @property
    def picture(self) -> str:
        """The address of its picture, for the page."""
        return f"/menu/pictures/{self.id}.svg"


class Menu(_Part):
    """What the shop sells. The parts agree with each other: `load` checks that."""

    categories: tuple[Category, ...]
    contains: Mapping[Id, Text]
    options: Mapping[Id, Option]
    dishes: tuple[Dish, ...]

    @classmethod
    def load(cls, path: Path | None = None) -> Menu:
        """The menu in `path`, or the one that comes with Nunchi. InvalidMenu names the file and every mistake."""
        file = path or DEFAULT_FILE
        try:
            fields = read_toml(file)
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidMenu(f"{file} can't be read: {error}; nothing is sold without a menu") from None
        except tomllib.TOMLDecodeError as error:
            raise InvalidMenu(f"{file} is not TOML: {error}; correct that line") from None
        mistakes: list[str] = []
        menu = _read(fields, mistakes)
        if mistakes:
            raise InvalidMenu(f"{file} is invalid; correct these:\n  " + "\n  ".join(mistakes))
        return menu

    def dish(self, id: str) -> Dish | None:
        """The dish with that id; None when the menu has none."""
        return next((dish for dish in self.dishes if dish.id == id), None)

    def suggestible(self) -> tuple[str, ...]:
        """The ids of the dishes that may be suggested now, in the order of the menu."""
        suggested = {category.id for category in self.categories if category.suggested}
        return tuple(dish.id for dish in self.dishes if dish.category in suggested and not dish.sold_out)

    def sold_out(self, *ids: str) -> Menu:
        """This menu with these dishes sold out, too: what the staff marks during the day."""
        dishes = tuple(dish.model_copy(update={"sold_out": dish.sold_out or dish.id in ids}) for dish in self.dishes)
        return self.model_copy(update={"dishes": dishes})

    def to_page(self) -> dict[str, Any]:
        """The menu as the page gets it, with each dish's options and picture written out."""
        return {
            "categories": [category.model_dump(include={"id", "name"}) for category in self.categories],
            "dishes": [self._dish_to_page(dish) for dish in self.dishes],
            "contains": {id: text.model_dump() for id, text in self.contains.items()},
        }

    def _dish_to_page(self, dish: Dish) -> dict[str, Any]:
        options = [{"id": id, **self.options[id].model_dump(mode="json")} for id in dish.options]
        return dish.model_dump(mode="json") | {"picture": dish.picture, "options": options}


def _read(fields: Mapping[str, Any], mistakes: list[str]) -> Menu:
    """The menu of these fields; adds to `mistakes` what is wrong with each part, then what does not fit together."""
    mistakes += [f"{name}: a menu has no such table" for name in fields if name not in _FIELDS]
    categories = _listed(Category, fields, "categories", mistakes)
    dishes = _listed(Dish, fields, "dishes", mistakes)
    contains = _named(Text, fields, "contains", mistakes)
    options = _named(Option, fields, "options", mistakes)
    for kind, parts in (("categories", categories), ("dishes", dishes)):
        mistakes += [f"{kind}: two have the id {id}" for id in _doubled(part.id for part in parts)]
    # Held against the ids as written: a category with another mistake exists, so its dishes are no mistakes too.
    known = {
        "category": _ids_written(fields, "categories"),
        "contains": _ids_written(fields, "contains"),
        "options": _ids_written(fields, "options"),
    }
    for dish in dishes:
        uses = {"category": (dish.category,), "contains": dish.contains, "options": dish.options}
        for field, ids in uses.items():
            mistakes += [f"dishes {dish.id}: {field}: there is no {id}" for id in ids if id not in known[field]]
            mistakes += [f"dishes {dish.id}: {field}: {id} stands there twice" for id in _doubled(ids)]
    for name, option in options.items():
        for choice in option.choices:
            unknown = [id for id in choice.contains if id not in known["contains"]]
            mistakes += [f"options {name}: {choice.id}: contains: there is no {id}" for id in unknown]
    return Menu.model_construct(categories=categories, contains=contains, options=options, dishes=dishes)


def _listed(model: type[Part], fields: Mapping[str, Any], name: str, mistakes: list[str]) -> tuple[Part, ...]:
    """The valid parts of a list; the others become mistakes."""
    value = fields.get(name)
    if not isinstance(value, list) or not value:
        mistakes.append(f"{name}: a menu needs some")
        return ()
    parts = []
    for position, part in enumerate(value, 1):
        id = part.get("id") if isinstance(part, dict) else None
        read = _part(model, part, f"{name} {id or position}", mistakes)
        if read is not None:
            parts.append(read)
    return tuple(parts)


def _named(model: type[Part], fields: Mapping[str, Any], name: str, mistakes: list[str]) -> dict[str, Part]:
    """The valid parts of a table of tables, by their names; a menu may lack the table."""
    value = fields.get(name, {})
    if not isinstance(value, dict):
        mistakes.append(f"{name}: write a table [{name}]")
        return {}
    parts = {}
    for id, part in value.items():
        try:
            _id(id)
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
        read = _part(model, part, f"{name} {id}", mistakes)
        if read is not None:
            parts[id] = read
    return parts


def _part(model: type[Part], value: Any, where: str, mistakes: list[str]) -> Part | None:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        mistakes += [f"{where}: {_sentence(mistake)}" for mistake in error.errors()]
        return None


def _sentence(mistake: Mapping[str, Any]) -> str:
    """A mistake in a sentence: the field, what is wrong, and the value."""
    field = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in mistake["loc"])
    where = f"{field}: " if field else ""
    match mistake["type"]:
        case "extra_forbidden":
            return f"{where}there is no such field"
        case "missing":
            return f"{where}missing"
        case "value_error":
            return f"{where}{mistake['ctx']['error']}"
    return f"{where}{mistake['msg'][:1].lower()}{mistake['msg'][1:]}, not {mistake['input']!r}"


def _ids_written(fields: Mapping[str, Any], name: str) -> set[str]:
    value = fields.get(name, ())
    if isinstance(value, dict):
        return set(value)
    parts: Sequence[Any] = value if isinstance(value, list) else ()
    return {part["id"] for part in parts if isinstance(part, dict) and isinstance(part.get("id"), str)}


def _doubled(ids: Iterator[str] | Sequence[str]) -> list[str]:
    return [id for id, count in Counter(ids).items() if count > 1]
