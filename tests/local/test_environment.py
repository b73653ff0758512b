"""The environment of the cloud's programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from config.mode import Mode
from config.nunchi_toml import DEFAULT_FILE, Config
from config.nunchi_toml import load as load_file
from config.sections import InferenceSettings
from contracts.errors import SettingsError
from contracts.settings import load
from infra.app import settings
from local.aws.training import training_environ
from local.environment import base_environ, gate_of, mode_of, operators_file, operators_settings, worker_environ
from local.record import REGION, WorkerRecord
from local.state import StateDir
from retrain.settings import RetrainSettings
from tests.local.test_state import record
from worker.settings import WorkerSettings

BUCKETS = {"images": "i", "dataset": "d", "weights": "w"}


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
    known = replace(known, mqtt=replace(known.mqtt, ca=state.certs / "ca.pem"), buckets=BUCKETS)
    environ = worker_environ(
        known.worker,
        known,
        broker_port=1234,
        state=state,
        recipe="kiosk",
        inference=InferenceSettings(),
        environ={"NUNCHI_GATE": "0.9", "NUNCHI_SOCKET": "/x", "HOME": "/h"},
    )
    told = load(WorkerSettings, environ)
    assert (told.images_bucket, told.dataset_bucket, told.instance_id) == ("i", "d", "i-1")
    assert (told.weights_bucket, told.weights_every_s) == ("w", 2)
    assert (told.mqtt_port, told.gate) == (1234, 0.9)
    assert told.socket == tmp_path / "worker.sock"
    assert "HOME" not in environ
    assert (told.state_dir, told.upload_queue_url) == (state.worker / "i-1", None)


@pytest.mark.parametrize(
    ("callers_own", "told"),
    [({}, ("0.9", "0.2")), ({"NUNCHI_GATE": "0.8"}, ("0.8", "0.2")), ({"NUNCHI_GATE": ""}, ("0.9", "0.2"))],
)
def test_worker_and_training_get_the_operators_settings_unless_the_caller_names_others(
    tmp_path: Path, callers_own: dict[str, str], told: tuple[str, str]
) -> None:
    """A gate that `nunchi up` passed over would gather training data that the same file on AWS does not."""
    file = tmp_path / "nunchi.toml"
    file.write_text("[inference]\nconfidence_gate = 0.9\nreview_share = 0.2\n")
    environ = {"NUNCHI_CONFIG": str(file), **callers_own}
    inference = load_file(operators_file(environ)).inference
    known = replace(record(tmp_path), buckets=BUCKETS)
    worker = worker_environ(
        known.worker,
        known,
        broker_port=1234,
        state=StateDir(tmp_path),
        recipe="kiosk",
        inference=inference,
        environ=environ,
    )
    training = training_environ(
        buckets=BUCKETS,
        gate=inference.confidence_gate,
        recipe="kiosk",
        endpoint="http://127.0.0.1:1",
        keys={},
        environ=environ,
    )
    assert (worker["NUNCHI_GATE"], worker["NUNCHI_REVIEW_SHARE"]) == told
    settings = load(RetrainSettings, training)
    assert (str(settings.gate), settings.dataset_bucket, settings.weights_bucket) == (told[0], "d", "w")


def test_a_repository_without_the_operators_file_has_every_default(tmp_path: Path) -> None:
    """The CDK and the workers of a cloud read the same one. A file that NUNCHI_CONFIG names must be there."""
    assert operators_file({}) == DEFAULT_FILE
    assert load_file(operators_file({}, default=tmp_path / "nunchi.toml")) == Config()
    with pytest.raises(SettingsError, match=r"mine\.toml can't be read"):
        load_file(operators_file({"NUNCHI_CONFIG": str(tmp_path / "mine.toml")}))


def test_the_record_has_the_gate_of_the_workers_and_of_the_trainings() -> None:
    """What their labels promise, for whoever checks them: the caller's, else the operator's."""
    operators = InferenceSettings(confidence_gate=0.9)
    assert gate_of({}, operators) == gate_of({"NUNCHI_GATE": ""}, operators) == 0.9
    assert gate_of({"NUNCHI_GATE": "0.8"}, operators) == 0.8
    with pytest.raises(SettingsError, match="NUNCHI_GATE is wrong: 9"):
        gate_of({"NUNCHI_GATE": "9"}, operators)


def test_workers_of_mode_queue_read_the_upload_queue_each_under_its_own_name(tmp_path: Path) -> None:
    """And none shares a certificate, a socket or a folder with another."""
    state = StateDir(tmp_path)
    workers = tuple(WorkerRecord(f"i-{number}", None, state.socket_of(number)) for number in (1, 2))
    known = replace(record(tmp_path), mode=Mode.QUEUE, workers=workers, buckets=BUCKETS)
    one, two = (
        worker_environ(
            worker,
            known,
            broker_port=1234,
            state=state,
            recipe="kiosk",
            inference=InferenceSettings(),
            environ={"NUNCHI_VISIBILITY_S": "5"},
        )
        for worker in workers
    )
    assert one["NUNCHI_UPLOAD_QUEUE_URL"] == two["NUNCHI_UPLOAD_QUEUE_URL"] == "u"
    assert one["NUNCHI_VISIBILITY_S"] == two["NUNCHI_VISIBILITY_S"] == "5"
    assert {name for name in one if one[name] != two[name]} == {
        *("NUNCHI_INSTANCE", "NUNCHI_MQTT_CERT", "NUNCHI_MQTT_KEY", "NUNCHI_SOCKET", "NUNCHI_STATE_DIR")
    }


def test_the_mode_is_the_variables_or_else_the_operators(tmp_path: Path) -> None:
    """So that a test or a developer tries the other mode without editing a file."""
    file = tmp_path / "nunchi.toml"
    file.write_text('mode = "queue"\n')
    config = load_file(operators_file({"NUNCHI_CONFIG": str(file)}))
    assert mode_of({}, config) is Mode.QUEUE
    assert mode_of({"NUNCHI_MODE": "command"}, config) is Mode.COMMAND
    with pytest.raises(
        SettingsError, match=r"NUNCHI_MODE=both is not a mode; nothing was started\. Use command or queue"
    ):
        mode_of({"NUNCHI_MODE": "both"}, config)


def test_the_cdk_app_is_told_the_mode_the_local_region_and_the_callers_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its whole path: the CDK runs in another folder. And it reads just that out of it."""
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text('region = "eu-west-1"\n')
    told = operators_settings({"NUNCHI_CONFIG": "mine.toml", "NUNCHI_GATE": "0.9"}, mode=Mode.QUEUE)
    assert told == {"NUNCHI_CONFIG": str(tmp_path / "mine.toml"), "NUNCHI_REGION": REGION, "NUNCHI_MODE": "queue"}
    config = settings(told)
    assert (config.region, config.mode) == (REGION, Mode.QUEUE)
