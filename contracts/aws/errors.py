"""AWS's error codes. The errors are botocore's, which this file does not import."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

MISSING: Final = frozenset({"NoSuchKey", "404"})


def error_code(error: Any) -> str:
    """AWS's code in a ClientError; the type of another error, which is no answer of AWS."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def is_missing(error: Any) -> bool:
    """Whether a ClientError says that there is no such object."""
    return error_code(error) in MISSING


@contextmanager
def ignoring(*codes: str) -> Generator[None, None, None]:
    """End the block at an error of AWS with one of these codes; other errors pass through."""
    try:
        yield
    except Exception as error:
        if error_code(error) not in codes:
            raise
