"""How a Lambda's module gives its handler to Lambda: created on first use, not by the import.

Lambda imports the module and takes its `handler` in the init phase, which has a whole processor; the first event then
finds its settings ready. Tests and the CDK app import the same file without credentials, region or network.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any


def handler_on_first_use(module: str, wire: Callable[[Mapping[str, str]], Any]) -> Callable[[str], Any]:
    """The `__getattr__` of a module: `handler` is what `wire` creates from the environment."""

    def getattr_of_module(name: str) -> Any:
        if name == "handler":
            return wire(os.environ)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return getattr_of_module


def clients(session: Any, config: Any) -> Callable[[str], Any]:
    """Creates clients of a botocore session, each at its first use, by the name of the service, with one Config."""
    return cache(partial(session.create_client, config=config))


def log(**facts: Any) -> None:
    """Write a line of JSON into the function's log. Ids only: no photo, request or certificate."""
    sys.stdout.write(json.dumps(facts) + "\n")
