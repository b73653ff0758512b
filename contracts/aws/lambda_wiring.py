"""How a Lambda's module gives its handler to Lambda: created on first use, not by the import.

Lambda imports the module and takes its `handler` in the init phase, which has a whole processor; the first event then
finds settings and clients ready. Tests and the CDK app import the same file without credentials, region or network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any


def handler_on_first_use(module: str, wire: Callable[[Mapping[str, str]], Any]) -> Callable[[str], Any]:
    """The `__getattr__` of a module: `handler` is what `wire` creates from the environment."""

    def getattr_of_module(name: str) -> Any:
        if name == "handler":
            return wire(os.environ)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return getattr_of_module


def clients(session: Any, config: Any) -> Callable[[str], Any]:
    """Creates clients of a botocore session by the name of the service, with one botocore Config."""
    return lambda service: session.create_client(service, config=config)
