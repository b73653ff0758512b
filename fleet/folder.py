"""The files of a kiosk device: certificate, key, CA certificates, and addresses."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from botocore.httpsession import get_cert_path

from contracts.names import UPLOADS, label_topic
from contracts.private_folder import make_private
from fleet.errors import InvalidFolder
from fleet.things import Identity

_ROOT: Final = "Amazon Root CA 1"  # the CA of AWS IoT's *-ats endpoints


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """The addresses of a kiosk's cloud. `bucket_url` is the bucket's own URL, the endpoints are for SDKs."""

    region: str
    mqtt_host: str
    mqtt_port: int
    credentials_url: str
    s3_endpoint: str
    bucket: str
    bucket_url: str
    dynamodb_endpoint: str
    orders_table: str

    def settings(self, kiosk: str) -> dict[str, Any]:
        """The settings of a kiosk's program, as one flat JSON object."""
        return {
            "kiosk_id": kiosk,
            "mqtt_host": self.mqtt_host,
            "mqtt_port": self.mqtt_port,
            "client_id": kiosk,
            "label_topic": label_topic(kiosk),
            "status_topic": f"nunchi/{kiosk}/status",
            "credentials_url": self.credentials_url,
            "thing_name_header": f"x-amzn-iot-thingname: {kiosk}",
            "region": self.region,
            "s3_endpoint": self.s3_endpoint,
            "bucket": self.bucket,
            "upload_url": f"{self.bucket_url}/{UPLOADS}{kiosk}/",
            "dynamodb_endpoint": self.dynamodb_endpoint,
            "orders_table": self.orders_table,
            "ca": "ca.pem",
            "cert": f"{kiosk}.cert.pem",
            "key": f"{kiosk}.key.pem",
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class ShopRules:
    """What the operator decided, for the kiosk's program: `elder_from` of the screen's rule (recipes/kiosk/screen.py),
    and the days that photos and results are kept, which its privacy page tells."""

    elder_from: float
    upload_days: int
    result_days: int
    review_days: int


class DeviceFolder:
    """The folder of a kiosk's files. No file is overwritten: an existing key may be the only copy."""

    def __init__(self, folder: Path, kiosk: str) -> None:
        self._folder = folder
        self._kiosk = kiosk
        self.cert, self.key = folder / f"{kiosk}.cert.pem", folder / f"{kiosk}.key.pem"
        self.ca, self.settings = folder / "ca.pem", folder / f"{kiosk}.json"

    def require_free(self, ca_pem: str) -> None:
        """InvalidFolder when a file exists. Kiosks of one cloud may share a ca.pem."""
        existing = [path for path in (self.cert, self.key, self.settings) if path.exists()]
        if self.ca.exists() and self.ca.read_text() != ca_pem:
            existing.append(self.ca)
        if existing:
            files = ", ".join(map(str, existing))
            raise InvalidFolder(f"{files} would be overwritten; nothing was created. Use another folder: --out DIR")

    def write(self, identity: Identity, addresses: Addresses, ca_pem: str, *, rules: ShopRules) -> None:
        """Write all files, or none and raise InvalidFolder. The key has mode 600 from its first byte."""
        settings = addresses.settings(self._kiosk) | asdict(rules)
        files = {
            self.key: (identity.private_key, 0o600),
            self.cert: (identity.certificate_pem, 0o644),
            self.settings: (json.dumps(settings, indent=2) + "\n", 0o644),
        }
        if not self.ca.exists():
            files[self.ca] = (ca_pem, 0o644)
        try:
            make_private(self._folder)
            write_new(files)
        except OSError as error:
            raise InvalidFolder(f"{self._folder} can't be written: {error}. Use another folder: --out DIR") from None


def write_new(files: Mapping[Path, tuple[str, int]]) -> None:
    """Create files, each with its text and mode: all of them or none. FileExistsError when one exists."""
    written: list[Path] = []
    try:
        for path, (text, mode) in files.items():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            written.append(path)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def amazon_root() -> str:
    """Amazon Root CA 1 in PEM, from botocore's CA bundle; the whole bundle if it lacks that CA."""
    bundle = Path(get_cert_path(True) or ssl.get_default_verify_paths().openssl_cafile)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(bundle)
    for fields, der in zip(context.get_ca_certs(), context.get_ca_certs(binary_form=True), strict=True):
        subject = fields["subject"]
        if isinstance(subject, tuple) and (("commonName", _ROOT),) in subject:
            return ssl.DER_cert_to_PEM_cert(der)
    return bundle.read_text()
