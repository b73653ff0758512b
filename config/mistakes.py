"""Mistakes in nunchi.toml, in its author's words: the key as it stands there, what is wrong, a remedy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from contracts.near import did_you_mean

Location = tuple[int | str, ...]
_KINDS: Final[Mapping[str, str]] = {
    "int": "a whole number, without quotes",
    "float": "a number, without quotes",
    "bool": "true or false, without quotes",
    "string": "text in quotes",
    "tuple": 'a list in brackets, as ["08:00-20:00"]',
    "dict": "a table of names and values",
    "mapping": "a table of names and values",
    "model": "a table of settings: its name in brackets on a line, its settings below",
}
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
    "less_than": ("lt", "less than"),
}
_KEY: Final = "[key]"  # pydantic's mark of a key of a table


def find_mistakes(model: type[BaseModel], fields: Mapping[str, Any], *, related: Collection[str]) -> list[str]:
    """Every mistake in the fields, a sentence each; none when the model accepts them.

    What must hold between settings is checked for sections whose settings are right by themselves. `related`: the
    settings and sections of the model's own rules.
    """
    wrong: set[Location] = set()
    sentences: list[str] = []
    remaining: Any = fields
    while mistakes := _mistakes(model, remaining):
        places = [_place(mistake) for mistake in mistakes]
        sentences += [
            _sentence(model, mistake, place)
            for mistake, place in zip(mistakes, places, strict=True)
            # A rule between settings: of a section whose other settings are the defaults now, it says nothing.
            if not (_is_rule(model, place) and _touched(place, wrong, related))
        ]
        wrong.update(places)
        if () in places:
            break
        remaining = _without(remaining, places)
    return list(dict.fromkeys(sentences))


def _mistakes(model: type[BaseModel], fields: Any) -> Sequence[Mapping[str, Any]]:
    try:
        model.model_validate(fields)
    except ValidationError as error:
        found: Sequence[Mapping[str, Any]] = error.errors()
        return found
    return ()


def _place(mistake: Mapping[str, Any]) -> Location:
    return tuple(part for part in mistake["loc"] if part != _KEY)


def _is_rule(model: type[BaseModel], place: Location) -> bool:
    """Whether the place is a whole section, or the whole file."""
    if len(place) > 1:
        return False
    field = model.model_fields.get(str(place[0])) if place else None
    return not place or (
        field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    )


def _touched(place: Location, wrong: set[Location], related: Collection[str]) -> bool:
    of = place[:1] or related
    return any(each and each[0] in of for each in wrong)


def _without(fields: Any, places: Sequence[Location]) -> Any:
    """A copy of the fields without what is at these places; a list with a wrong entry goes as a whole."""
    if not isinstance(fields, Mapping):
        return fields
    kept = {}
    for name, value in fields.items():
        below = [place[1:] for place in places if place and place[0] == name]
        if not below:
            kept[name] = value
        elif isinstance(value, Mapping) and () not in below:
            kept[name] = _without(value, below)
    return kept


def _sentence(model: type[BaseModel], mistake: Mapping[str, Any], place: Location) -> str:
    """A mistake in a sentence: the setting, what is wrong, and the remedy."""
    where = ".".join(f"[{part}]" if isinstance(part, int) else part for part in place).replace(".[", "[")
    return f"{where or 'the file'}: {_what(model, mistake, place)}"


def _what(model: type[BaseModel], mistake: Mapping[str, Any], place: Location) -> str:  # noqa: PLR0911 - a table
    kind, value, context = mistake["type"], mistake["input"], mistake.get("ctx", {})
    if kind == "extra_forbidden":
        return f"there is no such setting{_nearest_setting(model, place)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "enum":
        names = [name.strip("'") for name in context["expected"].replace(" or ", ", ").split(", ")]
        hint = did_you_mean(str(value), names, cutoff=0.4)
        what = "there is no such name" if mistake["loc"][-1] == _KEY else f"{_shown(value)} is none of the choices"
        return f"{what}; choose {', '.join(names[:-1])} or {names[-1]}{hint}"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        limit = context[bound]
        limit = int(limit) if isinstance(limit, float) and limit.is_integer() else limit
        return f"{_shown(value)} is out of range; write {words} {limit}, not {_shown(value)}"
    if kind == "int_from_float":
        return f"{_shown(value)} is not a whole number; write it without a fraction"
    expected = _KINDS.get(kind.partition("_")[0])
    if expected is not None:
        return f"{_shown(value)} is not {expected}"
    return f"{mistake['msg'][:1].lower()}{mistake['msg'][1:]}, not {_shown(value)}"


def _shown(value: object) -> str:
    """A value about as TOML writes it, cut to what fits a line."""
    text = str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _nearest_setting(model: type[BaseModel], place: Location) -> str:
    """Where the setting exists, or which one has a name like it."""
    name, section = str(place[-1]), model
    by_name = {field: each.annotation for field, each in model.model_fields.items()}
    sections = {
        field: kind for field, kind in by_name.items() if isinstance(kind, type) and issubclass(kind, BaseModel)
    }
    if len(place) > 1:
        section = sections.get(str(place[0]), model)
    elsewhere = [field for field, kind in sections.items() if kind is not section and name in kind.model_fields]
    if elsewhere:
        return f"; did you mean {elsewhere[0]}.{name}? Write it below [{elsewhere[0]}]"
    if section is not model and name in model.model_fields:
        return f"; did you mean {name}, above all sections?"
    return did_you_mean(name, section.model_fields)
