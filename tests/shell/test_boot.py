"""boot.sh, run for real under another root: real packages, a real certificate, a worker at a real broker."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.settings import load
from local import worker_socket
from tests.shell.conftest import INFERENCE, Account
from tests.shell.http_stand_ins import AutoScaling, serving
from tests.shell.machine import WORKER, Machine
from tests.waiting import until
from worker.settings import WorkerSettings


@pytest.fixture(scope="module")
def booted(account: Account) -> Iterator[tuple[Machine, str]]:
    """A machine that has booted, and its instance id. At its first try the function's role was too young to sign."""
    instance_id = account.launch(INFERENCE)
    with account.booting(instance_id, NUNCHI_GATE="0.9", NUNCHI_CLOSED='2027-01-01,"\\$(touch x)') as machine:
        done = machine.boot(NUNCHI_ENROL_FUNCTION="late")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "no certificate yet: the role may not sign" in done.stdout
        yield machine, instance_id


def test_a_bare_machine_becomes_a_worker_that_kiosks_hear(booted: tuple[Machine, str], account: Account) -> None:
    """Its own certificate, one, lets it in at the broker; systemd and CloudFormation know that it is ready."""
    machine, instance_id = booted
    for word in ("READY=1", "WATCHDOG=1"):
        machine.services.heard(word)
    until(lambda: worker_socket.broker_connected(machine.socket), within_s=60, what="the broker lets it in")
    assert len(account.certificates(instance_id)) == 1
    assert machine.signals == [
        "--exit-code 0 --reason the worker is ready --stack NunchiCompute --resource Instance --region us-east-1"
    ]


def test_the_worker_gets_the_settings_that_user_data_gave_and_boot_found(booted: tuple[Machine, str]) -> None:
    """As systemd reads them, whatever they hold; and none of those that only boot.sh needs."""
    machine, instance_id = booted
    environ = machine.worker_environment()
    settings = load(WorkerSettings, environ)
    assert (settings.instance_id, settings.mqtt_host, settings.gate) == (instance_id, "127.0.0.1", 0.9)
    assert (settings.socket, settings.mqtt_key) == (machine.socket, machine.etc / "worker.key.pem")
    assert environ["NUNCHI_CLOSED"] == '2027-01-01,"\\$(touch x)'
    assert (environ["AWS_REGION"], environ["AWS_DEFAULT_REGION"]) == ("us-east-1", "us-east-1")
    assert not environ.keys() & {"NUNCHI_ENROL_FUNCTION", "NUNCHI_STACK", "NUNCHI_PREFIX", "NUNCHI_PYTHON"}


def test_the_key_is_its_owners_alone(booted: tuple[Machine, str]) -> None:
    machine, _ = booted
    modes = {
        str(path.relative_to(machine.root)): stat.filemode(path.stat().st_mode)
        for path in (
            machine.etc,
            machine.etc / "worker.key.pem",
            machine.etc / "worker.env",
            machine.root / "var/log/nunchi",
        )
    }
    assert modes == {
        "etc/nunchi": "drwxr-x---",
        "etc/nunchi/worker.key.pem": "-rw-------",
        "etc/nunchi/worker.env": "-rw-r-----",
        "var/log/nunchi": "drwxr-x---",
    }


def test_the_services_start_with_the_machine_and_logs_are_shipped(booted: tuple[Machine, str]) -> None:
    """Closed days are looked at from the next start on; in mode `command` there is no Auto Scaling to speak to."""
    machine, _ = booted
    assert machine.services.calls[:3] == [
        "daemon-reload",
        f"enable --quiet nunchi-closed.service {WORKER}",
        f"restart --no-block {WORKER}",
    ]
    assert machine.agent_calls == [f"-a fetch-config -m ec2 -s -c file:{machine.etc}/cloudwatch-agent.json"]


def test_a_second_run_changes_nothing(booted: tuple[Machine, str], account: Account) -> None:
    """Not a file, not the certificate, not the process."""
    machine, instance_id = booted
    before = _everything(machine), machine.services.pid(WORKER), account.certificates(instance_id)
    done = machine.boot()
    assert (done.returncode, done.stderr) == (0, "")
    assert (_everything(machine), machine.services.pid(WORKER), account.certificates(instance_id)) == before
    assert "wrote" not in done.stdout
    assert len(machine.agent_calls) == 1


def test_a_changed_setting_starts_the_worker_again(booted: tuple[Machine, str]) -> None:
    machine, _ = booted
    before = machine.services.pid(WORKER)
    done = machine.boot(NUNCHI_GATE="0.8")
    assert (done.returncode, load(WorkerSettings, machine.worker_environment()).gate) == (0, 0.8)
    assert f"wrote {machine.etc}/worker.env" in done.stdout
    assert machine.services.pid(WORKER) not in (None, before)


def test_a_machine_that_was_copied_gets_a_key_of_its_own(booted: tuple[Machine, str], account: Account) -> None:
    """An image made of an enrolled machine must not give its identity away."""
    machine, instance_id = booted
    key, certificates = (machine.etc / "worker.key.pem").read_bytes(), account.certificates(instance_id)
    copy = account.launch(INFERENCE)
    assert machine.boot(NUNCHI_INSTANCE=copy).returncode == 0
    assert (machine.etc / "worker.key.pem").read_bytes() != key
    assert (account.certificates(instance_id), len(account.certificates(copy))) == (certificates, 1)


def test_a_worker_that_does_not_get_ready_is_a_failure_with_the_end_of_its_log(booted: tuple[Machine, str]) -> None:
    machine, _ = booted
    done = machine.boot(NUNCHI_MODEL="/no/such/model", NUNCHI_PATIENCE_S="10")
    assert done.returncode == 7
    assert "NUNCHI_MODEL is wrong: file /no/such/model is missing" in done.stderr
    assert machine.signals[-1].startswith("--exit-code 7 --reason the worker was not ready within 10 s")


def test_in_mode_queue_the_auto_scaling_group_is_watched_too(booted: tuple[Machine, str]) -> None:
    """Its own service, which runs beside a worker that reads the queue itself."""
    machine, instance_id = booted
    before = len(machine.services.calls)
    assert machine.boot(NUNCHI_UPLOAD_QUEUE_URL="https://sqs.us-east-1.amazonaws.com/1/uploads").returncode == 0
    both = f"{WORKER} nunchi-lifecycle.service"
    assert machine.services.calls[before:][1:3] == [
        f"enable --quiet nunchi-closed.service {both}",
        f"restart --no-block {both}",
    ]
    log = machine.root / "var/log/nunchi/lifecycle.log"
    until(lambda: f"waits for the hooks of {instance_id}" in log.read_text(), within_s=60, what="it watches")


def test_stopping_the_unit_lets_the_worker_finish(booted: tuple[Machine, str]) -> None:
    """It says that it stops, and ends well within the time that its unit gives it."""
    machine, _ = booted
    machine.boot()
    assert machine.services.stop(WORKER) == 0
    machine.services.heard("STOPPING=1")
    assert not worker_socket.ready(machine.socket)


def test_a_refused_enrolment_says_why_and_leaves_nothing(account: Account) -> None:
    """EC2 has the instance, but nobody tagged it for inference."""
    instance_id = account.launch([])
    with account.booting(instance_id, NUNCHI_PATIENCE_S="2") as machine:
        done = machine.boot()
        why = f"enrol refuses {instance_id} a certificate: {instance_id} has no tag nunchi:role=inference"
        assert (done.returncode, why in done.stderr) == (5, True)
        assert sorted(path.name for path in machine.etc.iterdir()) == ["cloudwatch-agent.json"]
        [signal] = machine.signals
        assert signal.startswith(f"--exit-code 5 --reason {why}")


@pytest.mark.parametrize(
    ("function", "why"), [("broken", "the role may not sign"), ("missing", "Function not found: missing")]
)
def test_an_enrolment_function_that_gives_no_answer_ends_the_boot_at_last(
    account: Account, function: str, why: str
) -> None:
    with account.booting("i-0123456789abcdef0", NUNCHI_PATIENCE_S="1", NUNCHI_ENROL_FUNCTION=function) as machine:
        done = machine.boot()
        assert (done.returncode, why in done.stderr) == (6, True)
        assert [signal.split()[1] for signal in machine.signals] == ["6"]


def test_without_settings_python_or_metadata_nothing_is_done(account: Account) -> None:
    with account.booting("i-0123456789abcdef0") as machine:
        unset = machine.boot(NUNCHI_IMAGES_BUCKET="", AWS_REGION="")
        no_python = machine.boot(NUNCHI_PYTHON="python3.99")
        nameless = machine.boot(NUNCHI_IMDS="http://127.0.0.1:1")
        assert [one.returncode for one in (unset, no_python, nameless)] == [2, 3, 2]
        assert "not set: NUNCHI_IMAGES_BUCKET AWS_REGION" in unset.stderr
        assert "python3.99 is not Python 3.11 or newer" in no_python.stderr
        assert "the metadata service gives no instance id" in nameless.stderr
        assert [signal.split()[1] for signal in machine.signals] == ["2", "3", "2"]
        assert not machine.etc.exists()


@pytest.mark.parametrize("uv", [True, False], ids=["uv", "pip"])
def test_a_package_that_is_not_the_one_that_was_locked_is_not_installed(
    account: Account, tmp_path: Path, uv: bool
) -> None:
    """By neither installer; and the right one is, by both. Nothing but the wheel at hand is looked at."""
    wheel = _wheel(tmp_path)
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    alone = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "UV_NO_INDEX": "1", "UV_FIND_LINKS": str(tmp_path)}
    alone |= {} if uv else {"NUNCHI_UV": ""}
    with account.booting(account.launch(INFERENCE), NUNCHI_PATIENCE_S="1", **alone) as machine:
        requirements = machine.home / "worker/requirements.txt"
        requirements.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
        wrong = machine.boot()
        assert (wrong.returncode, machine.services.calls) == (4, [])
        assert f"the packages of {requirements} were not installed" in wrong.stderr
        requirements.write_text(f"tiny==1.0 --hash=sha256:{right}\n")
        assert machine.boot().returncode == 7  # the worker needs more than that
        subprocess.run([machine.home / "venv/bin/python", "-c", "import tiny"], check=True, timeout=300)


def test_in_mode_queue_a_boot_that_fails_is_replaced_at_once(account: Account) -> None:
    """Else the group would wait for a quarter of an hour, for each instance of a bad release."""
    group = AutoScaling(group="nunchi", instance_id="i-0123456789abcdef0")
    group.waiting_in = "launching"
    with (
        serving(group),
        account.booting(
            group.instance_id,
            NUNCHI_PATIENCE_S="1",
            NUNCHI_ENROL_FUNCTION="broken",
            NUNCHI_UPLOAD_QUEUE_URL="https://sqs/uploads",
            AWS_ENDPOINT_URL_AUTO_SCALING=group.url,
        ) as machine,
    ):
        assert machine.boot().returncode == 6
        assert group.told == [("launching", "ABANDON")]
        again = machine.boot()  # by hand, when the group waits no more
        assert (again.returncode, "the report to Auto Scaling failed" in again.stderr) == (6, True)
        assert group.told == [("launching", "ABANDON")]


def test_a_boot_that_is_killed_is_told_too(account: Account) -> None:
    with account.booting("i-0123456789abcdef0", NUNCHI_ENROL_FUNCTION="broken") as machine:
        with subprocess.Popen(
            [machine.home / "shell/boot.sh"], env=machine.environ, stdout=subprocess.PIPE, text=True
        ) as boot:
            assert boot.stdout is not None
            next(line for line in boot.stdout if "no certificate yet" in line)
            os.kill(boot.pid, signal.SIGTERM)
            boot.stdout.read()
        assert [told.split(" --stack")[0] for told in machine.signals] == [
            "--exit-code 143 --reason boot.sh was interrupted"
        ]


def _everything(machine: Machine) -> dict[Path, tuple[int, bytes]]:
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for folder in ("etc", "opt/nunchi/venv/installed", "opt/nunchi/shell")
        for path in [machine.root / folder, *(machine.root / folder).rglob("*")]
        if path.is_file()
    }


def _wheel(folder: Path) -> Path:
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\n")
    return path
