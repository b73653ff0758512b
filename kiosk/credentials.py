"""S3 credentials for a kiosk: its certificate, turned into keys of an hour by AWS IoT's credential provider.

On AWS and in a local cloud the question and the answer are the same: GET over mutual TLS, with the thing's name in a
header; `{"credentials": {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}}`.
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
ANSWER_S: Final = 5.0  # for connecting, and for each part of the answer
ANSWER_BYTES: Final = 64 << 10
_REFUSALS: Final = range(400, 500)
_BUSY: Final = (408, 429)


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """Who the kiosk is: its thing's name, certificate and key, and the authorities that it trusts."""

    thing: str
    ca: Path
    cert: Path
    key: Path


def fetch(url: str, certificate: Certificate, *, answer_s: float = ANSWER_S) -> dict[str, str]:
    """Fresh credentials, as botocore's metadata: access_key, secret_key, token, expiry_time.

    CredentialsRefused when asking again won't help, CredentialsUnavailable when it may.
    """
    status, body = _get(url, certificate, answer_s)
    if status in _REFUSALS and status not in _BUSY:
        raise CredentialsRefused(
            f"{url} refuses credentials to {certificate.thing} ({status}: {_message(body)}): it can upload nothing. "
            "Has its certificate been replaced or revoked? `nunchi kiosk list` tells"
        )
    if status != http.HTTPStatus.OK:
        raise CredentialsUnavailable(f"{url} answered {status}: {_message(body)}; try again in some seconds")
    try:
        told = json.loads(body)["credentials"]
        return {
            "access_key": told["accessKeyId"],
            "secret_key": told["secretAccessKey"],
            "token": told["sessionToken"],
            "expiry_time": told["expiration"],
        }
    except (ValueError, KeyError, TypeError):
        raise CredentialsUnavailable(
            f"{url} did not answer as a credential provider; is it the right address?"
        ) from None


def s3_client(url: str, certificate: Certificate, *, region: str, endpoint: str | None = None) -> S3Client:
    """An S3 client under credentials from `url`, renewed some minutes before they expire.

    Nothing is fetched before the first call. `endpoint`: S3's own address, for a cloud that is not AWS's.
    """
    asked = botocore.session.Session()
    asked.register_component("credential_provider", CredentialResolver([_FromCertificate(url, certificate)]))
    return boto3.Session(botocore_session=asked, region_name=region).client(
        "s3",
        endpoint_url=endpoint,
        config=Config(
            # Addresses of buckets as paths where the host name of a bucket would not resolve.
            s3={"addressing_style": "path"} if endpoint else {},
            retries={"mode": "standard", "max_attempts": 3},
        ),
    )


class _FromCertificate(CredentialProvider):
    METHOD = "iot-certificate"

    def __init__(self, url: str, certificate: Certificate) -> None:
        super().__init__()
        self._url = url
        self._certificate = certificate

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(lambda: fetch(self._url, self._certificate), self.METHOD)


def _get(url: str, certificate: Certificate, answer_s: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise CredentialsRefused(f"{url!r} is not the https address of a credential provider")
    try:
        context = ssl.create_default_context(cafile=certificate.ca)
        context.load_cert_chain(certificate.cert, certificate.key)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=answer_s, context=context)
        try:
            connection.request("GET", parts.path, headers={THING_HEADER: certificate.thing})
            answer = connection.getresponse()
            return answer.status, answer.read(ANSWER_BYTES)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise CredentialsUnavailable(f"no credentials for {certificate.thing} from {url}: {error}") from error


def _message(body: bytes) -> str:
    try:
        told: Any = json.loads(body)
        return str(told["message"]) if isinstance(told, Mapping) else body.decode(errors="replace")[:200]
    except (ValueError, KeyError):
        return body.decode(errors="replace")[:200]
