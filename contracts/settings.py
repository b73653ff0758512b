"""Settings from the environment: typed, validated before the first action, every mistake named at once.

A program declares a frozen dataclass whose fields are made by `setting(...)`, and its wiring calls `load(Class, env)`.
The same declaration is what `infra/` writes into a Lambda's environment and what `docs/settings.md` lists, so that the
three can't disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from contracts.errors import SettingsError

S = TypeVar("S")


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
    """An instance of the settings class from `environ`; SettingsError names every variable that is missing or wrong."""
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for one in _fields_of(cls):
        name, text = one.metadata["name"], environ.get(one.metadata["name"], "")
        if not text:
            if one.default is MISSING:
                mistakes.append(f"{name} is not set: {one.metadata['help']}")
            continue
        try:
            values[one.name] = one.metadata["parse"](text)
        except ValueError as error:
            mistakes.append(f"{name} is wrong: {error}")
    if mistakes:
        raise SettingsError("nothing was started, these settings need a look:\n  " + "\n  ".join(mistakes))
    return cls(**values)


def environment_of(settings: object) -> dict[str, str]:
    """The environment that `load` would read `settings` back from."""
    cls = type(settings)
    return variables_of(cls, {one.name: getattr(settings, one.name) for one in _fields_of(cls)})


def environment_for(cls: type, values: Mapping[str, object], *, found_later: Collection[str] = ()) -> dict[str, str]:
    """The environment of a program that is started elsewhere, from values by the names of its settings' fields.

    `found_later` names fields that only the place of its start knows, as an instance's id. SettingsError, at wiring,
    for a name that is no field's, and for a field without a default that is neither given nor found later.
    """
    known = {one.name: one for one in _fields_of(cls)}
    required = {name for name, one in known.items() if one.default is MISSING}
    given = {name for name, value in values.items() if value is not None}
    wrong = [f"{name} is not one of its settings" for name in sorted({*values, *found_later} - known.keys())]
    wrong += [f"{name} is missing" for name in sorted(required - given - set(found_later))]
    if wrong:
        raise SettingsError(
            f"the environment of {cls.__name__} is invalid, its program was not started: {'; '.join(wrong)}; correct "
            "the fields where it is wired"
        )
    return {known[name].metadata["name"]: str(value) for name, value in values.items() if value is not None}


def variables_of(cls: type, values: Mapping[str, object]) -> dict[str, str]:
    """As `environment_for`, for some of the settings: the program gets the others from elsewhere."""
    return environment_for(cls, values, found_later=[one.name for one in _fields_of(cls)])


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
            one.metadata["name"], one.metadata["help"], None if one.default is MISSING else str(one.default)
        )
        for one in _fields_of(cls)
    ]


def _fields_of(cls: type) -> list[Field[Any]]:
    return [one for one in fields(cls) if "name" in one.metadata]


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(f"{text} is not a number from 0 to 1")
    return value


def whole(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`."""

    def parse(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ValueError(f"{text} is not a whole number from {least} to {most}")
        return value

    return parse


def seconds(least: float, most: float) -> Callable[[str], float]:
    """A parser of durations in seconds from `least` to `most`."""

    def parse(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise ValueError(f"{text} is not a number of seconds from {least:g} to {most:g}")
        return value

    return parse


def existing_file(text: str) -> Path:
    """The path of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"there is no file {text}")
    return path
