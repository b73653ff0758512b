"""JSON objects of a numbered schema: read in one way, with the same errors."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from contracts.errors import InvalidMessage


@contextmanager
def reading(
    what: str, source: str | bytes | Mapping[str, Any], *, schema: int
) -> Generator[Mapping[str, Any], None, None]:
    """The fields of a JSON text, or of an object that is already parsed, for the block that reads them.

    InvalidMessage, which names `what`, when it is not a JSON object of this schema, and for a missing or invalid field.
    """
    fields = source if isinstance(source, Mapping) else _parse(what, source)
    if fields.get("schema") != schema:
        raise InvalidMessage(
            f"the {what} follows schema {fields.get('schema')!r}; only {schema} is known here: update this program"
        )
    try:
        yield fields
    except KeyError as missing:
        raise InvalidMessage(f"the {what} has no field {missing}; it is ignored") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidMessage(f"the {what} does not follow schema {schema}: {error}") from error


def _parse(what: str, text: str | bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise InvalidMessage(f"the {what} is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise InvalidMessage(f"the {what} is not a JSON object")
    return fields
