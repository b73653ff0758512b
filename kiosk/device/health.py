"""Which part of a device does not work, and a sentence about it for the staff. Never shown to a customer."""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from contracts.aws.errors import error_code
from kiosk.errors import CredentialsRefused, CredentialsUnavailable, NoAnswer, SubscriptionRefused
from mqtt.client import NOT_AUTHORIZED, SESSION_TAKEN_OVER, code_of, network_error_of
from mqtt.reconnecting import reason_of


class Part(StrEnum):
    """What may be wrong."""

    CAMERA = "camera"
    NETWORK = "network"
    BROKER = "broker"
    KEY = "key"
    CLOCK = "clock"
    STORAGE = "storage"
    LABELS = "labels"
    MODEL = "model"


class CloudState(StrEnum):
    """The cloud, in a word: it answers; too late; it can't be reached; it refuses this device."""

    OK = "ok"
    LATE = "late"
    OFF = "off"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with `part`, and what to do."""

    part: Part
    state: CloudState
    sentence: str


_UNREACHABLE: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)
_KEY_REFUSED: Final = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"})
_CLOCK_WRONG: Final = frozenset({"RequestTimeTooSkewed", "RequestExpired"})


def explain(error: BaseException, *, kiosk: str, where: str) -> Trouble:
    """What an error of the connection to `where` means for this kiosk."""
    return _refused(error, kiosk, where) or _unreachable(error, where)


def connecting(where: str) -> Trouble:
    """The state before the first connection, or between two."""
    return Trouble(Part.BROKER, CloudState.OFF, f"the broker {where} has not answered yet")


def _refused(error: BaseException, kiosk: str, where: str) -> Trouble | None:
    """What is wrong with this device, so that a retry is useless; None for any other error."""
    code, aws = code_of(error), error_code(error)
    part, sentence = Part.KEY, None
    if code == SESSION_TAKEN_OVER:
        sentence = (
            f"{reason_of(error, kiosk)}. Two share it and push each other out; give each its own: nunchi kiosk add"
        )
    elif isinstance(error, SubscriptionRefused | CredentialsRefused) or code == NOT_AUTHORIZED:
        sentence = f"{where} refuses the key of {kiosk}: {error}. Was {kiosk} removed? nunchi kiosk list"
    elif aws in _KEY_REFUSED:
        sentence = f"{where} refuses photos of {kiosk} ({aws}). Was its key replaced? nunchi kiosk list"
    elif aws in _CLOCK_WRONG:
        part, sentence = Part.CLOCK, "this device's clock is wrong: sudo timedatectl set-ntp true"
    return None if sentence is None else Trouble(part, CloudState.REFUSED, sentence)


def _unreachable(error: BaseException, where: str) -> Trouble:
    """Which part does not answer now."""
    if isinstance(error, NoAnswer):
        return Trouble(Part.LABELS, CloudState.LATE, f"no label in time: {error}. Does a worker run? nunchi doctor")
    network = network_error_of(error)
    if isinstance(network, socket.gaierror) or (network is not None and network.errno in _UNREACHABLE):
        return Trouble(Part.NETWORK, CloudState.OFF, f"the network does not reach {where} ({network}): check the cable")
    if isinstance(network, ssl.SSLCertVerificationError):
        sentence = f"{where} has a certificate that ca.pem does not know, or this device's clock is wrong: {network}"
        return Trouble(Part.BROKER, CloudState.OFF, sentence)
    if isinstance(error, CredentialsUnavailable | BotoCoreError | ClientError):
        return Trouble(Part.STORAGE, CloudState.OFF, f"no photo can be uploaded to {where} now: {error}")
    return Trouble(Part.BROKER, CloudState.OFF, f"the broker {where} can't be reached: {error or type(error).__name__}")


_WORST_FIRST: Final = (CloudState.REFUSED, CloudState.OFF, CloudState.LATE)


def worst(troubles: list[Trouble]) -> CloudState:
    """The state of the cloud in a word."""
    states = {trouble.state for trouble in troubles}
    return next((state for state in _WORST_FIRST if state in states), CloudState.OK)
