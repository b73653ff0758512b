"""train.sh: one training on a machine that powers off, however that ends."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.assembly import ROOT
from tests.shell.http_stand_ins import Metadata, serving
from tests.shell.machine import RECORDER
from tests.waiting import until

TRAINING = "20261122t030405z-yolov5n"
POWER_OFF = ["-h +1"]


class Machine:
    """A training machine's root folder, with a `shutdown` that is only written down."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs = root / "bin"
        self.programs.mkdir()
        shutdown = self.programs / "shutdown"
        shutdown.write_text(RECORDER)
        shutdown.chmod(0o755)
        self.settings = root / "etc/nunchi/training.env"
        self.settings.parent.mkdir(parents=True)
        self.environ = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "NUNCHI_HOME": str(ROOT),
            "NUNCHI_PREFIX": str(root),
            "NUNCHI_USER": "nobody-here",
            "NUNCHI_IMDS": "http://127.0.0.1:1",
            "NUNCHI_POLL_S": "0.05",
            "SSM_Training": TRAINING,
            "SSM_LeastNewLabels": "500",
            "SSM_LimitSeconds": "600",
        }

    def does(self, script: str) -> None:
        """What stands for `python -m retrain`."""
        program = shlex.quote(shlex.join(["bash", "-c", script]))
        self.settings.write_text(f"NUNCHI_DATASET_BUCKET=a\\ bucket\nNUNCHI_RETRAIN={program}\n")

    def start(self, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [ROOT / "shell/train.sh"],
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def train(self, **environ: str) -> tuple[int, str]:
        """Exit status, and what it said on standard error."""
        with self.start(**environ) as process:
            _, said = process.communicate(timeout=300)
        return process.returncode, said

    @property
    def shutdowns(self) -> list[str]:
        calls = self.programs / "shutdown.calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("status", [0, 1, 75])
def test_the_status_is_the_trainings_own_and_the_machine_powers_off_after_it_was_told(
    machine: Machine, status: int
) -> None:
    machine.does(f"echo last words >&2; exit {status}")
    assert machine.train() == (status, "last words\n")
    assert machine.shutdowns == POWER_OFF


def test_the_training_gets_its_settings_and_what_the_command_asked(machine: Machine) -> None:
    """As boot-train.sh wrote them, whatever they hold."""
    machine.does('echo "$NUNCHI_TRAINING|$NUNCHI_DATASET_BUCKET|$(basename "$NUNCHI_WORK_DIR")" >&2')
    assert machine.train() == (0, f"{TRAINING}|a bucket|training\n")
    assert (machine.root / "var/log/nunchi/training.log").read_text() == f"{TRAINING}|a bucket|training\n"


@pytest.mark.parametrize(
    ("label_files", "own", "people"),
    [("500", "", "1"), ("1", "", "1"), ("0", "", "0"), ("00", "", "0"), ("5", "40", "40")],
)
def test_people_are_not_held_against_the_number_of_label_files_that_started_the_machine(
    machine: Machine, label_files: str, own: str, people: str
) -> None:
    """Duplicates and caps leave fewer people than files: a GPU would start only to skip its training."""
    machine.does('echo "$NUNCHI_LEAST_NEW_PEOPLE|${NUNCHI_LEAST_NEW_LABELS-}" >&2')
    told = machine.train(SSM_LeastNewLabels=label_files, NUNCHI_LEAST_NEW_PEOPLE=own)
    assert told == (0, f"{people}|\n")


def test_a_training_that_takes_too_long_is_ended(machine: Machine) -> None:
    machine.does("sleep 600 & wait")
    status, said = machine.train(SSM_LimitSeconds="1")
    assert (status, "the training took longer than 1 s and was ended" in said) == (124, True)
    assert machine.shutdowns == POWER_OFF


def test_a_spot_notice_tells_the_training_to_keep_what_it_has(machine: Machine) -> None:
    """Whatever it ends with then, another machine can go on."""
    kept, begun = machine.root / "kept", machine.root / "begun"
    machine.does(f"trap 'touch {kept}; exit 3' TERM; touch {begun}; while :; do sleep 0.05; done")
    metadata = Metadata({})
    with serving(metadata), machine.start(NUNCHI_IMDS=metadata.url) as process:
        until(begun.exists, within_s=60, what="the training")
        metadata.entries["spot/instance-action"] = '{"action": "terminate", "time": "2026-11-22T03:04:05Z"}'
        process.communicate(timeout=300)
    assert (process.returncode, kept.exists(), machine.shutdowns) == (75, True, POWER_OFF)


def test_a_training_that_is_done_in_spite_of_a_notice_is_done(machine: Machine) -> None:
    begun = machine.root / "begun"
    machine.does(f"trap 'exit 0' TERM; touch {begun}; while :; do sleep 0.05; done")
    metadata = Metadata({})
    with serving(metadata), machine.start(NUNCHI_IMDS=metadata.url) as process:
        until(begun.exists, within_s=60, what="the training")
        metadata.entries["spot/instance-action"] = "{}"
        process.communicate(timeout=300)
    assert process.returncode == 0


def test_a_command_that_is_cancelled_ends_the_training_and_the_machine(machine: Machine) -> None:
    pid = machine.root / "pid"
    machine.does(f"echo $$ >{pid}.new; mv {pid}.new {pid}; while :; do sleep 0.05; done")
    with machine.start() as process:
        until(pid.exists, within_s=60, what="the training")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
    assert (process.returncode, machine.shutdowns) == (143, POWER_OFF)
    until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists(), within_s=60, what="the training's end")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_it_trains_as_another_user_who_hears_the_signals_himself(machine: Machine) -> None:
    """In a home of his own. A `runuser` in between would kill him two seconds after a Spot notice."""
    machine.does('echo "$(id -un) $(cat /proc/$PPID/comm) $HOME" >&2')
    home = machine.root / "work"
    told = machine.train(NUNCHI_USER="nobody", NUNCHI_WORK_DIR=str(home))
    assert (told, home.owner()) == ((0, f"nobody timeout {home}\n"), "nobody")


def test_a_second_command_changes_nothing(machine: Machine) -> None:
    """Neither the training nor the machine: it would power off under the first."""
    begun, go = machine.root / "begun", machine.root / "go"
    machine.does(f"touch {begun}; until [[ -e {go} ]]; do sleep 0.05; done")
    with machine.start() as first:
        until(begun.exists, within_s=60, what="the training")
        status, said = machine.train()
        assert (status, "a training runs here already" in said) == (6, True)
        assert machine.shutdowns == []
        go.touch()
        first.communicate(timeout=300)
    assert (first.returncode, machine.shutdowns) == (0, POWER_OFF)


@pytest.mark.parametrize("missing", ["SSM_Training", "SSM_LeastNewLabels", "SSM_LimitSeconds"])
def test_without_its_parameters_nothing_is_trained_and_the_machine_goes(machine: Machine, missing: str) -> None:
    """An SSM agent that is too old hands none over."""
    machine.does("exit 9")
    assert machine.train(**{missing: ""})[0] == 2
    assert machine.shutdowns == POWER_OFF


def test_without_settings_nothing_is_trained_and_the_machine_goes(machine: Machine) -> None:
    status, said = machine.train()
    assert (status, "boot-train.sh writes it" in said, machine.shutdowns) == (2, True, POWER_OFF)


def boot_train(machine: Machine, step: str, **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [ROOT / "shell/boot-train.sh", step],
        env=machine.environ | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def test_settings_are_written_as_a_shell_reads_them_back(machine: Machine) -> None:
    """And none of those that only a try-out has."""
    status, _ = boot_train(
        machine,
        "settings",
        AWS_REGION="ap-northeast-2",
        NUNCHI_DATASET_BUCKET="dataset",
        NUNCHI_WEIGHTS_BUCKET="weights",
        NUNCHI_IMAGES_BUCKET="images",
        NUNCHI_GATE="0.9",
        NUNCHI_TRACK="$(touch x) 'a' \"b\"",
    )
    assert status == 0
    read = subprocess.run(
        ["bash", "-c", f"set -a; source {machine.settings}; env -0"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout.split("\0")
    told = dict(one.split("=", 1) for one in read if one.startswith(("NUNCHI_", "AWS_")))
    assert told["NUNCHI_TRACK"] == "$(touch x) 'a' \"b\""
    assert (told["NUNCHI_IMAGES_BUCKET"], told["NUNCHI_GATE"]) == ("images", "0.9")
    assert (told["AWS_REGION"], told["AWS_DEFAULT_REGION"]) == ("ap-northeast-2", "ap-northeast-2")
    assert told["NUNCHI_TRAINER_PYTHON"].endswith("/venv-trainer/bin/python")
    assert not told.keys() & {"NUNCHI_PREFIX", "NUNCHI_HOME", "NUNCHI_USER"}


class Packages:
    """A machine whose Python and uv only write down what they would install."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        home = machine.root / "opt/nunchi"
        for folder in ("shell", "retrain"):
            shutil.copytree(ROOT / folder, home / folder, ignore=shutil.ignore_patterns("__pycache__"))
        self._uv = machine.programs / "uv"
        self._uv.write_text(RECORDER)
        self._uv.chmod(0o755)
        self.environ = {
            "NUNCHI_HOME": str(home),
            "NUNCHI_PYTHON": sys.executable,
            "NUNCHI_USER": getpass.getuser(),
            "NUNCHI_UV": str(self._uv),
        }

    def boot(self, step: str, **environ: str) -> None:
        status, said = boot_train(self._machine, step, **self.environ, **environ)
        assert status == 0, said

    @property
    def installed(self) -> list[str]:
        """The lists that were installed, in order."""
        calls = self._uv.with_name("uv.calls")
        return [call.rpartition("/opt/nunchi/")[2] for call in calls.read_text().splitlines()]


@pytest.mark.parametrize(
    ("environ", "lists"),
    [
        ({}, ["retrain/requirements.txt", "retrain/trainer/requirements.txt"]),
        ({"NUNCHI_TRAINER": "no"}, ["retrain/requirements.txt"]),
    ],
)
def test_the_trainers_environment_is_installed_unless_the_recipe_needs_none(
    machine: Machine, environ: dict[str, str], lists: list[str]
) -> None:
    """Heads are taught without torch: 6 GB less. A second time nothing is installed."""
    packages = Packages(machine)
    packages.boot("packages", **environ)
    packages.boot("packages", **environ)
    assert packages.installed == lists


def test_the_training_command_installs_no_trainer_either_where_none_is_needed(machine: Machine) -> None:
    """It has the settings alone, without what user data exported."""
    packages = Packages(machine)
    buckets = {"NUNCHI_DATASET_BUCKET": "dataset", "NUNCHI_WEIGHTS_BUCKET": "weights"}
    packages.boot("settings", AWS_REGION="us-east-1", NUNCHI_TRAINER="no", NUNCHI_RECIPE="mask", **buckets)
    assert "NUNCHI_TRAINER=no\n" in machine.settings.read_text()
    assert "NUNCHI_TRAINER_PYTHON" not in machine.settings.read_text()
    command = ["bash", "-c", 'set -a; source "$1"; set +a; exec "$NUNCHI_HOME/shell/boot-train.sh" packages', "bash"]
    environ = machine.environ | packages.environ
    subprocess.run([*command, machine.settings], env=environ, check=True, capture_output=True, timeout=300)
    assert packages.installed == ["retrain/requirements.txt"]


def test_every_setting_that_is_missing_is_named_at_once(machine: Machine) -> None:
    status, said = boot_train(machine, "settings", NUNCHI_DATASET_BUCKET="dataset")
    assert (status, "not set: NUNCHI_WEIGHTS_BUCKET AWS_REGION" in said) == (2, True)
    assert not machine.settings.exists()


def test_a_python_that_is_none_is_said_before_anything_is_done(machine: Machine) -> None:
    status, said = boot_train(machine, "packages", NUNCHI_PYTHON="/nowhere/python")
    assert (status, "is not Python 3.11 or newer; nothing was done" in said) == (3, True)


def test_a_step_that_is_none_is_refused(machine: Machine) -> None:
    assert boot_train(machine, "everything")[0] == 2
