"""A kiosk's certificate, turned into S3 credentials."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from contracts.instants import now, to_text
from kiosk.cloud.credentials import THING_HEADER, Certificate, fetch, s3_client
from kiosk.cloud.upload import Uploader
from kiosk.errors import CredentialsRefused, CredentialsUnavailable
from local.ports import LOOPBACK, free_ports
from tests.broker import self_signed

REGION = "eu-west-1"


class Provider:
    """A credential provider that answers what it is told to."""

    def __init__(self, folder: Path) -> None:
        cert, key = self_signed(folder)
        self.certificate = Certificate(thing="shop1", ca=cert, cert=cert, key=key)
        self.status, self.body = 200, b""
        self.asked: list[tuple[str, str | None]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append((self.path, self.headers[THING_HEADER]))
                self.send_response(provider.status)
                self.send_header("Content-Length", str(len(provider.body)))
                self.end_headers()
                self.wfile.write(provider.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.load_verify_locations(cert)
        context.verify_mode = ssl.CERT_REQUIRED
        self.server = HTTPServer((LOOPBACK, 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://{LOOPBACK}:{self.server.server_port}/role-aliases/a/credentials"

    def lend(self, *, for_: timedelta) -> None:
        """Answer with credentials that hold so long."""
        self.status, self.body = 200, json.dumps({"credentials": credentials(for_)}).encode()


def credentials(for_: timedelta) -> dict[str, str]:
    return {
        "accessKeyId": "ASIA",
        "secretAccessKey": "secret",
        "sessionToken": "token",
        "expiration": to_text(now() + for_),
    }


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    provider = Provider(tmp_path)
    serving = threading.Thread(target=provider.server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    yield provider
    provider.server.shutdown()
    serving.join()
    provider.server.server_close()


def test_the_provider_is_asked_by_certificate_in_the_things_name(provider: Provider) -> None:
    """What it answers is put as botocore has it."""
    provider.lend(for_=timedelta(hours=1))
    answered = json.loads(provider.body)["credentials"]
    assert fetch(provider.url, provider.certificate) == {
        "access_key": "ASIA",
        "secret_key": "secret",
        "token": "token",
        "expiry_time": answered["expiration"],
    }
    assert provider.asked == [("/role-aliases/a/credentials", "shop1")]


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_is_final_and_names_the_kiosk_and_the_reason(provider: Provider, status: int) -> None:
    provider.status, provider.body = status, b'{"message": "Access Denied"}'
    with pytest.raises(CredentialsRefused, match=rf"refuses credentials to shop1 \({status}: Access Denied\)"):
        fetch(provider.url, provider.certificate)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, b'{"message": "Internal failure"}', "answered 500: Internal failure"),
        (503, b"<html>busy</html>", "answered 503: <html>busy</html>"),
        (429, b"[]", "answered 429"),
        (200, b"hello", "is not a credential provider"),
        (200, b'{"credentials": {"accessKeyId": "ASIA"}}', "is not a credential provider"),
        (200, b'{"credentials": null}', "is not a credential provider"),
    ],
)
def test_any_other_answer_may_be_better_next_time(provider: Provider, status: int, body: bytes, says: str) -> None:
    provider.status, provider.body = status, body
    with pytest.raises(CredentialsUnavailable, match=says):
        fetch(provider.url, provider.certificate)


def test_nobody_there_is_no_refusal(provider: Provider) -> None:
    (port,) = free_ports(1)
    with pytest.raises(CredentialsUnavailable, match="no credentials for shop1"):
        fetch(f"https://{LOOPBACK}:{port}/x", provider.certificate)


def test_a_provider_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    """It takes the connection, and that is all."""
    silent = Provider(tmp_path)  # nobody serves
    try:
        with pytest.raises(CredentialsUnavailable, match="timed out"):
            fetch(silent.url, silent.certificate, timeout_s=0.2)
    finally:
        silent.server.server_close()


def test_a_provider_that_the_kiosks_authority_does_not_vouch_for_is_told_nothing(
    provider: Provider, tmp_path: Path
) -> None:
    """It could be anybody."""
    (tmp_path / "other").mkdir()
    other, _ = self_signed(tmp_path / "other")
    mine = provider.certificate
    with pytest.raises(CredentialsUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(provider.url, Certificate(thing=mine.thing, ca=other, cert=mine.cert, key=mine.key))
    assert provider.asked == []


@pytest.mark.parametrize("url", ["http://127.0.0.1/x", "credentials.example.com", ""])
def test_a_key_is_used_over_https_only(provider: Provider, url: str) -> None:
    with pytest.raises(CredentialsRefused, match="not an https URL"):
        fetch(url, provider.certificate)


@pytest.mark.parametrize(("lent_for", "asked"), [(timedelta(hours=1), 1), (timedelta(minutes=5), 2)], ids=str)
def test_credentials_are_kept_until_shortly_before_they_expire(
    provider: Provider, lent_for: timedelta, asked: int
) -> None:
    """Two photos need one question, unless the answer was about to expire. None is asked before the first photo."""
    provider.lend(for_=lent_for)
    with mock_aws():
        bucket: Any = boto3.resource("s3", region_name=REGION).Bucket("photos")
        bucket.create(CreateBucketConfiguration={"LocationConstraint": REGION})
        uploader = Uploader(
            s3_client(provider.url, provider.certificate, region=REGION), bucket="photos", kiosk_id="shop1"
        )
        assert provider.asked == []
        references = [uploader.name(), uploader.name()]
        for reference in references:
            uploader.upload(reference, b"photo")
        assert {one.key for one in bucket.objects.all()} == {one.upload_key for one in references}
    assert len(provider.asked) == asked


def test_a_photo_that_gets_no_credentials_says_why(provider: Provider) -> None:
    """The uploader's own call raises it."""
    provider.status, provider.body = 403, b'{"message": "Certificate is invalid on this endpoint"}'
    s3 = s3_client(provider.url, provider.certificate, region=REGION)
    uploader = Uploader(s3, bucket="photos", kiosk_id="shop1")
    with pytest.raises(CredentialsRefused, match="Certificate is invalid on this endpoint"):
        uploader.upload(uploader.name(), b"photo")
