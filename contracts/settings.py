"""Settings from the environment: typed, validated before the first action, all mistakes reported at once.

A program declares a frozen dataclass whose fields are made by `setting(...)`, and its wiring calls `load(Class, env)`.
`infra/` writes a program's environment from the same declaration, and `docs/settings.md` lists it, so that the three
can't disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from contracts.errors import SettingsError

S = TypeVar("S")
N = TypeVar("N", int, float)


def setting(name: str, help: str, *, parse: Callable[[str], Any] = str, default: object = MISSING) -> Any:
    """A dataclass field read from the environment variable `name`.

    `parse` turns its text into the value and raises ValueError with a sentence when it can't. Without a `default` the
    variable must be set.
    """
    metadata = {"name": name, "help": help, "parse": parse}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def load(cls: type[S], environ: Mapping[str, str]) -> S:
    """An instance of the settings class from `environ`; SettingsError names every missing or invalid variable."""
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for item in _fields_of(cls):
        name, text = item.metadata["name"], environ.get(item.metadata["name"], "")
        if not text:
            if item.default is MISSING:
                mistakes.append(f"{name} is not set: {item.metadata['help']}")
            continue
        try:
            values[item.name] = item.metadata["parse"](text)
        except ValueError as error:
            mistakes.append(f"{name} is wrong: {error}")
    if mistakes:
        raise SettingsError("settings are invalid, nothing was started:\n  " + "\n  ".join(mistakes))
    return cls(**values)


def environment_of(settings: object) -> dict[str, str]:
    """The environment that `load` would read `settings` back from."""
    cls = type(settings)
    return variables_of(cls, {item.name: getattr(settings, item.name) for item in _fields_of(cls)})


def environment_for(cls: type, values: Mapping[str, object], *, found_later: Collection[str] = ()) -> dict[str, str]:
    """The environment of a program that is started elsewhere, from values keyed by field names of its settings class.

    `found_later` names fields that are known only where the program starts, such as an instance's id. SettingsError for
    an unknown field name, and for a required field that is in neither.
    """
    known = {item.name: item for item in _fields_of(cls)}
    required = {name for name, item in known.items() if item.default is MISSING}
    given = {name for name, value in values.items() if value is not None}
    wrong = [f"{name} is not a field of its settings" for name in sorted({*values, *found_later} - known.keys())]
    wrong += [f"{name} is missing" for name in sorted(required - given - set(found_later))]
    if wrong:
        raise SettingsError(
            f"the environment of {cls.__name__} is invalid, its program was not started: {'; '.join(wrong)}; correct "
            "the fields where it is wired"
        )
    return {known[name].metadata["name"]: str(value) for name, value in values.items() if value is not None}


def variables_of(cls: type, values: Mapping[str, object]) -> dict[str, str]:
    """As `environment_for`, for some of the settings; the program gets the others from elsewhere."""
    return environment_for(cls, values, found_later=[item.name for item in _fields_of(cls)])


@dataclass(frozen=True, slots=True)
class DescribedVariable:
    """One setting as documentation shows it; `default` is None when the setting must be given."""

    name: str
    help: str
    default: str | None


def describe(cls: type) -> list[DescribedVariable]:
    """Every setting of a settings class, in order of declaration."""
    return [
        DescribedVariable(
            item.metadata["name"], item.metadata["help"], None if item.default is MISSING else str(item.default)
        )
        for item in _fields_of(cls)
    ]


def _fields_of(cls: type) -> list[Field[Any]]:
    return [item for item in fields(cls) if "name" in item.metadata]


def whole(minimum: int, maximum: int) -> Callable[[str], int]:
    """A parser of whole numbers from `minimum` to `maximum`."""
    return _number(int, minimum, maximum, "a whole number")


def seconds(minimum: float, maximum: float) -> Callable[[str], float]:
    """A parser of durations in seconds from `minimum` to `maximum`."""
    return _number(float, minimum, maximum, "a number of seconds")


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    return _number(float, 0, 1, "a number")(text)


def _number(convert: Callable[[str], N], minimum: N, maximum: N, what: str) -> Callable[[str], N]:
    def parse(text: str) -> N:
        with suppress(ValueError):
            if minimum <= (value := convert(text)) <= maximum:
                return value
        raise ValueError(f"{text} is not {what} from {minimum} to {maximum}")

    return parse


def existing_file(text: str) -> Path:
    """The path of an existing file."""
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"file {text} is missing")
    return path
