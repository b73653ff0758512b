"""JSON serialization of records: a frozen dataclass is an object of schema 1, its fields by name and in order."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Final, Self, get_type_hints

from contracts.errors import InvalidMessage
from contracts.instants import from_text, to_text

SCHEMA: Final = 1


class Record:
    """The base of a record. A record whose fields have other names in JSON overrides `to_fields` and `read_fields`."""

    __slots__ = ()
    TITLE: ClassVar[str]  # names the record in errors

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_fields(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, source: str | bytes | Mapping[str, Any]) -> Self:
        """The record of a JSON text, or of an object that is already parsed; InvalidMessage if it breaks the schema."""
        with reading(cls.TITLE, source, schema=SCHEMA) as values:
            return cls(**cls.read_fields(values))

    def to_fields(self) -> dict[str, Any]:
        """The object, the schema number first."""
        return {"schema": SCHEMA} | {name: _to_json(getattr(self, name)) for name in _kinds(type(self))}

    @classmethod
    def read_fields(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of the class from a parsed object; unknown fields are ignored."""
        return {name: _from_json(kind, values[name], name) for name, kind in _kinds(cls).items()}


@contextmanager
def reading(
    what: str, source: str | bytes | Mapping[str, Any], *, schema: int
) -> Generator[Mapping[str, Any], None, None]:
    """The fields of a JSON text, or of an object that is already parsed, for the block that reads them.

    InvalidMessage, which names `what`, when it is not a JSON object of this schema, and for a missing or invalid field.
    """
    try:
        values = source if isinstance(source, Mapping) else json.loads(source)
    except (ValueError, RecursionError) as error:  # RecursionError: a text of nothing but brackets
        raise InvalidMessage(f"the {what} is not JSON: {error}") from None
    if not isinstance(values, Mapping):
        raise InvalidMessage(f"the {what} is not a JSON object")
    if values.get("schema") != schema:
        raise InvalidMessage(
            f"the {what} follows schema {values.get('schema')!r}; only {schema} is known here: update this program"
        )
    try:
        yield values
    except KeyError as missing:
        raise InvalidMessage(f"the {what} has no field {missing}; it is ignored") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidMessage(f"the {what} does not follow schema {schema}: {error}") from error


@cache
def _kinds(cls: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


def _to_json(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_fields()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return to_text(value) if isinstance(value, datetime) else value


def _from_json(kind: Any, value: Any, name: str) -> Any:
    """A field's value. Optional texts pass through: their classes check them."""
    if not isinstance(kind, type):
        return value
    if kind in (str, int) and type(value) is not kind:
        raise TypeError(f"{name} is {value!r}, not of type {kind.__name__}")
    if issubclass(kind, Record):
        return kind.from_json(value)
    if is_dataclass(kind):
        return kind(**{field.name: value[field.name] for field in fields(kind)})
    return from_text(value) if kind is datetime else kind(value)
