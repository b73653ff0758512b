"""The environment of the cloud's programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from contracts.settings import load
from local.environment import base_environ, worker_environ
from local.state import StateDir
from tests.local.test_state import record
from worker.settings import WorkerSettings


def test_nothing_of_the_callers_own_aws_settings_reaches_a_program() -> None:
    """A profile of a real account must never be what a test deploys with."""
    environ = base_environ(
        {"AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "t", "HTTPS_PROXY": "http://p", "HOME": "/h", "PATH": "/p"}
        | {"AWS_CONFIG_FILE": "/c", "AWS_SHARED_CREDENTIALS_FILE": "/s", "AWS_DEFAULT_PROFILE": "p"},
        endpoint="http://127.0.0.1:1",
    )
    assert environ.keys() & {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "HTTPS_PROXY"} == set()
    assert (environ["HOME"], environ["AWS_ENDPOINT_URL"]) == ("/h", "http://127.0.0.1:1")
    assert environ["AWS_SHARED_CREDENTIALS_FILE"] == environ["AWS_CONFIG_FILE"] == "/dev/null"


def test_no_program_reports_to_onnxruntimes_maker() -> None:
    """Nor writes into the home folder for it."""
    assert base_environ({}, endpoint="http://127.0.0.1:1")["ORT_DISABLE_TELEMETRY"] == "1"


def test_the_worker_gets_every_setting_that_it_needs_and_the_callers_own_tuning(tmp_path: Path) -> None:
    """Held against the worker's own declaration, so that the two can't drift."""
    state = StateDir(tmp_path)
    state.prepare()
    for name in ("ca.pem", "i-1.cert.pem", "i-1.key.pem"):
        (state.certs / name).touch()
    known = record(tmp_path)
    known = replace(known, mqtt=replace(known.mqtt, ca=state.certs / "ca.pem"), buckets={"images": "i", "dataset": "d"})
    environ = worker_environ(
        known, broker_port=1234, state=state, environ={"NUNCHI_GATE": "0.9", "NUNCHI_SOCKET": "/x", "HOME": "/h"}
    )
    settings = load(WorkerSettings, environ)
    assert (settings.images_bucket, settings.dataset_bucket, settings.instance_id) == ("i", "d", "i-1")
    assert (settings.mqtt_port, settings.gate) == (1234, 0.9)
    assert settings.socket == tmp_path / "worker.sock"
    assert "HOME" not in environ
