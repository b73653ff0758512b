"""Retraining in a local cloud: a launch template and a document on moto, and the folder of a training machine.

The state machine and its steps are those of AWS, deployed by the CDK. Its machines are moto instances, on which Run
Command runs shell/train.sh with the packages of this machine.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from config.names import LAUNCH_TEMPLATE, ROLE_TAG, TRAIN_DOCUMENT, TRAINING_ROLE
from config.stack_outputs import TRAINING_ACCESS_ARN, buckets_of
from contracts.settings import environment_for, variables_of
from local.aws.deploy import IMAGE, access_keys, add_document
from local.environment import ROOT, callers_own, isolated_aws
from local.state import StateDir
from retrain.settings import DEFAULT_TRAINER, RetrainSettings

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

RETRAIN_VARIABLE: Final = "NUNCHI_RETRAIN"
_SHUTDOWN: Final = """#!/usr/bin/env bash
# `shutdown` on a training machine of the local cloud.
PYTHONPATH={root} setsid {python} -m local.aws.fake_ec2 "$@" </dev/null >/dev/null 2>&1 &
"""


class TrainingMachine:
    """The root folder of the training machines of a cloud."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.programs = folder / "bin"
        self.settings = folder / "etc" / "nunchi" / "training.env"
        self.log = folder / "var" / "log" / "nunchi" / "training.log"

    def make(self, settings: Mapping[str, str]) -> None:
        """Write its settings, as boot-train.sh does on AWS, and its `shutdown`."""
        self.settings.parent.mkdir(parents=True, exist_ok=True)
        self.settings.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()))
        self.programs.mkdir(exist_ok=True)
        shutdown = self.programs / "shutdown"
        shutdown.write_text(_SHUTDOWN.format(root=shlex.quote(str(ROOT)), python=shlex.quote(sys.executable)))
        shutdown.chmod(0o755)


def machine_environ(path: str, folder: Path, ec2_url: str) -> dict[str, str]:
    """The environment of scripts on a training machine, in addition to that of every instance."""
    machine = TrainingMachine(folder)
    return {
        "PATH": f"{machine.programs}:{path}",
        "NUNCHI_PREFIX": str(folder),
        "NUNCHI_POLL_S": "1",
        "NUNCHI_IMDS": "http://127.0.0.1:1",  # there are no Spot interruptions here
        "AWS_ENDPOINT_URL_EC2": ec2_url,
    }


def provision(
    state: StateDir,
    outputs: Mapping[str, str],
    client: Callable[[str], Any],
    *,
    endpoint: str,
    gate: float,
    recipe: str,
    environ: Mapping[str, str],
) -> None:
    """Create all of it. `outputs` are the pipeline stack's; `gate` (0-1) is the operator's."""
    _add_launch_template(client("ec2"))
    add_document(client("ssm"), state.assembly, TRAIN_DOCUMENT)
    TrainingMachine(state.training).make(
        training_environ(
            buckets=buckets_of(outputs),
            gate=gate,
            recipe=recipe,
            endpoint=endpoint,
            keys=access_keys(client("iam"), "training", outputs[TRAINING_ACCESS_ARN]),
            environ=environ,
        )
    )


def training_environ(
    *,
    buckets: Mapping[str, str],
    gate: float,
    recipe: str,
    endpoint: str,
    keys: Mapping[str, str],
    environ: Mapping[str, str],
) -> dict[str, str]:
    """Settings of trainings. The caller's, as NUNCHI_EPOCHS=3, override the operator's; addresses override both."""
    return (
        {RETRAIN_VARIABLE: f"{shlex.quote(sys.executable)} -m retrain"}
        | variables_of(RetrainSettings, {"trainer_python": DEFAULT_TRAINER, "gate": gate, "recipe": recipe})
        | callers_own(environ)
        | environment_for(RetrainSettings, {f"{name}_bucket": bucket for name, bucket in buckets.items()})
        | isolated_aws(endpoint)
        | {"PYTHONPATH": str(ROOT), **keys}
    )


def _add_launch_template(ec2: EC2Client) -> None:
    """Create the launch template of training machines, which NunchiCompute has on AWS."""
    ec2.create_launch_template(
        LaunchTemplateName=LAUNCH_TEMPLATE,
        LaunchTemplateData={
            "ImageId": IMAGE,
            "InstanceType": "g4dn.xlarge",  # of no meaning here: a machine of moto is this machine
            "InstanceInitiatedShutdownBehavior": "terminate",
            "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": ROLE_TAG, "Value": TRAINING_ROLE}]}],
        },
    )
