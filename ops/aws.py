"""AWS as commands use it: clients with short timeouts, stack outputs, and errors with a remedy."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore import exceptions
from botocore.config import Config as ClientConfig
from botocore.parsers import ResponseParserError

from contracts.errors import NunchiError

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef

# A person waits: a call without an answer fails within a minute, and not after botocore's five.
SHORT_TIMEOUTS: Final = ClientConfig(
    connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
)
# ResponseParserError has no base class of botocore's: it is raised for an answer that did not come from AWS.
AWS_ERRORS: Final = (exceptions.BotoCoreError, exceptions.ClientError, ResponseParserError)

_NO_CREDENTIALS: Final = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.SSOError,
    exceptions.TokenRetrievalError,
)
_EXPIRED_CREDENTIALS: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)


class AwsError(NunchiError):
    """AWS refuses the call, does not answer, or has no such stack."""


def clients(region: str) -> Callable[[str], Any]:
    """A function that returns the boto3 client of a service in a region, with the credentials of the shell."""
    session = boto3.Session(region_name=region)
    create: Callable[..., Any] = session.client  # its types know a service by a literal name only
    return cache(partial(create, config=SHORT_TIMEOUTS))


@contextmanager
def aws_errors(region: str) -> Generator[None, None, None]:
    """Within the block, an error of botocore becomes an AwsError with a remedy."""
    try:
        yield
    except AWS_ERRORS as error:
        advice = remedy(error, region) or "do your credentials belong to the right account, and may they do this?"
        raise AwsError(
            f"AWS, region {region}: {first_line(error)}; {advice} (--local is for the cloud on this machine)"
        ) from error


def first_line(error: Exception) -> str:
    """The first line of the message, as a proxy's answer may bring a whole page; without credentials, words."""
    if isinstance(error, exceptions.NoCredentialsError):
        return "this shell has no AWS credentials"
    return str(error).partition("\n")[0]


def remedy(error: Exception, region: str) -> str:
    """What to do about an error of botocore; empty where its message says enough."""
    match error:
        case exceptions.ClientError():
            expired = error.response["Error"]["Code"] in _EXPIRED_CREDENTIALS
            return "log in again, as with aws sso login" if expired else ""
        case exceptions.ProfileNotFound():
            return "aws configure list-profiles"
        case exceptions.ConnectionError() | exceptions.HTTPClientError():
            return f"is this machine on the Internet, and is {region} a region of AWS?"
        case ResponseParserError():
            return "a proxy, or a network that wants a login, answers instead of AWS: curl -v https://aws.amazon.com"
    return "log in, as with aws sso login, or aws configure" if isinstance(error, _NO_CREDENTIALS) else ""


def deployed_stack(cloudformation: CloudFormationClient, stack: str) -> StackTypeDef | None:
    """A stack as CloudFormation describes it; None when it does not exist."""
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except exceptions.ClientError as error:
        fields = error.response["Error"]
        if fields["Code"] == "ValidationError" and "exist" in fields["Message"]:
            return None
        raise


def stack_outputs(cloudformation: CloudFormationClient, stack: str) -> dict[str, str] | None:
    """The outputs of a deployed stack, by name; None when the stack does not exist."""
    deployed = deployed_stack(cloudformation, stack)
    if deployed is None:
        return None
    return {output["OutputKey"]: output["OutputValue"] for output in deployed.get("Outputs", [])}
