"""An MQTT broker over mutual TLS for tests, and a TCP proxy that can break the connection to it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import boto3
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contracts.instants import now
from local.aws.iot_devices import Registry
from local.ports import LOOPBACK, free_ports
from retrain.subprocesses import with_pdeathsig

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}


@dataclass(frozen=True)
class IoTCore:
    """The broker's port, certificates of a client with all permissions, and the URL of the API."""

    port: int
    ca: Path
    cert: Path
    key: Path
    url: str


@contextmanager
def iot_core(folder: Path) -> Generator[IoTCore, None, None]:
    """Run a local IoT Core on free ports within the block."""
    gateway, mqtt = free_ports(2)
    url = f"http://{LOOPBACK}:{gateway}"
    environ = os.environ | {
        "GATEWAY_PORT": str(gateway),
        "IOT_MTLS_PORT": str(mqtt),
        "SFTP_ENABLED": "0",
        "AUTH": "true",
        "SERVICES": "iot,iotdata,iam,sts",
    }
    log = folder / "iot-core.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            with_pdeathsig([sys.executable, "-m", "local.aws.ministack"]),
            env=environ,
            cwd=Path(__file__).parents[1],
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"{url}/_ministack/ready"):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        iot = boto3.client(
            "iot",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(proxies={}),
        )
        registry = Registry(iot, endpoint=url, certs=folder)
        iot.create_policy(policyName="everything", policyDocument=json.dumps(EVERYTHING))
        cert, key = registry.add_worker("i-1", policy="everything")
        yield IoTCore(mqtt, registry.fetch_ca(), cert, key, url)
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Self-signed certificate and key of a server at 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "a broker of the tests")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "server.pem", folder / "server.key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


class Cable:
    """A TCP proxy between client and broker, with two failures: closed connections, and lost packets."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._forwarding = asyncio.Event()
        self._forwarding.set()
        self.port = free_ports(1)[0]

    async def plug_in(self) -> None:
        """Accept connections and forward them."""
        self._forwarding.set()
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)

    async def pull_out(self) -> None:
        """Break every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    def go_silent(self) -> None:
        """Drop every byte from now on without closing a connection, as a dead access point does."""
        self._forwarding.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            broker_reader, broker_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, broker_writer}
        self._writers |= pair
        await asyncio.gather(self._pump(reader, broker_writer), self._pump(broker_reader, writer))
        for end in pair:
            end.transport.abort()
        self._writers -= pair

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if self._forwarding.is_set():
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()
