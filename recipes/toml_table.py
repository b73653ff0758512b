"""A table of TOML that is read key by key: every mistake is collected, in its author's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from contracts.near import did_you_mean

NAME: Final = re.compile("[a-z0-9]+(-[a-z0-9]+)*|[a-z0-9]+(_[a-z0-9]+)*")
Choice = TypeVar("Choice", bound=StrEnum)


class Table:
    """One table. A wrong value is noted and replaced by the default, so that the reading goes on.

    `where`: the table's place in the file, as its author would look for it; empty for the file itself.
    """

    def __init__(self, fields: Mapping[str, Any], where: str, mistakes: list[str]) -> None:
        self._fields, self._where, self._mistakes = fields, where, mistakes
        self._read: list[str] = []

    def says(self, key: str, what: str) -> None:
        """Note a mistake at a key."""
        self._mistakes.append(f"{self._path(key)}: {what}")

    def has(self, key: str) -> bool:
        """Whether the table has the key."""
        return key in self._fields

    def name(self, key: str) -> str:
        """A required name: small letters, digits, and - or _ between them."""
        value = self._get(key, None)
        if isinstance(value, str) and NAME.fullmatch(value):
            return value
        if value is None:
            self.says(key, "is missing")
        else:
            self.says(key, f"{value!r} is no name; use small letters, digits, and - or _ between them")
        return ""

    def names(self, key: str) -> tuple[str, ...]:
        """A list of different names; empty without the key."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) and NAME.fullmatch(each) for each in value):
            self.says(key, f'{value!r} is no list of names; write it as ["first", "second"]')
            return ()
        if twice := sorted({each for each in value if value.count(each) > 1}):
            self.says(key, f"{', '.join(twice)} stands there twice; name each once")
        return tuple(dict.fromkeys(value))

    def choice(self, key: str, default: Choice) -> Choice:
        """One of the choices of an enumeration."""
        value = self._get(key, str(default))
        choices = {str(each): each for each in default.__class__}
        if isinstance(value, str) and value in choices:
            return choices[value]
        hint = did_you_mean(value, choices, cutoff=0.4) if isinstance(value, str) else ""
        self.says(key, f"{value!r} is none of the choices; choose {' or '.join(choices)}{hint}")
        return default

    def choices(self, key: str, default: tuple[Choice, ...]) -> tuple[Choice, ...]:
        """A list of different choices of an enumeration, one at least."""
        if not self.has(key):
            return default
        offered = {str(each): each for each in default[0].__class__}
        names = self.names(key)
        for name in names:
            if name not in offered:
                self.says(key, f"there is no {name!r}; choose {', '.join(offered)}{did_you_mean(name, offered)}")
        if not names:
            self.says(key, f"names none; choose {', '.join(offered)}")
        return tuple(offered[name] for name in names if name in offered) or default

    def number(self, key: str, default: float, *, least: float, most: float) -> float:
        """A number from `least` to `most`."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.says(key, f"{value!r} is not a number, without quotes")
            return default
        if not least <= value <= most:
            self.says(key, f"{value} is out of range; write {least:g} to {most:g}")
            return default
        return float(value)

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        value = self.number(key, default, least=least, most=most)
        if value != int(value):
            self.says(key, f"{value} is not a whole number; write it without a fraction")
        return int(value)

    def switch(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            self.says(key, f"{value!r} is not true or false, without quotes")
            return default
        return value

    def pair(self, key: str) -> tuple[float, float] | None:
        """Two numbers, the lower one first; None without the key."""
        value = self._get(key, None)
        if value is None:
            return None
        numbers = isinstance(value, list) and [each for each in value if type(each) in (int, float)]
        if not numbers or len(numbers) != 2 or len(value) != 2 or not numbers[0] < numbers[1]:
            self.says(key, f"{value!r} is no range; write the lowest and the highest value, as [1, 5]")
            return None
        return float(numbers[0]), float(numbers[1])

    def table(self, key: str) -> Table:
        """The table at a key; an empty one without it."""
        value = self._get(key, {})
        if not isinstance(value, Mapping):
            self.says(key, f"{value!r} is no table; write it in braces: {{ name = value }}")
            return Table(dict[str, Any](), self._path(key), self._mistakes)
        return Table(value, self._path(key), self._mistakes)

    def tables(self, key: str) -> list[Table]:
        """The list of tables `[[key]]`."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
            self.says(key, f"write each as a table of its own, below [[{key}]]")
            return []
        return [
            Table(each, f"{self._path(key)}[{each.get('name', number)}]", self._mistakes)
            for number, each in enumerate(value, start=1)
        ]

    def items(self) -> Mapping[str, Any]:
        """Every key and its value, for a table whose keys are its author's."""
        self._read += self._fields
        return self._fields

    def end(self) -> None:
        """Note the keys that nobody has read."""
        for key in self._fields.keys() - set(self._read):
            self.says(key, f"there is no such key{did_you_mean(key, self._read)}")

    def _get(self, key: str, default: Any) -> Any:
        self._read.append(key)
        return self._fields.get(key, default)

    def _path(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key
