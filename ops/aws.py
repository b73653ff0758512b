"""AWS, asked from a terminal: how long a command waits for it, and what to do when it does not answer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import boto3
from botocore import exceptions as unanswered
from botocore.config import Config as ClientConfig
from botocore.parsers import ResponseParserError

from contracts.errors import NunchiError

# A person waits: a call that nobody answers ends within a minute, and not after botocore's five.
PATIENCE: Final = ClientConfig(
    connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
)
# The last one is in no tree of botocore's: an answer that is none of AWS's.
UNANSWERED: Final = (unanswered.BotoCoreError, unanswered.ClientError, ResponseParserError)

_NOBODY: Final = (
    unanswered.NoCredentialsError,
    unanswered.PartialCredentialsError,
    unanswered.CredentialRetrievalError,
    unanswered.SSOError,
    unanswered.TokenRetrievalError,
)
_NOBODY_ANY_MORE: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)


class AwsError(NunchiError):
    """AWS does not answer, or says no."""


def clients(region: str) -> Callable[[str], Any]:
    """Makes boto3 clients of a region, with the credentials of the shell."""
    session = boto3.Session(region_name=region)
    make: Callable[..., Any] = session.client  # its types know a service by a literal name only
    return partial(make, config=PATIENCE)


@contextmanager
def asking(region: str) -> Generator[None, None, None]:
    """Within the block, what AWS refuses or does not answer is an AwsError that says what to do."""
    try:
        yield
    except UNANSWERED as error:
        what = remedy(error, region) or "do your credentials belong to the right account, and may they do this?"
        told = first_line(error)
        raise AwsError(f"AWS, region {region}: {told}; {what} (--local is for the cloud on this machine)") from error


def first_line(error: Exception) -> str:
    """What it says, without the page that somebody else answered."""
    return str(error).partition("\n")[0]


def remedy(error: Exception, region: str) -> str:
    """What to do when AWS did not answer as it should; nothing where its answer says enough."""
    match error:
        case unanswered.ClientError():
            known = error.response["Error"]["Code"] not in _NOBODY_ANY_MORE
            return "" if known else "log in again, as with aws sso login"
        case unanswered.ProfileNotFound():
            return "aws configure list-profiles"
        case unanswered.ConnectionError() | unanswered.HTTPClientError():
            return f"is this machine on the Internet, and is {region} a region of AWS?"
        case ResponseParserError():
            return "a proxy, or a network that wants a login, answers instead of AWS: curl -v https://aws.amazon.com"
    return "log in, as with aws sso login" if isinstance(error, _NOBODY) else ""
