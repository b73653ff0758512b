"""Ports on the loopback interface, and requests to them."""

from __future__ import annotations

import socket
import urllib.request

from local.errors import PortTaken

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """`count` different ports that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def listens(port: int) -> bool:
    """Whether a program listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def fetch(url: str, timeout_s: float = 10) -> bytes:
    """The body at a URL of this machine, without a proxy; OSError when it can't be had."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout_s) as answer:
        body: bytes = answer.read()
        return body


def answers(url: str) -> bool:
    """Whether a server of this machine answers there, without an error."""
    try:
        fetch(url, timeout_s=2)
    except OSError:
        return False
    return True


def require_different(first: int | None, second: int | None, options: str) -> None:
    """PortTaken when both are given and equal."""
    if first is not None and first == second:
        raise PortTaken(f"{options} are both {first}; nothing was started. Give two different ports")


def require_free(port: int, option: str) -> int:
    """`port` itself if it is free; otherwise PortTaken, naming its option."""
    with socket.socket() as probe:
        # Without this a port with connections in TIME_WAIT would count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PortTaken(
                f"port {port} ({option}) can't be used: {error.strerror}; "
                f"nothing was started. Choose another, or omit {option} for a free one"
            ) from None
    return port
