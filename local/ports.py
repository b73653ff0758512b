"""Ports on the loopback interface."""

from __future__ import annotations

import socket

from local.errors import PortTaken

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def listens(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def require_different(first: int | None, second: int | None, options: str) -> None:
    """PortTaken when both were asked for and are the same."""
    if first is not None and first == second:
        raise PortTaken(f"{options} are both {first}; nothing was started. Two servers need two ports")


def require_free(port: int, option: str) -> int:
    """`port` itself if one can listen on it; otherwise PortTaken, naming the option that asked for it."""
    with socket.socket() as probe:
        # Without this a port whose last connections are still winding down would be called taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PortTaken(
                f"port {port} ({option}) can't be used: {error.strerror}; "
                f"nothing was started. Choose another, or leave {option} out for a free one"
            ) from None
    return port
