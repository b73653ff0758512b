"""S3 credentials for a kiosk: AWS IoT's credential provider exchanges its certificate for keys that last an hour.

Request and response are the same on AWS and in a local cloud: GET over mutual TLS, with the thing's name in a header,
`{"credentials": {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}}`.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, DeferredRefreshableCredentials

from kiosk.errors import CredentialsRefused, CredentialsUnavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

THING_HEADER: Final = "x-amzn-iot-thingname"
TIMEOUT_S: Final = 5.0  # of the connection, and of each read
MAX_BYTES: Final = 64 << 10
_REFUSALS: Final = range(400, 500)
_BUSY: Final = (408, 429)


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """The kiosk's identity: thing name, certificate and key, and the CA certificates that it trusts."""

    thing: str
    ca: Path
    cert: Path
    key: Path


def fetch(url: str, certificate: Certificate, *, timeout_s: float = TIMEOUT_S) -> dict[str, str]:
    """Fresh credentials, as botocore's metadata: access_key, secret_key, token, expiry_time.

    CredentialsRefused when a retry is useless, CredentialsUnavailable when it may help.
    """
    status, body = _get(url, certificate, timeout_s)
    if status in _REFUSALS and status not in _BUSY:
        raise CredentialsRefused(
            f"{url} refuses credentials to {certificate.thing} ({status}: {_message(body)}): it can't upload. "
            "Was its certificate replaced or revoked? Check with `nunchi kiosk list`"
        )
    if status != http.HTTPStatus.OK:
        raise CredentialsUnavailable(f"{url} answered {status}: {_message(body)}; try again in some seconds")
    try:
        credentials = json.loads(body)["credentials"]
        return {
            "access_key": credentials["accessKeyId"],
            "secret_key": credentials["secretAccessKey"],
            "token": credentials["sessionToken"],
            "expiry_time": credentials["expiration"],
        }
    except (ValueError, KeyError, TypeError):
        raise CredentialsUnavailable(
            f"the response of {url} is not a credential provider's; is the address right?"
        ) from None


class KioskClients:
    """The AWS clients of one kiosk: they share its credentials, which are renewed some minutes before they expire."""

    def __init__(self, url: str, certificate: Certificate, *, region: str) -> None:
        session = botocore.session.Session()
        session.register_component("credential_provider", CredentialResolver([_FromCertificate(url, certificate)]))
        self._session = boto3.Session(botocore_session=session, region_name=region)

    def fetch(self) -> None:
        """Fetch credentials now, unless they are there: not while a customer waits.

        CredentialsRefused when a retry is useless, CredentialsUnavailable when it may help.
        """
        credentials = self._session.get_credentials()
        if credentials is not None:
            credentials.get_frozen_credentials()

    def s3(self, endpoint: str | None = None, *, timeout_s: float = 60.0, tries: int = 3) -> S3Client:
        """An S3 client. `endpoint`: the address of S3 in a local cloud; `timeout_s` of a connection and of a read."""
        return self._session.client(
            "s3",
            endpoint_url=endpoint,
            config=Config(
                # Path-style addresses: the host name of a bucket would not resolve.
                s3={"addressing_style": "path"} if endpoint else {},
                connect_timeout=timeout_s,
                read_timeout=timeout_s,
                retries={"mode": "standard", "max_attempts": tries},
            ),
        )

    def dynamodb(self, endpoint: str | None = None) -> Any:
        """A DynamoDB client, likewise."""
        create: Any = self._session.client  # its types are not among those installed
        return create(
            "dynamodb",
            endpoint_url=endpoint,
            config=Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 3}),
        )


def s3_client(url: str, certificate: Certificate, *, region: str, endpoint: str | None = None) -> S3Client:
    """An S3 client with credentials from `url`, fetched at the first call. `endpoint`: of S3 in a local cloud."""
    return KioskClients(url, certificate, region=region).s3(endpoint)


class _FromCertificate(CredentialProvider):
    METHOD = "iot-certificate"

    def __init__(self, url: str, certificate: Certificate) -> None:
        super().__init__()
        self._url = url
        self._certificate = certificate

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(lambda: fetch(self._url, self._certificate), self.METHOD)


def _get(url: str, certificate: Certificate, timeout_s: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise CredentialsRefused(f"{url!r} is not an https URL of a credential provider; no credentials were requested")
    try:
        context = ssl.create_default_context(cafile=certificate.ca)
        context.load_cert_chain(certificate.cert, certificate.key)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout_s, context=context)
        try:
            connection.request("GET", parts.path, headers={THING_HEADER: certificate.thing})
            response = connection.getresponse()
            return response.status, response.read(MAX_BYTES)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise CredentialsUnavailable(f"no credentials for {certificate.thing} from {url}: {error}") from error


def _message(body: bytes) -> str:
    try:
        fields: Any = json.loads(body)
        return str(fields["message"]) if isinstance(fields, Mapping) else body.decode(errors="replace")[:200]
    except (ValueError, KeyError):
        return body.decode(errors="replace")[:200]
