"""Requests to a worker over its Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ANSWER_S = 2.0


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(ANSWER_S)
        self.sock.connect(str(self._path))


def get(path: Path, route: str) -> tuple[int, bytes]:
    """Status and body of a GET; OSError or HTTPException without an answer."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", route)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def ready(path: Path) -> bool:
    """Whether the worker accepts photos now."""
    try:
        return get(path, "/ready")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def model(path: Path) -> Mapping[str, str] | None:
    """Name, version and digest of the model in service; None while the worker does not answer."""
    model: Mapping[str, str] | None = _health(path).get("model")
    return model


def broker_connected(path: Path) -> bool:
    """Whether the worker can publish labels now."""
    return bool(_health(path).get("broker_connected"))


def _health(path: Path) -> Mapping[str, Any]:
    try:
        health: Mapping[str, Any] = json.loads(get(path, "/health")[1])
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    return health
