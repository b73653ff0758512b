"""A device's folder, as `nunchi kiosk add` writes it, of a cloud that does not answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

FIELDS: Final[dict[str, Any]] = {
    "kiosk_id": "shop1",
    "mqtt_host": "127.0.0.1",
    "mqtt_port": 1,
    "client_id": "shop1",
    "credentials_url": "https://127.0.0.1:1/role-aliases/nunchi-kiosk/credentials",
    "region": "ap-northeast-2",
    "s3_endpoint": "http://127.0.0.1:4566",
    "bucket": "images",
    "ca": "ca.pem",
    "cert": "shop1.cert.pem",
    "key": "shop1.key.pem",
    "elder_from": 0.4,
    "a_newer_field": 1,
}


def device_folder(folder: Path, **changes: Any) -> Path:
    """The folder itself, with its files; a field that is None is left out."""
    fields = {name: value for name, value in (FIELDS | changes).items() if value is not None}
    (folder / "shop1.json").write_text(json.dumps(fields))
    for name in ("ca.pem", "shop1.cert.pem", "shop1.key.pem"):
        (folder / name).write_text("no certificate\n")
    return folder
