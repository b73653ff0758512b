"""The payload of a Run Command: one ticket per photo, `<kiosk>/<image>@<uploaded_ms>`, separated by spaces.

Tickets are opaque to the shell that passes them on: they hold no quote, no `$`, no newline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from contracts.errors import InvalidName
from contracts.instants import from_epoch_ms, to_epoch_ms
from contracts.names import REFERENCE_PATTERN, Reference

MAX_TICKETS: Final = 50  # a command: 50 tickets are at most 3.7 KB of its 64 KB
TICKET_PATTERN: Final = f"{REFERENCE_PATTERN}(@[0-9]{{13}})?"
# The allowed pattern of the SSM document's parameter `Tickets`. The SSM agent compiles it as RE2, which rejects nested
# repetitions of more than 1000 in all: the pattern checks the form, `_is_line` the count.
TICKETS_PATTERN: Final = f"^{TICKET_PATTERN}( {TICKET_PATTERN})*$"

_TICKETS = re.compile(TICKETS_PATTERN)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A photo to label, and the end of its upload by S3's clock (None for a manual request)."""

    reference: Reference
    uploaded_at: datetime | None = None

    def __str__(self) -> str:
        return str(self.reference) if self.uploaded_at is None else f"{self.reference}@{to_epoch_ms(self.uploaded_at)}"


def to_line(tickets: Iterable[Ticket]) -> str:
    """The tickets as one parameter; more than MAX_TICKETS, or none, raises InvalidName."""
    line = " ".join(map(str, tickets))
    if not _is_line(line):
        raise InvalidName(f"a command carries 1 to {MAX_TICKETS} tickets, not {len(line.split())}")
    return line


def from_line(line: str) -> list[Ticket]:
    """The tickets of one parameter, each photo once, in order; a malformed line raises InvalidName."""
    if not _is_line(line):
        raise InvalidName(
            f"{line[:200]!r} is not a list of tickets: give 1 to {MAX_TICKETS} of <kiosk>/<image>[@<uploaded_ms>], "
            "separated by single spaces"
        )
    tickets: dict[Reference, Ticket] = {}
    for text in line.split(" "):
        name, _, ms = text.partition("@")
        reference = Reference.parse(name)
        tickets.setdefault(reference, Ticket(reference, from_epoch_ms(int(ms)) if ms else None))
    return list(tickets.values())


def _is_line(text: str) -> bool:
    return text.count(" ") < MAX_TICKETS and _TICKETS.fullmatch(text) is not None
